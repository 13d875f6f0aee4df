//! Models of other programs, from their files.

use super::Failure;
use super::files;
use crate::model::Network;
use crate::model::codec;
use crate::model::float::{FloatNetwork, InputCode};
use crate::model::import::{self, onnx::External};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// A model as its file has it.
pub(super) enum Foreign {
    /// An exact integer network.
    Integer(Network),
    /// A float network.
    Float(FloatModel),
}

/// A float network and what its file says besides.
pub(super) struct FloatModel {
    pub(super) network: FloatNetwork,
    /// How inputs are coded as integers, if the file says so.
    pub(super) code: Option<InputCode>,
    /// Format, and for ONNX the operator set and the program that wrote it.
    pub(super) source: String,
    /// Operators with the number of nodes of each; empty for safetensors.
    pub(super) operators: Vec<(String, usize)>,
}

/// Whether a file is an ONNX model, by its name or its first bytes.
fn is_onnx(bytes: &[u8], path: &Path) -> bool {
    let named = |end: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(end));
    // The header of a safetensors file comes after its length, eight bytes.
    let safetensors = named("safetensors") || bytes.get(8) == Some(&b'{');
    named("onnx") || (!safetensors && import::looks_like_onnx(bytes))
}

/// Reads a model from the bytes of its file, and what lies beside it.
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Foreign, Failure> {
    let name = files::name(path);
    if let Some(kind) = codec::kind_of(bytes) {
        let what = codec::name(kind);
        return Err(Failure::usage(format!(
            "{name}: this is a {what}, expected a model of another program (.onnx, .safetensors)"
        )));
    }
    if is_onnx(bytes, path) {
        let folder = files::folder(path);
        let mut model = import::onnx(bytes, &name, &|place| external(folder, place))?;
        // Graphs are called what the exporter calls all of them.
        if let Some(stem) = path.file_stem().and_then(|s| s.to_str()) {
            stem.clone_into(&mut model.network.name);
        }
        let producer = if model.producer.is_empty() { String::new() } else { format!(", by {}", model.producer) };
        return Ok(Foreign::Float(FloatModel {
            code: model.network.input.map(InputCode::from),
            source: format!("ONNX, operator set {}{producer}", model.opset),
            network: model.network,
            operators: model.operators,
        }));
    }
    if import::floats::is_float(bytes) {
        let import::FloatModel { network, code } = import::safetensors_float(bytes, &name)?;
        return Ok(Foreign::Float(FloatModel { network, code, source: "safetensors".into(), operators: Vec::new() }));
    }
    Ok(Foreign::Integer(import::safetensors(bytes, &name)?))
}

/// Reads a model from its file.
pub(super) fn read(path: &Path) -> Result<Foreign, Failure> {
    parse(&files::read_foreign(path)?, path)
}

/// The bytes of a tensor beside the model: in its folder or below, and nowhere else.
fn external(folder: &Path, place: External<'_>) -> Result<Vec<u8>, String> {
    let relative = Path::new(place.location);
    let shown = relative.display();
    let inside =
        !place.location.is_empty() && relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    let cannot = |e: std::io::Error| format!("lies in {shown}, which cannot be read ({e}); put it beside the model");
    // A link must not lead out of the folder either.
    let path = if inside { folder.join(relative).canonicalize().map_err(cannot)? } else { folder.to_owned() };
    if !inside || !path.starts_with(folder.canonicalize().map_err(cannot)?) {
        return Err(format!("lies in {shown}, expected a file in the model's folder"));
    }
    let mut file = std::fs::File::open(&path).map_err(cannot)?;
    let size = file.metadata().map_err(cannot)?.len();
    let end = place.offset.checked_add(place.length);
    if end.is_none_or(|end| end > size) {
        let (offset, length) = (place.offset, place.length);
        return Err(format!("is {length} bytes from byte {offset} of {shown}, which has {size} bytes"));
    }
    file.seek(SeekFrom::Start(place.offset)).map_err(cannot)?;
    let mut bytes = Vec::with_capacity(place.length as usize);
    file.take(place.length).read_to_end(&mut bytes).map_err(cannot)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn external_data_stays_in_the_models_folder() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("model");
        std::fs::create_dir_all(folder.join("data")).unwrap();
        std::fs::write(outer.path().join("secret"), [9; 16]).unwrap();
        std::fs::write(folder.join("data/w.bin"), (0..16).collect::<Vec<u8>>()).unwrap();
        let read = |location: &str, offset, length| external(&folder, External { location, offset, length });
        assert_eq!(read("data/w.bin", 4, 8).unwrap(), [4, 5, 6, 7, 8, 9, 10, 11]);
        assert_eq!(read("./data/w.bin", 0, 16).unwrap().len(), 16);
        let refused = |location: &str, offset, length, part: &str| {
            let text = read(location, offset, length).unwrap_err();
            assert!(text.contains(part), "{text} | {part}");
        };
        refused("data/w.bin", 8, 9, "is 9 bytes from byte 8 of data/w.bin, which has 16 bytes");
        refused("data/w.bin", u64::MAX, 9, "which has 16 bytes");
        refused("missing.bin", 0, 1, "lies in missing.bin, which cannot be read");
        let absolute = outer.path().join("secret");
        for location in ["../secret", "data/../../secret", "", absolute.to_str().unwrap()] {
            refused(location, 0, 1, "expected a file in the model's folder");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(outer.path().join("secret"), folder.join("link")).unwrap();
            refused("link", 0, 1, "expected a file in the model's folder");
        }
    }
}

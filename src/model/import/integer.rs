//! Exact integer ternary networks in a `.safetensors` file.
//!
//! | In the file | Type and shape | Meaning |
//! | --- | --- | --- |
//! | `layer{b}.weight` | `I8` `[outputs, inputs]` | `W` of layer `b`, counted from 0; entries −1, 0 and 1 |
//! | `layer{b}.bias` | `I32` `[outputs]` | its bias; zeros when the tensor is absent |
//! | metadata `zktern` | JSON text | what follows |
//!
//! ```json
//! {"format": 1, "name": "mnist-784-512-10", "input": {"min": 0, "max": 255},
//!  "layers": [{"shift": 6, "min": 0, "max": 255}, {}]}
//! ```
//!
//! One entry of `layers` per layer; the last one is empty because logits are not requantised. A key or tensor that is not in
//! this table is refused: it might be meant to change what the network computes.

use super::super::architecture::{MAX_LAYERS, MAX_WIDTH};
use super::super::{Architecture, Clamp, Layer, Network, Requantise, TernaryMatrix};
use super::{ImportError, brief, quote};
use ::safetensors::Dtype;
use ::safetensors::tensor::Metadata;
use serde_json::{Map, Value};

#[cfg(test)]
#[path = "integer_tests.rs"]
mod tests;

/// Version of the metadata that this program reads.
pub const FORMAT: i64 = 1;

/// Key of the metadata.
pub const KEY: &str = "zktern";

/// Longest header: one for the deepest network takes a hundredth of it, and parsing takes several times its length in memory.
pub(super) const MAX_HEADER: usize = 4 << 20;

/// Longest name of a network, in bytes.
const MAX_NAME: usize = 256;

/// Reads an exact integer ternary network from the bytes of a `.safetensors` file; `file` is a name for messages.
///
/// # Errors
/// One sentence that names the file, the tensor or key, what was found and what was expected.
pub fn safetensors(bytes: &[u8], file: &str) -> Result<Network, ImportError> {
    let reader = Reader::open(bytes, file)?;
    let description = reader.description()?;
    reader.check_format(&description)?;
    reader.only(&description, "zktern", &["format", "name", "input", "layers"])?;
    let name = reader.name(&description)?;
    let input = reader.field(&description, "zktern", "input")?;
    let input = reader.object(input, "zktern.input")?;
    reader.only(input, "zktern.input", &["min", "max"])?;
    let input = reader.clamp(input, "zktern.input")?;
    let described = reader.field(&description, "zktern", "layers")?;
    let Value::Array(described) = described else {
        return Err(reader.wrong("zktern.layers", format!("is {}, expected an array", show(described))));
    };
    if described.len() > MAX_LAYERS {
        let what = format!("has {} entries, expected at most {MAX_LAYERS}", described.len());
        return Err(reader.wrong("zktern.layers", what));
    }
    let layer = |(b, value)| reader.layer(b, value);
    let layers = described.iter().enumerate().map(layer).collect::<Result<Vec<_>, _>>()?;
    reader.no_others(layers.len())?;
    let network = Network { name, input, layers };
    // Whatever is imported can be proved: shapes chain, accumulators fit.
    Architecture::of(&network, 1).map_err(|source| ImportError::Network { file: file.to_owned(), source })?;
    Ok(network)
}

/// Shape and bytes.
struct Tensor<'a> {
    shape: &'a [usize],
    data: &'a [u8],
}

pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) header: Metadata,
    pub(super) data: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads the header. Not by `SafeTensors::deserialize`: version 0.8 adds the header's length to offsets near 2^64 and panics
    /// in builds that check for overflow.
    pub(super) fn open(bytes: &'a [u8], file: &'a str) -> Result<Self, ImportError> {
        let bad = |what: String| ImportError::Container { file: file.to_owned(), what };
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(bad(format!("{} bytes, expected at least 8", bytes.len())));
        };
        let length = u64::from_le_bytes(*length);
        let Some((header, data)) = usize::try_from(length).ok().and_then(|n| rest.split_at_checked(n)) else {
            return Err(bad(format!("a header of {length} bytes is announced, but {} are left", rest.len())));
        };
        if header.len() > MAX_HEADER {
            return Err(bad(format!("its header has {length} bytes, expected at most {MAX_HEADER}")));
        }
        let header: Metadata =
            serde_json::from_slice(header).map_err(|e| bad(format!("its header is wrong: {}", brief(&e.to_string()))))?;
        if header.data_len() != data.len() {
            let found = data.len();
            return Err(bad(format!("{found} bytes of tensors, expected {} by its header", header.data_len())));
        }
        Ok(Self { file, header, data })
    }

    pub(super) fn wrong(&self, key: impl Into<String>, what: impl Into<String>) -> ImportError {
        ImportError::Metadata { file: self.file.to_owned(), key: key.into(), what: what.into() }
    }

    pub(super) fn tensor_error(&self, name: &str, what: impl Into<String>) -> ImportError {
        ImportError::Tensor { file: self.file.to_owned(), tensor: quote(name), what: what.into() }
    }

    /// The metadata as a JSON object.
    pub(super) fn description(&self) -> Result<Map<String, Value>, ImportError> {
        let Some(text) = self.header.metadata().as_ref().and_then(|m| m.get(KEY)) else {
            // A network straight from a training program says more by its floats than by what it lacks.
            let mut names = self.names();
            names.retain(|name| self.header.info(name).is_some_and(|info| is_float(info.dtype)));
            return Err(match names.first().and_then(|name| Some((name, self.header.info(name)?.dtype))) {
                Some((name, found)) => self.float(name, found),
                None => self.wrong(KEY, "is missing, expected a JSON description of the network"),
            });
        };
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(other) => Err(self.wrong(KEY, format!("is {}, expected an object", show(&other)))),
            Err(e) => Err(self.wrong(KEY, format!("is not JSON: {}", brief(&e.to_string())))),
        }
    }

    /// Comes first: another format may have other keys.
    fn check_format(&self, description: &Map<String, Value>) -> Result<(), ImportError> {
        let format = self.field(description, KEY, "format")?;
        if format.as_i64() == Some(FORMAT) {
            return Ok(());
        }
        let what = format!("is {}, this program reads {FORMAT}; use a newer zktern", show(format));
        Err(self.wrong("zktern.format", what))
    }

    pub(super) fn name(&self, description: &Map<String, Value>) -> Result<String, ImportError> {
        let name = self.field(description, KEY, "name")?;
        match name.as_str() {
            Some(text) if text.len() <= MAX_NAME && !text.chars().any(char::is_control) => Ok(text.to_owned()),
            _ => {
                let what = format!("is {}, expected a text of up to {MAX_NAME} bytes on one line", show(name));
                Err(self.wrong("zktern.name", what))
            }
        }
    }

    pub(super) fn field<'m>(&self, map: &'m Map<String, Value>, path: &str, key: &str) -> Result<&'m Value, ImportError> {
        map.get(key).ok_or_else(|| self.wrong(format!("{path}.{key}"), "is missing"))
    }

    pub(super) fn object<'m>(&self, value: &'m Value, path: &str) -> Result<&'m Map<String, Value>, ImportError> {
        value.as_object().ok_or_else(|| self.wrong(path, format!("is {}, expected an object", show(value))))
    }

    pub(super) fn only(&self, map: &Map<String, Value>, path: &str, known: &[&str]) -> Result<(), ImportError> {
        match map.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => Err(self.wrong(path, format!("has the unknown key {}, expected {}", quote(key), known.join(", ")))),
        }
    }

    fn integer<T: TryFrom<i64>>(&self, map: &Map<String, Value>, path: &str, key: &str) -> Result<T, ImportError> {
        let value = self.field(map, path, key)?;
        value.as_i64().and_then(|v| T::try_from(v).ok()).ok_or_else(|| {
            let kind = if key == "shift" { "an integer, at least 0" } else { "a 32-bit integer" };
            self.wrong(format!("{path}.{key}"), format!("is {}, expected {kind}", show(value)))
        })
    }

    pub(super) fn clamp(&self, map: &Map<String, Value>, path: &str) -> Result<Clamp, ImportError> {
        Ok(Clamp { min: self.integer(map, path, "min")?, max: self.integer(map, path, "max")? })
    }

    fn layer(&self, b: usize, described: &Value) -> Result<Layer, ImportError> {
        let path = format!("zktern.layers[{b}]");
        let map = self.object(described, &path)?;
        self.only(map, &path, &["shift", "min", "max"])?;
        let requantise = if map.is_empty() {
            None
        } else {
            Some(Requantise { shift: self.integer(map, &path, "shift")?, clamp: self.clamp(map, &path)? })
        };
        let weights = self.weights(&format!("layer{b}.weight"))?;
        let bias = self.bias(&format!("layer{b}.bias"), weights.rows())?;
        Ok(Layer { weights, bias, requantise })
    }

    fn weights(&self, name: &str) -> Result<TernaryMatrix, ImportError> {
        let Some(Tensor { shape, data }) = self.tensor(name, Dtype::I8)? else {
            return Err(self.tensor_error(name, "is missing, expected one for each entry of the metadata zktern.layers"));
        };
        // The rows are a whole number by the header's check of shapes against sizes; the count keeps positions in 32 bits.
        match *shape {
            [rows, columns] if (1..=MAX_WIDTH).contains(&rows) && (1..=MAX_WIDTH).contains(&columns) => {
                if u32::try_from(data.len()).is_err() {
                    return Err(self.tensor_error(name, format!("has {} entries, expected fewer than 2^32", data.len())));
                }
                let rows = data.chunks_exact(columns).map(|row| row.iter().map(|b| b.cast_signed()));
                TernaryMatrix::from_rows(columns, rows).map_err(|e| {
                    let what = format!("has the entry {} at [{}, {}], expected -1, 0 or 1", e.value, e.row, e.column);
                    self.tensor_error(name, what)
                })
            }
            _ => {
                let found = brief(&format!("{shape:?}"));
                let what = format!("has shape {found}, expected [outputs, inputs], each from 1 to {MAX_WIDTH}");
                Err(self.tensor_error(name, what))
            }
        }
    }

    fn bias(&self, name: &str, outputs: usize) -> Result<Vec<i32>, ImportError> {
        let Some(Tensor { shape, data }) = self.tensor(name, Dtype::I32)? else {
            return Ok(vec![0; outputs]);
        };
        if *shape != [outputs] {
            let found = brief(&format!("{shape:?}"));
            let what = format!("has shape {found}, expected [{outputs}], one for each row of the weights");
            return Err(self.tensor_error(name, what));
        }
        Ok(data.as_chunks::<4>().0.iter().map(|word| i32::from_le_bytes(*word)).collect())
    }

    /// Shape and bytes of a tensor, if there is one of this name.
    fn tensor(&self, name: &str, expected: Dtype) -> Result<Option<Tensor<'_>>, ImportError> {
        let Some(info) = self.header.info(name) else {
            return Ok(None);
        };
        if is_float(info.dtype) {
            return Err(self.float(name, info.dtype));
        }
        if info.dtype != expected {
            return Err(self.tensor_error(name, format!("holds {:?}, expected {expected:?}", info.dtype)));
        }
        let (start, end) = info.data_offsets;
        let data = self.data.get(start..end);
        let data = data.ok_or_else(|| self.tensor_error(name, format!("lies at {start}..{end}, outside the file")))?;
        Ok(Some(Tensor { shape: &info.shape, data }))
    }

    fn float(&self, name: &str, found: Dtype) -> ImportError {
        ImportError::Float { file: self.file.to_owned(), tensor: quote(name), found: format!("{found:?}") }
    }

    /// Names of all tensors, in an order that does not change from run to run.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.header.offset_keys();
        names.sort();
        names
    }

    fn no_others(&self, layers: usize) -> Result<(), ImportError> {
        let known = |name: &str| {
            let (index, kind) = name.strip_prefix("layer")?.split_once('.')?;
            // Written back, so that layer00 or layer+0 is not taken for layer0.
            index.parse().ok().filter(|b: &usize| *b < layers && b.to_string() == index && matches!(kind, "weight" | "bias"))
        };
        match self.names().iter().find(|name| known(name).is_none()) {
            None => Ok(()),
            Some(name) => {
                let what = format!("is unknown, expected only the weight and bias of the {layers} layers in the metadata");
                Err(self.tensor_error(name, what))
            }
        }
    }
}

/// Whether a tensor's elements are some kind of float: all their names start so, and more are added from time to time.
pub(super) fn is_float(dtype: Dtype) -> bool {
    let name = format!("{dtype:?}");
    name.starts_with('F') || name.starts_with("BF")
}

pub(super) fn show(value: &Value) -> String {
    brief(&value.to_string())
}

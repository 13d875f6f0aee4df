//! Writes the seed corpora of the fuzz targets from real files: `cargo run --release --example fuzz_seeds`.
//!
//! Payloads are stored without the frame, because the targets put one around them.

use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of a frame before its payload, and after it.
const FRAME: (usize, usize) = (20, 32);

fn main() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fixtures = root.join("tests/fixtures/v1");
    let write = |target: &str, name: &str, bytes: &[u8]| -> std::io::Result<()> {
        let folder: PathBuf = root.join("tests/fuzz/seeds").join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)
    };
    let targets = [
        ("model", "small.tern"),
        ("key", "small.vk"),
        ("secret", "small.key"),
        ("proof", "small.proof"),
        ("proof", "hidden.proof"),
    ];
    for (target, name) in targets {
        let bytes = fs::read(fixtures.join(name))?;
        write(target, &format!("{name}.payload"), &bytes[FRAME.0..bytes.len() - FRAME.1])?;
        write(target, name, &bytes)?;
    }
    write("input", "one.npy", &zktern::cli::input::to_npy(&[0, 1, 2, 3, 4, 255], 6))?;
    write("input", "wide.npy", &zktern::cli::input::to_npy(&[7; 12], 6))?;
    let float: Vec<u8> = [0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (6,), }\n";
    let npy = [b"\x93NUMPY\x01\x00".as_slice(), &(header.len() as u16).to_le_bytes(), header.as_bytes(), &float].concat();
    write("input", "float.npy", &npy)?;
    write("input", "images.idx", &[&[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 3], [9u8; 12].as_slice()].concat())?;
    write("input", "labels.idx", &[0, 0, 8, 1, 0, 0, 0, 2, 3, 4])?;
    write("input", "text.pgm", b"P2\n# grey\n3 2\n255\n0 1 2 3 4 255\n")?;
    write("input", "binary.pgm", b"P5 3 2 255\n\x00\x01\x02\x03\x04\xff")?;
    write("input", "list.json", b"[[0, 1, 2, 3, 4, 255], [5, 4, 3, 2, 1, 0]]")?;
    write("input", "grey.png", &image(png::ColorType::Grayscale, &[0, 1, 2, 3, 4, 255]))?;
    write("input", "colour.png", &image(png::ColorType::Rgb, &[8; 18]))?;
    write("safetensors", "small.safetensors", &network())?;
    for name in ["0.onnx", "1.onnx", "24.onnx"] {
        write("onnx", name, &fs::read(root.join("tests/fixtures/onnx").join(name))?)?;
    }
    write("onnx", "float.safetensors", &float_network())?;
    // Changes of words: kind, position, other position.
    write("words", "swap", &[1, 0, 0, 1, 0])?;
    write("words", "copy", &[0, 3, 0, 9, 0, 2, 20, 0, 5, 0])?;
    write("words", "scalars", &[4, 255, 0, 1, 0, 3, 254, 0, 0, 0, 5, 1, 0, 0, 0])
}

fn image(colour: png::ColorType, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 3, 2);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(data).expect("pixels");
    writer.finish().expect("an image");
    out
}

fn network() -> Vec<u8> {
    let description = concat!(
        r#"{\"format\":1,\"name\":\"t\",\"input\":{\"min\":0,\"max\":3},"#,
        r#"\"layers\":[{\"shift\":1,\"min\":0,\"max\":7},{}]}"#
    );
    let header = format!(
        r#"{{"__metadata__":{{"zktern":"{description}"}},"layer0.weight":{{"dtype":"I8","shape":[2,3],"data_offsets":[0,6]}},"layer1.weight":{{"dtype":"I8","shape":[1,2],"data_offsets":[6,8]}},"layer1.bias":{{"dtype":"I32","shape":[1],"data_offsets":[8,12]}}}}"#
    );
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(&[1, 0, 255, 0, 1, 1, 255, 1, 5, 0, 0, 0]);
    out
}

fn float_network() -> Vec<u8> {
    let description = concat!(
        r#"{\"format\":2,\"name\":\"t\",\"input\":{\"scale\":0.5,\"offset\":-1,\"min\":0,\"max\":3},"#,
        r#"\"layers\":[{\"activation\":\"relu\"},{\"activation\":{\"clip\":[-1,1]}}]}"#
    );
    let header = format!(
        r#"{{"__metadata__":{{"zktern":"{description}"}},"layer0.weight":{{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}},"layer1.weight":{{"dtype":"F16","shape":[1,2],"data_offsets":[8,12]}}}}"#
    );
    let mut out = (header.len() as u64).to_le_bytes().to_vec();
    out.extend_from_slice(header.as_bytes());
    out.extend_from_slice(&[0, 0, 128, 63, 0, 0, 0, 192, 0, 60, 0, 192]);
    out
}

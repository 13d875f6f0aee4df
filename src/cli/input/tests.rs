use super::*;
use proptest::prelude::*;

const BYTE: Clamp = Clamp { min: 0, max: 255 };
const SIGNED: Clamp = Clamp { min: -128, max: 127 };

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy_header(1, &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n"), data)
}

fn npy_header(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
    let mut out = b"\x93NUMPY".to_vec();
    out.extend([version, 0]);
    let length = (header.len() as u32).to_le_bytes();
    out.extend(if version == 1 { &length[..2] } else { &length[..] });
    out.extend(header.as_bytes());
    out.extend(data);
    out
}

fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|d| out.extend(d.to_be_bytes()));
    out.extend(data);
    out
}

fn png_with(width: u32, height: u32, color: png::ColorType, depth: png::BitDepth, palette: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if !palette.is_empty() {
        encoder.set_palette(palette.to_vec());
    }
    encoder.write_header().unwrap().write_image_data(data).unwrap();
    out
}

fn png(width: u32, height: u32, color: png::ColorType, data: &[u8]) -> Vec<u8> {
    png_with(width, height, color, png::BitDepth::Eight, &[], data)
}

fn read(bytes: &[u8], width: usize, range: Clamp) -> Vec<i32> {
    read_inputs(bytes, "in", width, range).unwrap()
}

#[track_caller]
fn refused(bytes: &[u8], width: usize, part: &str) {
    let text = read_inputs(bytes, "in.file", width, BYTE).unwrap_err().to_string();
    assert!(text.starts_with("in.file: ") && text.contains(part) && !text.contains('\n'), "{text} | {part}");
}

#[test]
fn npy_types() {
    let f8 = |v: &[f64]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let f4 = |v: &[f32]| v.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    assert_eq!(read(&npy("|u1", "(3,)", &[0, 7, 255]), 3, BYTE), [0, 7, 255]);
    assert_eq!(read(&npy("|b1", "(2,)", &[0, 1]), 2, BYTE), [0, 1]);
    assert_eq!(read(&npy("|i1", "(2,)", &[128, 127]), 2, SIGNED), [-128, 127]);
    assert_eq!(read(&npy("<i2", "(2,)", &[0xff, 0xff, 5, 0]), 2, SIGNED), [-1, 5]);
    assert_eq!(read(&npy("<u2", "(1,)", &[255, 0]), 1, BYTE), [255]);
    assert_eq!(read(&npy("<u4", "(1,)", &[9, 0, 0, 0]), 1, BYTE), [9]);
    assert_eq!(read(&npy("<i4", "(1,)", &(-9i32).to_le_bytes()), 1, SIGNED), [-9]);
    assert_eq!(read(&npy("<i8", "(1,)", &(-9i64).to_le_bytes()), 1, SIGNED), [-9]);
    assert_eq!(read(&npy("<u8", "(1,)", &9u64.to_le_bytes()), 1, BYTE), [9]);
    assert_eq!(read(&npy("<f4", "(2,)", &f4(&[-3.0, 100.0])), 2, SIGNED), [-3, 100]);
    assert_eq!(read(&npy("<f8", "(2,)", &f8(&[-0.0, 100.0])), 2, SIGNED), [0, 100]);
    refused(&npy("<u8", "(1,)", &u64::MAX.to_le_bytes()), 1, "value 0 is 18446744073709551615, expected an integer");
    refused(&npy("<i8", "(1,)", &i64::MIN.to_le_bytes()), 1, "is -9223372036854775808,");
    refused(&npy("<f8", "(2, 2)", &f8(&[0.0, 1.0, 2.0, 0.5])), 2, "input 1, value 1 is 0.5, expected an integer in 0..=255");
    for (v, shown) in
        [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (-f64::INFINITY, "-inf"), (1e300, "1e300"), (256.0, "256.0")]
    {
        refused(&npy("<f8", "(1,)", &f8(&[v])), 1, &format!("value 0 is {shown}, expected"));
    }
    refused(&npy("|b1", "(1,)", &[2]), 1, "element 0 is the byte 2, expected a boolean");
    for kind in [">i4", "<f2", "<c8", "<U3", "|O", "<i3", ""] {
        refused(&npy(kind, "(1,)", &[0; 4]), 1, &format!("element type {kind:?}, expected little-endian integers"));
    }
}

#[test]
fn shapes() {
    let data: Vec<u8> = (0..12).collect();
    let wide: Vec<i32> = (0..12).collect();
    for (shape, width) in
        [("(12,)", 12), ("(3, 4)", 4), ("(3, 2, 2)", 4), ("(3, 4)", 12), ("(2, 1, 3, 2)", 6), ("(12L,)", 12)]
    {
        assert_eq!(read(&npy("|u1", shape, &data), width, BYTE), wide, "{shape} {width}");
    }
    for (shape, width) in [("(12,)", 4), ("(12,)", 1), ("(3, 4)", 3), ("(3, 2, 2)", 12), ("(3, 2, 2)", 2), ("(12,)", 0)] {
        let found =
            format!("found an array of shape [{}], expected [{width}], [B, {width}] or [B, h, w] with h * w = {width}", {
                shape.trim_matches(['(', ')']).trim_end_matches(',')
            });
        refused(&npy("|u1", shape, &data), width, &found);
    }
    refused(&npy("|u1", "(0, 4)", &[]), 4, "found an array of shape [0, 4]");
    refused(&npy("|u1", "()", &[1]), 1, "found an array of shape []");
    refused(&npy("|u1", "(0,)", &[]), 0, "found an array of shape [0]");
}

#[test]
fn real_inputs() {
    let reals = |bytes: &[u8]| read_reals(bytes, "in", 2);
    let halves: Vec<u8> = [0.5f32, -1.5, 2.0, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(reals(&npy("<f4", "(2, 2)", &halves)), Ok(Reals { values: vec![0.5, -1.5, 2.0, 3.0], integers: false }));
    let double: Vec<u8> = [0.1f64, 1e300].iter().flat_map(|v| v.to_le_bytes()).collect();
    let text = reals(&npy("<f8", "(2,)", &double)).unwrap_err().to_string();
    assert_eq!(text, "in: .npy: input 0, value 1 is inf, expected a finite number");
    assert_eq!(reals(&npy("|i1", "(2,)", &[255, 7])), Ok(Reals { values: vec![-1.0, 7.0], integers: true }));
    assert_eq!(reals(b"[[1, 2], [3, 4]]"), Ok(Reals { values: vec![1.0, 2.0, 3.0, 4.0], integers: true }));
    assert!(reals(&npy("<f4", "(4,)", &halves)).unwrap_err().to_string().contains("shape [4], expected [2]"));
}

#[test]
fn npy_headers() {
    let dict = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)}";
    for version in 1..=3 {
        assert_eq!(read(&npy_header(version, dict, &[1, 2]), 2, BYTE), [1, 2]);
    }
    let other = "  {\"shape\":(2 ,),\"descr\":\"|u1\",\"fortran_order\":False}   \n";
    assert_eq!(read(&npy_header(1, other, &[1, 2]), 2, BYTE), [1, 2]);
    refused(&npy_header(4, dict, &[1, 2]), 2, "version 4.0, expected 1.0, 2.0 or 3.0");
    refused(&npy_header(1, &dict.replace("False", "True"), &[1, 2]), 2, "numpy.ascontiguousarray");
    let cases = [
        ("False", "Maybe", "where True or False should be"),
        ("'|u1'", "[('a', '|u1')]", "elements with several fields"),
        ("'|u1'", "3", "where a string should be"),
        ("'|u1'", "'|u1", "':"),
        ("'shape'", "'shope'", "unknown key \"shope\""),
        ("'shape'", "'descr'", "where a string should be"),
        (", 'shape': (2,)", "", "has no \"shape\""),
        (", 'shape': (2,)", ", 'descr': '|u1'", "the key \"descr\" twice"),
        ("(2,)", "(2;)", "where ')' should be"),
        ("(2,)", "(-2,)", "where a dimension should be"),
        ("(2,)", "(99999999999999999999999,)", "where a dimension should be"),
        ("(2,)}", "(2,)", "where '}' should be"),
        ("(2,)}", "(2,)} x", "goes on after its dictionary with \"x\""),
        ("{", "", "where '{' should be"),
        ("(2,)", "(3,)", "2 bytes of elements, expected shape [3] times 1 bytes"),
        ("(2,)", "(1,)", "2 bytes of elements, expected shape [1] times 1 bytes"),
        ("(2,)", "(4294967296, 4294967296, 4294967296)", "2 bytes of elements, expected shape [4294967296"),
    ];
    for (old, new, part) in cases {
        refused(&npy_header(1, &dict.replace(old, new), &[1, 2]), 2, part);
    }
    refused(&npy_header(1, &dict.replace("(2,)", &format!("({})", "1,".repeat(65))), &[1, 2]), 2, "more than 64 dimensions");
    refused(b"\x93NUMPY\x01", 2, "cut off inside its header");
    refused(b"\x93NUMPY\x02\0\xff\xff\xff\xff{}", 2, "cut off inside its header");
    refused(b"\x93NUMPY\x01\0\x01\0\xff", 2, "its header is not text");
}

#[test]
fn idx_files() {
    assert_eq!(read(&idx(&[2, 2, 2], &[1, 2, 3, 4, 5, 6, 7, 255]), 4, BYTE), [1, 2, 3, 4, 5, 6, 7, 255]);
    assert_eq!(read(&idx(&[3], &[1, 2, 3]), 3, BYTE), [1, 2, 3]);
    assert_eq!(read(&idx(&[2, 3], &[1, 2, 3, 4, 5, 6]), 3, BYTE), [1, 2, 3, 4, 5, 6]);
    let digits = include_bytes!("../../../examples/mnist/digits.idx3");
    assert_eq!(read(digits, 784, BYTE).len(), 20 * 784);
    refused(digits, 785, "found an array of shape [20, 28, 28], expected [785]");
    refused(&idx(&[2, 3], &[1; 5]), 3, "5 bytes of elements, expected the product of its dimensions [2, 3]");
    refused(&idx(&[2, 3], &[1; 7]), 3, "7 bytes of elements");
    refused(&idx(&[u32::MAX; 255], &[]), 3, "0 bytes of elements");
    refused(&[0, 0, 8, 3, 0, 0], 3, "cut off inside its header, after 6 bytes");
    refused(&[0, 0, 0x0d, 1, 0, 0, 0, 0], 3, "element type 0d, expected 08");
    let text = read_inputs(&idx(&[2, 2], &[0, 1, 2, 200]), "in", 2, SIGNED).unwrap_err().to_string();
    assert_eq!(text, "in: input 1, value 1 is 200, expected an integer in -128..=127");
}

#[test]
fn label_files() {
    let digits = labels(include_bytes!("../../../examples/mnist/digits-labels.idx1"), "l").unwrap();
    assert_eq!(digits, (0..10).flat_map(|d| [d, d]).collect::<Vec<u8>>());
    assert_eq!(labels(&npy("<i8", "(2,)", &[[7u8, 0, 0, 0, 0, 0, 0, 0]; 2].concat()), "l").unwrap(), [7, 7]);
    let text = |bytes: &[u8]| labels(bytes, "l").unwrap_err().to_string();
    assert!(text(&idx(&[1, 2], &[1, 2])).contains("shape [1, 2], expected a vector of labels"));
    assert!(text(&npy("|u1", "(1, 2)", &[1, 2])).contains("shape [1, 2], expected a one-dimensional array"));
    assert!(text(&npy("<i2", "(2,)", &[0, 0, 0, 1])).contains("input 1, value 0 is 256, expected an integer in 0..=255"));
    assert!(text(b"[1]").contains("JSON: this is no list of labels"));
    assert!(text(b"\x1f\x8b\x08").contains("gunzip"));
}

#[test]
fn png_images() {
    use png::{BitDepth, ColorType};
    assert_eq!(read(&png(2, 2, ColorType::Grayscale, &[0, 1, 254, 255]), 4, BYTE), [0, 1, 254, 255]);
    assert_eq!(read(&png(1, 2, ColorType::GrayscaleAlpha, &[9, 255, 8, 0]), 2, BYTE), [9, 8]);
    // The values of Pillow's convert("L") for red, green, blue, white and two colours in between.
    let colours = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [1, 2, 3], [200, 100, 50]];
    let grey = [76, 150, 29, 255, 2, 124];
    assert_eq!(read(&png(6, 1, ColorType::Rgb, &colours.concat()), 6, BYTE), grey);
    let rgba: Vec<u8> = colours.iter().flat_map(|[r, g, b]| [*r, *g, *b, 128]).collect();
    assert_eq!(read(&png(3, 2, ColorType::Rgba, &rgba), 6, BYTE), grey);
    let indexed = png_with(3, 2, ColorType::Indexed, BitDepth::Eight, &colours.concat(), &[0, 1, 2, 3, 4, 5]);
    assert_eq!(read(&indexed, 6, BYTE), grey);
    assert_eq!(read(&png_with(4, 1, ColorType::Grayscale, BitDepth::Two, &[], &[0b0001_1011]), 4, BYTE), [0, 85, 170, 255]);
    assert_eq!(read(&interlaced_png(), 4, BYTE), [1, 2, 3, 4]);
    refused(
        &png_with(1, 1, ColorType::Grayscale, BitDepth::Sixteen, &[], &[0, 1]),
        1,
        "16 bits a channel, expected at most 8",
    );
    refused(&png(2, 2, ColorType::Grayscale, &[0; 4]), 5, "found an image of 2 x 2 pixels, expected 5 pixels");
    let good = png(2, 2, ColorType::Grayscale, &[0, 1, 254, 255]);
    refused(&good[..good.len() - 20], 4, "PNG: damaged: ");
    refused(&good[..10], 4, "PNG: damaged: ");
    let mut flipped = good.clone();
    flipped[17] ^= 0x40;
    refused(&flipped, 4, "PNG: damaged: ");
    let mut animated = Vec::new();
    let mut encoder = png::Encoder::new(&mut animated, 1, 1);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[1]).unwrap();
    writer.write_image_data(&[2]).unwrap();
    writer.finish().unwrap();
    refused(&animated, 1, "an animation, expected a single image");
}

/// A 2 x 2 image in Adam7 order, which the encoder does not write: pixels (0, 0), then (1, 0), then the second row.
fn interlaced_png() -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut pixels = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut pixels, &[0, 1, 0, 2, 0, 3, 4]).unwrap();
    let header = [0, 0, 0, 2, 0, 0, 0, 2, 8, 0, 0, 0, 1];
    for (kind, data) in [(b"IHDR", header.as_slice()), (b"IDAT", &pixels.finish().unwrap()), (b"IEND", &[])] {
        out.extend((data.len() as u32).to_be_bytes());
        out.extend([kind.as_slice(), data, &[0; 4]].concat());
    }
    repair_png(&mut out);
    out
}

#[test]
fn an_image_that_unpacks_to_much_is_refused_by_its_header() {
    let bomb = png(10_000, 10_000, png::ColorType::Grayscale, &vec![0; 100_000_000]);
    assert!(bomb.len() < 1 << 20);
    refused(&bomb, 784, "found an image of 10000 x 10000 pixels, expected 784");
}

#[test]
fn pgm_images() {
    assert_eq!(read(b"P5 2 2 255\n\x00\x20\xff\x0a", 4, BYTE), [0, 32, 255, 10]);
    assert_eq!(read(b"P5\n# by hand\n2 # wide\n2\n255\n#\x01\x02\x03", 4, BYTE), [35, 1, 2, 3]);
    assert_eq!(read(b"P2\n#c\n2 2\n15\n0 1\n2 # three\n15\n", 4, BYTE), [0, 1, 2, 15]);
    refused(b"P5 2 2 65535\n\0\0\0\0\0\0\0\0", 4, "largest value 65535, expected 1 to 255");
    refused(b"P5 2 2 0\n\0\0\0\0", 4, "largest value 0, expected 1 to 255");
    refused(b"P5 2 3 255\n\0\0\0\0", 4, "found an image of 2 x 3 pixels, expected 4 pixels");
    refused(b"P5 99999999999999999999 2 255\n", 4, "its width is \"99999999999999999999\", expected a decimal number");
    refused(b"P5 4294967296 4294967296 255\n", 0, "found an image of 4294967296 x 4294967296 pixels");
    refused(b"P5 2 -2 255\n", 4, "its height is \"-2\"");
    refused(b"P5 2 2", 4, "its largest value is missing");
    refused(b"P5 2 2 255", 4, "no white space after its largest value");
    refused(b"P5 2 2 255\n\0\0\0", 4, "3 bytes of pixels, expected 4");
    refused(b"P5 2 2 255\n\0\0\0\0\0", 4, "5 bytes of pixels, expected 4");
    refused(b"P5 2 2 9\n\0\0\x0a\0", 4, "pixel 2 is 10, above the file's largest value 9");
    refused(b"P2 2 2 9 1 2 3 x", 4, "pixel 3 is \"x\", expected 0 to 255");
    refused(b"P2 2 2 9 1 2 3", 4, "pixel 3 is missing, expected 0 to 255");
    refused(b"P2 2 2 255 1 2 3 256", 4, "pixel 3 is 256, expected 0 to 255");
    refused(b"P2 2 2 9 1 2 3 4 5", 4, "more than the 4 pixels");
}

#[test]
fn json_documents() {
    assert_eq!(read(b"[0, 17, 255]", 3, BYTE), [0, 17, 255]);
    assert_eq!(read(b"\xef\xbb\xbf \n[ [1,2],\n[3,4] ]\n", 2, BYTE), [1, 2, 3, 4]);
    refused(b"[1, 2]", 3, "found an array of length 2 as input 0, expected length 3");
    refused(b"[[1, 2], [3]]", 2, "found an array of length 1 as input 1, expected length 2");
    refused(b"[]", 2, "found an array of length 0");
    refused(b"[]", 0, "found an array of length 0");
    refused(b"[[]]", 2, "found an array of length 0 as input 0");
    refused(
        b"[1, 1.5]",
        2,
        "invalid type: floating point `1.5`, expected i64 at line 1 column 7; expected an array of integers",
    );
    refused(b"[[1, 2], 3]", 2, "invalid type: integer `3`, expected a sequence");
    refused(b"[1, [2]]", 2, "invalid type: sequence, expected i64");
    refused(b"[1, \"a\nb\"]", 2, "JSON: ");
    refused(b"{\"x\": 1}", 2, "invalid type: map, expected a sequence");
    refused(b"[1, 2", 2, "EOF while parsing");
    refused(b"[1, 2] 3", 2, "trailing characters");
    refused(b"[1, 18446744073709551615]", 2, "invalid value: integer `18446744073709551615`");
    refused(b"[[1, 2], [3, 256]]", 2, "input 1, value 1 is 256, expected an integer in 0..=255");
    refused(format!("[1, \"{}\"]", "y".repeat(100_000)).as_bytes(), 2, "...");
    refused(&b"[".repeat(100_000), 2, "JSON: ");
}

#[test]
fn other_files_are_named() {
    refused(b"", 1, "the file is empty, expected inputs as .npy, IDX, PNG, PGM or JSON");
    refused(b"\x1f\x8b\x08\0", 1, "compressed with gzip, expected inputs as .npy, IDX, PNG, PGM or JSON; decompress it");
    refused(b"PK\x03\x04", 1, "numpy.save");
    refused(b"\xff\xd8\xff\xe0", 1, "JPEG");
    refused(b"P6 1 1 255\n", 1, "grey PGM");
    refused(b"zkternM\0", 1, "zktern file");
    refused(b"hello, world", 1, "unknown format (it starts with bytes 68 65 6c 6c 6f 2c 20 77)");
    refused(b"P5", 1, "unknown format");
}

fn valid_files() -> Vec<Vec<u8>> {
    let dict = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4)}";
    let rgb = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    vec![
        npy("<i4", "(1, 4)", &[0; 16]),
        npy_header(2, dict, &[0; 32]),
        idx(&[2, 2, 2], &[7; 8]),
        png(2, 2, png::ColorType::Grayscale, &[1, 2, 3, 4]),
        png(2, 2, png::ColorType::Rgb, &rgb),
        png_with(2, 2, png::ColorType::Indexed, png::BitDepth::Eight, &rgb, &[0, 1, 2, 3]),
        interlaced_png(),
        b"P5 2 2 255\n1234".to_vec(),
        b"P2 # c\n2 2 255 1 2 3 4".to_vec(),
        b"[[1, 2, 3, 4], [5, 6, 7, 8]]".to_vec(),
    ]
}

/// Makes the checks of a PNG's chunks right again, so that mutations get past them.
fn repair_png(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4).map(|l| u32::from_be_bytes(l.try_into().unwrap()) as usize) {
        let (start, end) = (at + 4, (at + 8).saturating_add(length));
        let Some(chunk) = bytes.get(start..end) else { break };
        let mut crc = flate2::Crc::new();
        crc.update(chunk);
        let Some(check) = bytes.get_mut(end..end + 4) else { break };
        check.copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn mutated_files_never_panic(
        which in 0usize..10,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
        width in prop_oneof![Just(4usize), 0usize..9],
    ) {
        let mut bytes = valid_files().swap_remove(which);
        for (place, value) in edits {
            let i = place.index(bytes.len());
            bytes[i] = value;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read_inputs(&bytes, "f", width, SIGNED);
        repair_png(&mut bytes);
        for text in [read_inputs(&bytes, "f", width, SIGNED).err(), labels(&bytes, "f").err()].into_iter().flatten() {
            prop_assert!(!text.to_string().contains('\n'));
        }
    }

    #[test]
    fn random_bytes_never_panic(which in 0usize..10, keep in 0usize..14, noise in prop::collection::vec(any::<u8>(), 0..200)) {
        let start = valid_files().swap_remove(which);
        let bytes = [start.get(..keep).unwrap(), &noise].concat();
        let _ = read_inputs(&bytes, "f", 4, BYTE);
        let _ = labels(&bytes, "f");
    }

    #[test]
    fn every_format_gives_the_same_values(values in prop::collection::vec(any::<u8>(), 12)) {
        let expected: Vec<i32> = values.iter().map(|v| i32::from(*v)).collect();
        let decimal = format!("{values:?}");
        let files = [
            npy("|u1", "(3, 4)", &values),
            npy("<f4", "(3, 2, 2)", &values.iter().flat_map(|v| f32::from(*v).to_le_bytes()).collect::<Vec<_>>()),
            idx(&[3, 2, 2], &values),
        ];
        for bytes in files {
            prop_assert_eq!(&read(&bytes, 4, BYTE), &expected);
        }
        let images = [
            png(4, 3, png::ColorType::Grayscale, &values),
            [b"P5 4 3 255\n", values.as_slice()].concat(),
            format!("P2 4 3 255 {}", decimal.replace([',', '[', ']'], " ")).into_bytes(),
            decimal.into_bytes(),
        ];
        for bytes in images {
            prop_assert_eq!(&read(&bytes, 12, BYTE), &expected);
        }
    }
}

//! Grey images, one input each: a pixel is a value, row by row from the top left.
//!
//! | Format | What is read | Value of a pixel |
//! | --- | --- | --- |
//! | PNG | 1, 2, 4 or 8 bits a channel, interlaced or not; not animated | grey scaled to 0..=255; colours as luma |
//! | PGM `P5` | binary, largest value at most 255 | the byte |
//! | PGM `P2` | decimal, largest value at most 255 | the number |
//!
//! Luma is `(19595·R + 38470·G + 7471·B + 2^15) >> 16`, ITU-R 601 with the rounding of Pillow's `convert("L")`, so that Python
//! and this program see the same integers. An alpha channel is ignored, as it is there.

use super::{InputError, Number, Target, brief};
use png::{BitDepth, ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;

/// Name of PNG in messages.
pub(super) const PNG: &str = "PNG";
/// Name of PGM in messages.
pub(super) const PGM: &str = "PGM";

/// Reads a PNG image.
pub(super) fn png(bytes: &[u8], target: &Target<'_>) -> Result<Vec<i32>, InputError> {
    let bad = |e: png::DecodingError| target.format(PNG, format!("damaged: {}", brief(&e.to_string())));
    // An image that passes the pixel count needs at most 4 bytes for each of the network's inputs; chunks are no larger than
    // the file, and compressed ones that carry no pixels are skipped.
    let limit = bytes.len().saturating_add(target.width.saturating_mul(8)).saturating_add(1 << 16);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: limit });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let header = decoder.read_header_info().map_err(bad)?;
    let (width, height) = (header.width as usize, header.height as usize);
    if header.bit_depth == BitDepth::Sixteen {
        return Err(target.format(PNG, "16 bits a channel, expected at most 8; convert the image to 8-bit grey"));
    }
    target.pixels(PNG, width, height)?;
    let mut reader = decoder.read_info().map_err(bad)?;
    if reader.info().is_animated() {
        return Err(target.format(PNG, "an animation, expected a single image"));
    }
    let size = reader.output_buffer_size().ok_or_else(|| target.format(PNG, "too large to decode"))?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(bad)?;
    reader.finish().map_err(bad)?;
    let values: Vec<u8> = match frame.color_type {
        ColorType::Grayscale => pixels,
        ColorType::GrayscaleAlpha => pixels.as_chunks::<2>().0.iter().map(|[grey, _]| *grey).collect(),
        ColorType::Rgb => pixels.as_chunks::<3>().0.iter().map(|[r, g, b]| luma(*r, *g, *b)).collect(),
        ColorType::Rgba => pixels.as_chunks::<4>().0.iter().map(|[r, g, b, _]| luma(*r, *g, *b)).collect(),
        ColorType::Indexed => return Err(target.format(PNG, "a palette that could not be applied")),
    };
    if frame.bit_depth != BitDepth::Eight || values.len() != target.width {
        let what = format!("decoded to {} values, expected {} of 8 bits", values.len(), target.width);
        return Err(target.format(PNG, what));
    }
    bytes_to_values(&values, target)
}

/// Pillow's 16-bit fixed-point luma; the weights add up to 2^16, so white is 255.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    let [r, g, b] = [r, g, b].map(u32::from);
    ((19_595 * r + 38_470 * g + 7_471 * b + (1 << 15)) >> 16) as u8
}

/// Reads a PGM image, binary or decimal.
pub(super) fn pgm(bytes: &[u8], target: &Target<'_>) -> Result<Vec<i32>, InputError> {
    let mut tokens = Tokens { rest: bytes.get(2..).unwrap_or_default() };
    let mut header = |what: &str| {
        tokens.number().map_err(|found| target.format(PGM, format!("its {what} is {found}, expected a decimal number")))
    };
    let (width, height, largest) = (header("width")?, header("height")?, header("largest value")?);
    if !(1..=255).contains(&largest) {
        return Err(target.format(PGM, format!("largest value {largest}, expected 1 to 255 (8 bits a pixel)")));
    }
    target.pixels(PGM, width, height)?;
    let values = if bytes.starts_with(b"P5") { binary(tokens.rest, target)? } else { decimal(tokens, target)? };
    if let Some((i, v)) = values.iter().enumerate().find(|(_, v)| usize::from(**v) > largest) {
        return Err(target.format(PGM, format!("pixel {i} is {v}, above the file's largest value {largest}")));
    }
    bytes_to_values(&values, target)
}

fn binary(rest: &[u8], target: &Target<'_>) -> Result<Vec<u8>, InputError> {
    // Exactly one white space ends the header: the next byte is a pixel, whatever it looks like.
    let pixels = match rest.split_first() {
        Some((space, pixels)) if space.is_ascii_whitespace() => pixels,
        _ => return Err(target.format(PGM, "no white space after its largest value, expected one and then the pixels")),
    };
    if pixels.len() != target.width {
        return Err(target.format(PGM, format!("{} bytes of pixels, expected {}", pixels.len(), target.width)));
    }
    Ok(pixels.to_vec())
}

fn decimal(mut tokens: Tokens<'_>, target: &Target<'_>) -> Result<Vec<u8>, InputError> {
    // Every pixel takes at least two bytes, so the file's length bounds this and not the header's word.
    let mut values = Vec::with_capacity(target.width.min(tokens.rest.len()));
    for i in 0..target.width {
        let number = tokens.number().and_then(|v| u8::try_from(v).map_err(|_| v.to_string()));
        values.push(number.map_err(|found| target.format(PGM, format!("pixel {i} is {found}, expected 0 to 255")))?);
    }
    match tokens.next() {
        None => Ok(values),
        Some(_) => Err(target.format(PGM, format!("more than the {} pixels that its header announces", target.width))),
    }
}

fn bytes_to_values(bytes: &[u8], target: &Target<'_>) -> Result<Vec<i32>, InputError> {
    target.values(bytes.iter().map(|b| Number::Integer(i128::from(*b))))
}

/// Words between white space; `#` starts a comment that ends with the line.
#[derive(Clone, Copy, Debug)]
struct Tokens<'a> {
    rest: &'a [u8],
}

impl<'a> Tokens<'a> {
    /// The next decimal number, or what stands in its place.
    fn number(&mut self) -> Result<usize, String> {
        let word = self.next().ok_or("missing")?;
        let text = std::str::from_utf8(word).ok().filter(|t| t.bytes().all(|b| b.is_ascii_digit()));
        text.and_then(|t| t.parse().ok()).ok_or_else(|| format!("{:?}", brief(&String::from_utf8_lossy(word))))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        loop {
            self.rest = self.rest.trim_ascii_start();
            if !self.rest.starts_with(b"#") {
                break;
            }
            let end = self.rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(self.rest.len());
            self.rest = self.rest.get(end..).unwrap_or_default();
        }
        let ends = |b: &u8| b.is_ascii_whitespace() || *b == b'#';
        let (word, rest) = self.rest.split_at(self.rest.iter().position(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }
}

//! Reading network inputs: one or many, from the formats that people have them in.
//!
//! | Format | Recognised by | Holds | Module |
//! | --- | --- | --- | --- |
//! | NPY 1, 2, 3 | `93 "NUMPY"` | `[width]`, `[B, width]`, `[B, h, w]`; integers, booleans, whole floats | `npy` |
//! | IDX | `00 00 08 rank` | unsigned bytes, same shapes (MNIST) | `idx` |
//! | PNG | `89 "PNG"` | one image, up to 8 bits a channel, turned grey | `image` |
//! | PGM | `"P5"`, `"P2"` | one grey image, up to 8 bits a pixel | `image` |
//! | JSON | `[` | an array of integers, or an array of such arrays | `json` |
//!
//! The format is found from the contents and never from the name. Whatever the format, an array holds either one input or, along
//! its first dimension, many; the remaining dimensions multiply to the network's width. Every value must be an integer that the
//! network takes: nothing is rounded, scaled or clamped here, because the proof is about exactly these integers.
//!
//! Sizes in headers are compared with what the file holds (or, for compressed images, with the network's width) before anything
//! is allocated.

mod idx;
mod image;
mod json;
mod npy;

/// Writes inputs of `width` values each as .npy (format 1.0, 32-bit integers).
#[must_use]
pub fn to_npy(values: &[i32], width: usize) -> Vec<u8> {
    let rows = values.len() / width.max(1);
    let mut header = format!("{{'descr': '<i4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    // Magic, version and length take 10 bytes; the data starts at a multiple of 64.
    while (10 + header.len() + 1) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend_from_slice(&(header.len() as u16).to_le_bytes());
    out.extend_from_slice(header.as_bytes());
    values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
    out
}

#[cfg(test)]
mod tests;

use crate::model::Clamp;
use crate::model::codec::brief;

/// A file of inputs that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Nothing that we read.
    #[error("{file}: {found}, expected inputs as .npy, IDX, PNG, PGM or JSON{hint}")]
    Unknown {
        /// Which file.
        file: String,
        /// What it looks like.
        found: String,
        /// What to do about it; empty or starting with `; `.
        hint: &'static str,
    },
    /// A known format that is damaged, or a variant of it that is not read.
    #[error("{file}: {format}: {what}")]
    Format {
        /// Which file.
        file: String,
        /// Name of the format.
        format: &'static str,
        /// What was found and what was expected.
        what: String,
    },
    /// Not as many values as the network takes.
    #[error("{file}: {format}: found {found}, expected {expected}")]
    Shape {
        /// Which file.
        file: String,
        /// Name of the format.
        format: &'static str,
        /// The shape found.
        found: String,
        /// The shapes that would fit.
        expected: String,
    },
    /// A value that the network does not take.
    #[error("{file}: input {input}, value {position} is {value}, expected an integer in {min}..={max}")]
    Value {
        /// Which file.
        file: String,
        /// Which input, from 0.
        input: usize,
        /// Which of its values, from 0.
        position: usize,
        /// What was found.
        value: String,
        /// Smallest value that the network takes.
        min: i32,
        /// Largest value that the network takes.
        max: i32,
    },
}

/// Reads one or many inputs, each `width` integers in `range`, one after the other (`B × width`). `name` is for messages.
///
/// # Errors
/// One sentence that names the file, what was found and what was expected.
pub fn read_inputs(bytes: &[u8], name: &str, width: usize, range: Clamp) -> Result<Vec<i32>, InputError> {
    let target = Target { file: name, width, range };
    match Format::of(bytes) {
        Some(Format::Npy) => npy::read(bytes, &target),
        Some(Format::Idx) => idx::read(bytes, &target),
        Some(Format::Png) => image::png(bytes, &target),
        Some(Format::Pgm) => image::pgm(bytes, &target),
        Some(Format::Json) => json::read(bytes, &target),
        None => Err(unknown(bytes, name)),
    }
}

/// Inputs as real numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reals {
    /// One input after the other, `B × width`.
    pub values: Vec<f32>,
    /// Whether the file holds integers.
    pub integers: bool,
}

/// Reads one or many inputs of `width` real numbers each: floats of .npy, or the integers of any format. `name` is for messages.
///
/// # Errors
/// One sentence that names the file, what was found and what was expected.
pub fn read_reals(bytes: &[u8], name: &str, width: usize) -> Result<Reals, InputError> {
    // Integers that 32-bit floats have exactly.
    let range = Clamp { min: -(1 << 24), max: 1 << 24 };
    if Format::of(bytes) == Some(Format::Npy)
        && let Some(values) = npy::reals(bytes, &Target { file: name, width, range })?
    {
        return Ok(Reals { values, integers: false });
    }
    let values = read_inputs(bytes, name, width, range)?.iter().map(|v| *v as f32).collect();
    Ok(Reals { values, integers: true })
}

/// Reads class labels, one byte for each input: an IDX vector of unsigned bytes (magic `00 00 08 01`) or a one-dimensional .npy
/// array of integers from 0 to 255. `name` is for messages.
///
/// # Errors
/// One sentence that names the file, what was found and what was expected.
pub fn labels(bytes: &[u8], name: &str) -> Result<Vec<u8>, InputError> {
    // The width is that of one label; only messages about values use it.
    let target = Target { file: name, width: 1, range: Clamp { min: 0, max: 255 } };
    match Format::of(bytes) {
        Some(Format::Npy) => npy::labels(bytes, &target),
        Some(Format::Idx) => idx::labels(bytes, &target),
        Some(format) => {
            let what = "this is no list of labels, expected an IDX vector or a one-dimensional .npy array";
            Err(target.format(format.name(), what))
        }
        None => Err(unknown(bytes, name)),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Npy,
    Idx,
    Png,
    Pgm,
    Json,
}

impl Format {
    fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some(Self::Npy),
            // Two zero bytes start an IDX file whatever its element type; the reader says which types it takes.
            [0, 0, 0x08..=0x0e, _, ..] => Some(Self::Idx),
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [b'P', b'2' | b'5', next, ..] if next.is_ascii_whitespace() || *next == b'#' => Some(Self::Pgm),
            _ => matches!(json::text(bytes).first(), Some(b'[' | b'{')).then_some(Self::Json),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Npy => npy::NAME,
            Self::Idx => idx::NAME,
            Self::Png => image::PNG,
            Self::Pgm => image::PGM,
            Self::Json => json::NAME,
        }
    }
}

/// Says what a file is when it is something common that we do not read.
fn unknown(bytes: &[u8], name: &str) -> InputError {
    let (found, hint) = match bytes {
        [] => ("the file is empty".to_owned(), ""),
        [0x1f, 0x8b, ..] => ("this is compressed with gzip".to_owned(), "; decompress it first (gunzip)"),
        [b'P', b'K', 3 | 5, ..] => {
            ("this is a ZIP archive or .npz".to_owned(), "; save one array with numpy.save(path, array)")
        }
        [0xff, 0xd8, 0xff, ..] => {
            ("this is a JPEG image".to_owned(), "; JPEG does not keep exact values, convert the original to PNG")
        }
        [b'P', b'1' | b'3' | b'4' | b'6' | b'7', next, ..] if next.is_ascii_whitespace() => {
            ("this is another kind of Netpbm image".to_owned(), "; convert it to a grey PGM with 8 bits a pixel")
        }
        _ if bytes.starts_with(b"zktern") => ("this is a zktern file, not a network's input".to_owned(), ""),
        _ => {
            let start: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
            (format!("unknown format (it starts with bytes {})", start.join(" ")), "")
        }
    };
    InputError::Unknown { file: name.to_owned(), found, hint }
}

/// A value as a file gives it, before it is checked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Integer(i128),
    Float(f64),
}

/// What the network takes, and whose file it is: all formats check shapes and values the same way.
#[derive(Clone, Copy, Debug)]
struct Target<'a> {
    file: &'a str,
    width: usize,
    range: Clamp,
}

impl Target<'_> {
    fn format(&self, format: &'static str, what: impl Into<String>) -> InputError {
        InputError::Format { file: self.file.to_owned(), format, what: what.into() }
    }

    fn shape(&self, format: &'static str, found: impl Into<String>, expected: impl Into<String>) -> InputError {
        InputError::Shape { file: self.file.to_owned(), format, found: found.into(), expected: expected.into() }
    }

    /// Checks an array's shape: `[width]`, `[h, w]`, or `[B, ..]` with `width` values in each of `B` inputs.
    fn batch(&self, format: &'static str, shape: &[usize]) -> Result<(), InputError> {
        let whole = matches!(shape.len(), 1 | 2) && product(shape) == Some(self.width);
        let many = shape
            .split_first()
            .is_some_and(|(count, item)| *count > 0 && !item.is_empty() && product(item) == Some(self.width));
        if self.width > 0 && (whole || many) {
            return Ok(());
        }
        let w = self.width;
        let expected = format!("[{w}], [B, {w}] or [B, h, w] with h * w = {w} and at least one input");
        Err(self.shape(format, format!("an array of shape {}", show(shape)), expected))
    }

    /// Checks that an image has a pixel for each of the network's inputs.
    fn pixels(&self, format: &'static str, width: usize, height: usize) -> Result<(), InputError> {
        if self.width > 0 && width.checked_mul(height) == Some(self.width) {
            return Ok(());
        }
        let found = format!("an image of {width} x {height} pixels");
        Err(self.shape(format, found, format!("{} pixels, one for each of the network's inputs", self.width)))
    }

    /// Checks the value at `index` of all inputs laid end to end.
    fn value(&self, index: usize, value: Number) -> Result<i32, InputError> {
        let exact = match value {
            Number::Integer(v) => i32::try_from(v).ok(),
            // Every i32 is a double: the cast is exact when the bounds hold, and NaN and infinities have no zero fraction.
            Number::Float(v) if v.fract() == 0.0 && v >= f64::from(i32::MIN) && v <= f64::from(i32::MAX) => Some(v as i32),
            Number::Float(_) => None,
        };
        exact.filter(|v| self.range.contains(*v)).ok_or_else(|| InputError::Value {
            file: self.file.to_owned(),
            input: index.checked_div(self.width).unwrap_or(0),
            position: index.checked_rem(self.width).unwrap_or(0),
            value: match value {
                Number::Integer(v) => v.to_string(),
                Number::Float(v) => format!("{v:?}"),
            },
            min: self.range.min,
            max: self.range.max,
        })
    }

    /// Checks all values.
    fn values(&self, values: impl Iterator<Item = Number>) -> Result<Vec<i32>, InputError> {
        values.enumerate().map(|(i, v)| self.value(i, v)).collect()
    }
}

/// Number of values of a shape, if that is a number at all.
fn product(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))
}

/// `[60000, 28, 28]`, cut short if a file has made it long.
fn show(shape: &[usize]) -> String {
    brief(&format!("{shape:?}"))
}

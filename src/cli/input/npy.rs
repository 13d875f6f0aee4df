//! NPY, the format of `numpy.save`.
//!
//! | Bytes | Meaning |
//! | --- | --- |
//! | 6 | `93 "NUMPY"` |
//! | 2 | version: 1.0, 2.0 or 3.0 |
//! | 2 (version 1) or 4 | length of the header, little-endian |
//! | that many | a Python dictionary: `{'descr': '<i4', 'fortran_order': False, 'shape': (3, 784), }` |
//! | the rest | elements, last dimension fastest |
//!
//! Element types: `|b1`, `|u1`, `|i1`, `<u2`, `<i2`, `<u4`, `<i4`, `<u8`, `<i8`, `<f4`, `<f8`; floats must hold integers.
//!
//! The header is parsed here because `npyz` and `ndarray-npy` both allocate as many bytes as a version 2 header claims to have
//! (up to 4 GiB) before they look for them, and because messages are to name the position of a bad value.

use super::{InputError, Number, Target, brief, product, show};

/// Name of the format in messages.
pub(super) const NAME: &str = ".npy";

/// Deepest array that makes sense here; numpy's own limit is 64.
const MAX_RANK: usize = 64;

/// Reads inputs.
pub(super) fn read(bytes: &[u8], target: &Target<'_>) -> Result<Vec<i32>, InputError> {
    let array = Array::parse(bytes, target)?;
    target.batch(NAME, &array.shape)?;
    array.values(target)
}

/// Reads inputs of real numbers; `None` when the elements are not floats.
pub(super) fn reals(bytes: &[u8], target: &Target<'_>) -> Result<Option<Vec<f32>>, InputError> {
    let array = Array::parse(bytes, target)?;
    if array.kind != Kind::Float {
        return Ok(None);
    }
    target.batch(NAME, &array.shape)?;
    let real = |(i, bytes): (usize, &[u8])| {
        let value = match array.number(bytes) {
            Number::Float(v) => v as f32,
            Number::Integer(v) => v as f32,
        };
        let (input, position) = (i / target.width, i % target.width);
        let wrong = || target.format(NAME, format!("input {input}, value {position} is {value}, expected a finite number"));
        value.is_finite().then_some(value).ok_or_else(wrong)
    };
    array.data.chunks_exact(array.item).enumerate().map(real).collect::<Result<_, _>>().map(Some)
}

/// Reads a vector of integers from 0 to 255.
pub(super) fn labels(bytes: &[u8], target: &Target<'_>) -> Result<Vec<u8>, InputError> {
    let array = Array::parse(bytes, target)?;
    if array.shape.len() != 1 {
        let found = format!("an array of shape {}", show(&array.shape));
        return Err(target.shape(NAME, found, "a one-dimensional array of labels"));
    }
    // The range was checked; the conversion cannot lose anything.
    Ok(array.values(target)?.into_iter().map(|v| v as u8).collect())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

struct Array<'a> {
    kind: Kind,
    item: usize,
    shape: Vec<usize>,
    data: &'a [u8],
}

impl<'a> Array<'a> {
    fn parse(bytes: &'a [u8], target: &Target<'_>) -> Result<Self, InputError> {
        let bad = |what: String| target.format(NAME, what);
        let cut = || bad(format!("cut off inside its header, after {} bytes", bytes.len()));
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
        let [.., major, minor] = magic;
        let (length, rest) = match (major, minor) {
            (1, 0) => rest.split_first_chunk::<2>().map(|(n, rest)| (usize::from(u16::from_le_bytes(*n)), rest)),
            (2 | 3, 0) => rest.split_first_chunk::<4>().map(|(n, rest)| (u32::from_le_bytes(*n) as usize, rest)),
            _ => return Err(bad(format!("version {major}.{minor}, expected 1.0, 2.0 or 3.0"))),
        }
        .ok_or_else(cut)?;
        let (header, data) = rest.split_at_checked(length).ok_or_else(cut)?;
        let header = std::str::from_utf8(header).map_err(|_| bad("its header is not text".to_owned()))?;
        let Header { descr, fortran_order, shape } = Header::parse(header).map_err(bad)?;
        if fortran_order {
            let what = "elements in Fortran order, expected C order; save numpy.ascontiguousarray(array)";
            return Err(bad(what.to_owned()));
        }
        let (kind, item) = element(&descr).map_err(bad)?;
        if product(&shape).and_then(|n| n.checked_mul(item)) != Some(data.len()) {
            let found = data.len();
            return Err(bad(format!("{found} bytes of elements, expected shape {} times {item} bytes", show(&shape))));
        }
        Ok(Self { kind, item, shape, data })
    }

    fn values(&self, target: &Target<'_>) -> Result<Vec<i32>, InputError> {
        if self.kind == Kind::Bool
            && let Some((i, b)) = self.data.iter().enumerate().find(|(_, b)| **b > 1)
        {
            return Err(target.format(NAME, format!("element {i} is the byte {b}, expected a boolean (0 or 1)")));
        }
        target.values(self.data.chunks_exact(self.item).map(|bytes| self.number(bytes)))
    }

    fn number(&self, bytes: &[u8]) -> Number {
        let mut word = [0; 8];
        word.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let raw = u64::from_le_bytes(word);
        let unused = 64 - 8 * bytes.len().clamp(1, 8) as u32;
        match self.kind {
            Kind::Bool | Kind::Unsigned => Number::Integer(i128::from(raw)),
            // Moves the sign to the top and back, which copies it over the unused bits.
            Kind::Signed => Number::Integer(i128::from((raw << unused).cast_signed() >> unused)),
            Kind::Float if self.item == 4 => Number::Float(f64::from(f32::from_bits(raw as u32))),
            Kind::Float => Number::Float(f64::from_bits(raw)),
        }
    }
}

/// Kind and size of an element.
fn element(descr: &str) -> Result<(Kind, usize), String> {
    Ok(match descr {
        "|b1" => (Kind::Bool, 1),
        "|u1" => (Kind::Unsigned, 1),
        "|i1" => (Kind::Signed, 1),
        "<u2" => (Kind::Unsigned, 2),
        "<i2" => (Kind::Signed, 2),
        "<u4" => (Kind::Unsigned, 4),
        "<i4" => (Kind::Signed, 4),
        "<u8" => (Kind::Unsigned, 8),
        "<i8" => (Kind::Signed, 8),
        "<f4" => (Kind::Float, 4),
        "<f8" => (Kind::Float, 8),
        other => {
            let advice = "little-endian integers of 1 to 8 bytes, booleans, <f4 or <f8; save array.astype('<i4')";
            return Err(format!("element type {:?}, expected {advice}", brief(other)));
        }
    })
}

struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads the dictionary; keys may come in any order, as numpy accepts.
    fn parse(text: &str) -> Result<Self, String> {
        let mut cursor = Cursor { rest: text };
        let (mut descr, mut order, mut shape) = (None, None, None);
        cursor.expect('{')?;
        while !cursor.accept('}') {
            let key = cursor.string()?;
            cursor.expect(':')?;
            let repeated = match key {
                "descr" => descr.replace(cursor.descr()?).is_some(),
                "fortran_order" => order.replace(cursor.boolean()?).is_some(),
                "shape" => shape.replace(cursor.tuple()?).is_some(),
                _ => return Err(format!("its header has the unknown key {:?}", brief(key))),
            };
            if repeated {
                return Err(format!("its header has the key {key:?} twice"));
            }
            if !cursor.accept(',') {
                cursor.expect('}')?;
                break;
            }
        }
        if !cursor.rest.trim().is_empty() {
            return Err(format!("its header goes on after its dictionary with {:?}", brief(cursor.rest.trim())));
        }
        let missing = |key: &str| format!("its header has no {key:?}");
        Ok(Self {
            descr: descr.ok_or_else(|| missing("descr"))?.to_owned(),
            fortran_order: order.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
        })
    }
}

/// The few pieces of Python that a header is made of.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn accept(&mut self, token: char) -> bool {
        self.rest = self.rest.trim_start();
        self.rest.strip_prefix(token).inspect(|rest| self.rest = rest).is_some()
    }

    fn expect(&mut self, token: char) -> Result<(), String> {
        if self.accept(token) { Ok(()) } else { Err(self.wrong(&format!("'{token}'"))) }
    }

    fn wrong(&self, expected: &str) -> String {
        format!("its header has {:?} where {expected} should be", brief(self.rest))
    }

    fn string(&mut self) -> Result<&'a str, String> {
        let quote = if self.accept('\'') { '\'' } else { '"' };
        if quote == '"' {
            self.expect(quote).map_err(|_| self.wrong("a string"))?;
        }
        let (text, rest) = self.rest.split_once(quote).ok_or_else(|| self.wrong("the end of a string"))?;
        self.rest = rest;
        Ok(text)
    }

    fn descr(&mut self) -> Result<&'a str, String> {
        if self.accept('[') {
            return Err("elements with several fields, expected plain numbers; save one field, array['name']".to_owned());
        }
        self.string()
    }

    fn boolean(&mut self) -> Result<bool, String> {
        self.rest = self.rest.trim_start();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(self.wrong("True or False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, String> {
        self.expect('(')?;
        let mut shape = Vec::new();
        while !self.accept(')') {
            self.rest = self.rest.trim_start();
            let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
            let (digits, rest) = self.rest.split_at(end);
            shape.push(digits.parse().map_err(|_| self.wrong("a dimension"))?);
            // Python 2 wrote long integers as 3L.
            self.rest = rest.strip_prefix('L').unwrap_or(rest);
            if shape.len() > MAX_RANK {
                return Err(format!("its shape has more than {MAX_RANK} dimensions"));
            }
            if !self.accept(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(shape)
    }
}

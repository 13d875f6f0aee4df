//! Tensors as arrays of 32-bit floats.

use super::super::numbers::{Element, bfloat, half};
use super::super::quote;
use super::proto::Tensor;
use super::wire::{Outcome, Value, varint};

/// An array in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Array {
    pub(super) dims: Vec<usize>,
    pub(super) values: Vec<f32>,
    /// The type that the values have in the model.
    pub(super) element: Element,
}

/// Where a tensor lies outside of the model's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct External<'a> {
    /// Path relative to the model's folder.
    pub location: &'a str,
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// Reads what lies outside of the model's file; the error is a sentence's end that says why it cannot.
pub type ReadExternal<'a> = dyn Fn(External<'_>) -> Result<Vec<u8>, String> + 'a;

/// The type with a number of `TensorProto.DataType`.
pub(super) fn element(kind: i64) -> Option<Element> {
    Some(match kind {
        1 => Element::F32,
        2 | 9 => Element::Unsigned(1),
        3 => Element::Signed(1),
        4 => Element::Unsigned(2),
        5 => Element::Signed(2),
        6 => Element::Signed(4),
        7 => Element::Signed(8),
        10 => Element::F16,
        11 => Element::F64,
        12 => Element::Unsigned(4),
        13 => Element::Unsigned(8),
        16 => Element::Bf16,
        _ => return None,
    })
}

impl Array {
    /// A single value.
    pub(super) fn scalar(value: f32) -> Self {
        Self { dims: Vec::new(), values: vec![value], element: Element::F32 }
    }

    /// Reads a tensor; `name` is what messages call it.
    pub(super) fn read(tensor: &Tensor<'_>, name: &str, external: &ReadExternal<'_>) -> Outcome<Self> {
        let at = |what: String| format!("tensor {} {what}", quote(name));
        let element = element(tensor.kind).ok_or_else(|| {
            at(format!("has elements of type {}, expected floats or integers of 8 to 64 bits", tensor.kind))
        })?;
        let dims: Option<Vec<usize>> = tensor.dims.iter().map(|d| usize::try_from(*d).ok()).collect();
        let count = dims.as_ref().and_then(|d| d.iter().try_fold(1usize, |n, d| n.checked_mul(*d)));
        let bytes = count.and_then(|n| n.checked_mul(element.size()));
        let (Some(dims), Some(count), Some(bytes)) = (dims, count, bytes) else {
            return Err(at(format!("has shape {}, expected dimensions of at least 0", super::show(&tensor.dims))));
        };
        let whole = |data: &[u8]| {
            let shape = super::show(&tensor.dims);
            let found = data.len();
            if found == bytes { Ok(()) } else { Err(at(format!("has {found} bytes, expected {bytes} for shape {shape}"))) }
        };
        let values = if tensor.is_external {
            let data = external(place(tensor, bytes as u64).map_err(at)?).map_err(at)?;
            whole(&data)?;
            element.values(&data)
        } else if let Some(data) = tensor.raw.filter(|d| !d.is_empty() || count == 0) {
            whole(data)?;
            element.values(data)
        } else {
            typed(tensor, element, count).map_err(at)?
        };
        if values.len() != count {
            let shape = super::show(&tensor.dims);
            return Err(at(format!("has {} values, expected {count} for shape {shape}", values.len())));
        }
        Ok(Self { dims, values, element })
    }

    /// Refuses NaN and infinities, with the position of the first; `name` is the tensor's.
    pub(super) fn finite(self, name: &str) -> Outcome<Self> {
        let Some(i) = self.values.iter().position(|v| !v.is_finite()) else { return Ok(self) };
        let mut rest = i;
        let mut position: Vec<i64> = self.dims.iter().rev().map(|d| (rest % d, rest /= d).0 as i64).collect();
        position.reverse();
        let (name, value) = (quote(name), self.values[i]);
        Err(format!("tensor {name} has the value {value} at {}, expected finite numbers", super::show(&position)))
    }

    /// The transposed matrix, in blocks that stay in the cache.
    pub(super) fn transposed(self) -> Self {
        let [rows, columns] = *self.dims.as_slice() else { return self };
        const BLOCK: usize = 32;
        let mut values = vec![0.0; self.values.len()];
        for top in (0..rows).step_by(BLOCK) {
            for left in (0..columns).step_by(BLOCK) {
                for i in top..rows.min(top + BLOCK) {
                    for j in left..columns.min(left + BLOCK) {
                        values[j * rows + i] = self.values[i * columns + j];
                    }
                }
            }
        }
        Self { dims: vec![columns, rows], values, ..self }
    }
}

/// Where external data lies: `length` bytes, which the file may say too.
fn place<'a>(tensor: &Tensor<'a>, length: u64) -> Outcome<External<'a>> {
    let entry = |key: &str| tensor.external.iter().find(|(k, _)| *k == key).map(|(_, value)| *value);
    let number = |key: &str, default: u64| {
        let Some(text) = entry(key) else { return Ok(default) };
        text.parse().map_err(|_| format!("has external data with {key} {}, expected a number", quote(text)))
    };
    let location = entry("location").ok_or("has external data without a location, expected a file beside the model")?;
    let found = number("length", length)?;
    if found != length {
        return Err(format!("has {found} bytes of external data, expected {length} for its shape"));
    }
    Ok(External { location, offset: number("offset", 0)?, length })
}

/// The values of `float_data` and its like, at most one more than `count`.
fn typed(tensor: &Tensor<'_>, element: Element, count: usize) -> Outcome<Vec<f32>> {
    let field = match element {
        Element::F32 => 4,
        Element::F64 => 10,
        Element::Signed(8) => 7,
        Element::Unsigned(4 | 8) => 11,
        _ => 5,
    };
    let number = |bits: u64| match element {
        Element::F16 => half(bits as u16),
        Element::Bf16 => bfloat(bits as u16),
        Element::Unsigned(_) => bits as f32,
        _ => bits.cast_signed() as f32,
    };
    let mut values = Vec::new();
    let mut fields = tensor.body;
    while let Some((found, value)) = fields.next()? {
        if found != field || values.len() > count {
            continue;
        }
        match (value, element) {
            (Value::Bytes(packed), Element::F32 | Element::F64) => values.extend(element.values(packed)),
            (Value::Four(b), Element::F32) => values.push(f32::from_le_bytes(b)),
            (Value::Eight(b), Element::F64) => values.push(f64::from_le_bytes(b) as f32),
            (Value::Varint(v), _) => values.push(number(v)),
            (Value::Bytes(mut packed), _) => {
                while !packed.is_empty() && values.len() <= count {
                    values.push(number(varint(&mut packed)?));
                }
            }
            _ => return Err("has values of another type than it says".to_owned()),
        }
    }
    Ok(values)
}

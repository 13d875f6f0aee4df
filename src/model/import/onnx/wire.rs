//! The wire format of protocol buffers, read in place.
//!
//! A message is a list of fields: a tag (number and wire type), then a varint, four or eight bytes, or a length and as many
//! bytes. Nothing is copied and nothing is allocated for what a file claims to hold.

/// A result whose error is the part of a sentence that says what was found.
pub(super) type Outcome<T> = Result<T, String>;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Eight([u8; 8]),
    /// Wire type 2: text, a message, packed numbers.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Four([u8; 4]),
}

/// The fields of a message that have not been read yet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next field and its number; `None` at the end.
    pub(super) fn next(&mut self) -> Outcome<Option<(u64, Value<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = varint(&mut self.rest)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => Value::Eight(self.chunk()?),
            2 => {
                let length = varint(&mut self.rest)?;
                let split = usize::try_from(length).ok().and_then(|n| self.rest.split_at_checked(n));
                let left = self.rest.len();
                let (bytes, rest) = split.ok_or_else(|| format!("cut off: a field of {length} bytes, {left} are left"))?;
                self.rest = rest;
                Value::Bytes(bytes)
            }
            5 => Value::Four(self.chunk()?),
            kind => return Err(format!("not a protocol buffer (wire type {kind}), expected an ONNX model")),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn chunk<const N: usize>(&mut self) -> Outcome<[u8; N]> {
        let left = self.rest.len();
        let (bytes, rest) = self.rest.split_first_chunk().ok_or_else(|| format!("cut off: {left} bytes left of {N}"))?;
        self.rest = rest;
        Ok(*bytes)
    }
}

/// A number of up to 64 bits, seven to a byte from the low ones up.
pub(super) fn varint(rest: &mut &[u8]) -> Outcome<u64> {
    let mut value = 0u64;
    for (i, byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            *rest = &rest[i + 1..];
            return Ok(value);
        }
    }
    Err("cut off inside a number, or not a protocol buffer".to_owned())
}

impl<'a> Value<'a> {
    /// A signed number; also of enumerations.
    pub(super) fn integer(self) -> Outcome<i64> {
        match self {
            Self::Varint(v) => Ok(v.cast_signed()),
            _ => Err("not an ONNX model: a field that should be a number is something else".to_owned()),
        }
    }

    /// The bytes of a message, text or packed list.
    pub(super) fn bytes(self) -> Outcome<&'a [u8]> {
        match self {
            Self::Bytes(b) => Ok(b),
            _ => Err("not an ONNX model: a field that should be a message is a number".to_owned()),
        }
    }

    pub(super) fn message(self) -> Outcome<Message<'a>> {
        self.bytes().map(Message::new)
    }

    pub(super) fn text(self) -> Outcome<&'a str> {
        std::str::from_utf8(self.bytes()?).map_err(|_| "not an ONNX model: a name that is not UTF-8".to_owned())
    }

    pub(super) fn float(self) -> Outcome<f32> {
        match self {
            Self::Four(b) => Ok(f32::from_le_bytes(b)),
            _ => Err("not an ONNX model: a field that should be a float is something else".to_owned()),
        }
    }

    /// Adds the numbers of a repeated field, packed or one by one, at most `most` in all.
    pub(super) fn integers(self, list: &mut Vec<i64>, most: usize) -> Outcome<()> {
        match self {
            Self::Bytes(mut packed) => {
                while !packed.is_empty() && list.len() <= most {
                    list.push(varint(&mut packed)?.cast_signed());
                }
            }
            other => list.push(other.integer()?),
        }
        if list.len() > most { Err(format!("a list of more than {most} numbers")) } else { Ok(()) }
    }
}

//! IDX, the format of MNIST.
//!
//! | Bytes | Meaning |
//! | --- | --- |
//! | 2 | zero |
//! | 1 | element type; only `08`, unsigned bytes, is read |
//! | 1 | rank |
//! | 4 × rank | dimensions, big-endian |
//! | the rest | elements, last dimension fastest |

use super::{InputError, Number, Target, product, show};

/// Name of the format in messages.
pub(super) const NAME: &str = "IDX";

const UNSIGNED_BYTE: u8 = 0x08;

/// Reads inputs.
pub(super) fn read(bytes: &[u8], target: &Target<'_>) -> Result<Vec<i32>, InputError> {
    let (shape, data) = parse(bytes, target)?;
    target.batch(NAME, &shape)?;
    target.values(data.iter().map(|b| Number::Integer(i128::from(*b))))
}

/// Reads a vector of bytes.
pub(super) fn labels(bytes: &[u8], target: &Target<'_>) -> Result<Vec<u8>, InputError> {
    let (shape, data) = parse(bytes, target)?;
    match shape.as_slice() {
        [_] => Ok(data.to_vec()),
        _ => {
            Err(target.shape(NAME, format!("an array of shape {}", show(&shape)), "a vector of labels (magic 00 00 08 01)"))
        }
    }
}

fn parse<'a>(bytes: &'a [u8], target: &Target<'_>) -> Result<(Vec<usize>, &'a [u8]), InputError> {
    let cut = || target.format(NAME, format!("cut off inside its header, after {} bytes", bytes.len()));
    let ([_, _, kind, rank], rest) = bytes.split_first_chunk::<4>().ok_or_else(cut)?;
    if *kind != UNSIGNED_BYTE {
        return Err(target.format(NAME, format!("element type {kind:02x}, expected 08 (unsigned bytes)")));
    }
    let (header, data) = rest.split_at_checked(4 * usize::from(*rank)).ok_or_else(cut)?;
    let (dimensions, _) = header.as_chunks::<4>();
    let shape: Vec<usize> = dimensions.iter().map(|d| u32::from_be_bytes(*d) as usize).collect();
    if product(&shape) != Some(data.len()) {
        let what = format!("{} bytes of elements, expected the product of its dimensions {}", data.len(), show(&shape));
        return Err(target.format(NAME, what));
    }
    Ok((shape, data))
}

//! JSON: an array of integers is one input, an array of such arrays is a batch.
//!
//! | Document | Meaning |
//! | --- | --- |
//! | `[0, 17, 255]` | one input of width 3 |
//! | `[[0, 17, 255], [1, 2, 3]]` | two inputs of width 3 |

use super::{InputError, Number, Target, brief};

/// Name of the format in messages.
pub(super) const NAME: &str = "JSON";

/// The document without a byte order mark and white space before it.
pub(super) fn text(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start()
}

/// Reads inputs.
pub(super) fn read(bytes: &[u8], target: &Target<'_>) -> Result<Vec<i32>, InputError> {
    let document = text(bytes);
    let refuse = |e: serde_json::Error| {
        let what = format!("{}; expected an array of integers, or an array of such arrays", brief(&e.to_string()));
        target.format(NAME, what)
    };
    // Typed arrays instead of a generic document: at most a few bytes in memory for a byte in the file.
    let nested = document.strip_prefix(b"[").is_some_and(|inner| inner.trim_ascii_start().starts_with(b"["));
    let inputs: Vec<Vec<i64>> = if nested {
        serde_json::from_slice(document).map_err(refuse)?
    } else {
        vec![serde_json::from_slice(document).map_err(refuse)?]
    };
    let expected = || format!("length {}, one integer for each of the network's inputs", target.width);
    for (i, input) in inputs.iter().enumerate() {
        if input.len() != target.width || target.width == 0 {
            return Err(target.shape(NAME, format!("an array of length {} as input {i}", input.len()), expected()));
        }
    }
    target.values(inputs.iter().flatten().map(|v| Number::Integer(i128::from(*v))))
}

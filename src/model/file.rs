//! The `.tern` format: a network with its weights, two bits each.
//!
//! ```text
//! name (blob) ‖ input min, max (i32) ‖ number of layers (u32) ‖ per layer:
//!   outputs, inputs (u32) ‖ has requantisation (u8) [‖ shift (u32) ‖ min, max (i32)] ‖ biases (i32 each) ‖ packed rows
//! ```
//! in the frame of [`codec`].

use super::architecture::{MAX_LAYERS, MAX_WIDTH};
use super::codec::{self, FileError, Kind, put_blob, put_i32s};
use super::{Clamp, Layer, Network, Requantise, TernaryMatrix};

impl Network {
    /// The file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_blob(&mut out, self.name.as_bytes());
        put_i32s(&mut out, &[self.input.min, self.input.max]);
        out.extend_from_slice(&(self.layers.len() as u32).to_le_bytes());
        for layer in &self.layers {
            out.extend_from_slice(&(layer.weights.rows() as u32).to_le_bytes());
            out.extend_from_slice(&(layer.weights.columns() as u32).to_le_bytes());
            out.push(u8::from(layer.requantise.is_some()));
            if let Some(r) = layer.requantise {
                out.extend_from_slice(&r.shift.to_le_bytes());
                put_i32s(&mut out, &[r.clamp.min, r.clamp.max]);
            }
            put_i32s(&mut out, &layer.bias);
            out.extend_from_slice(&layer.weights.pack());
        }
        codec::frame(Kind::Model, &out)
    }

    /// Reads a file's bytes; `file` is a name for messages.
    ///
    /// # Errors
    /// One sentence about what is wrong with the file.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, FileError> {
        let mut input = codec::unframe(Kind::Model, bytes, file)?;
        let name = String::from_utf8(input.blob()?.to_vec()).map_err(|_| input.bad("its name is not UTF-8"))?;
        let range = Clamp { min: input.i32()?, max: input.i32()? };
        let count = input.u32()? as usize;
        if count > MAX_LAYERS {
            return Err(input.bad(format!("it has {count} layers, expected at most {MAX_LAYERS}")));
        }
        let mut layers = Vec::with_capacity(count);
        for b in 0..count {
            let (rows, columns) = (input.u32()? as usize, input.u32()? as usize);
            if rows == 0 || columns == 0 || rows > MAX_WIDTH || columns > MAX_WIDTH {
                return Err(input.bad(format!("layer {b} is {rows} x {columns}, expected 1 to {MAX_WIDTH} each")));
            }
            let requantise = match input.u8()? {
                0 => None,
                1 => Some(Requantise { shift: input.u32()?, clamp: Clamp { min: input.i32()?, max: input.i32()? } }),
                other => return Err(input.bad(format!("layer {b} has the flag {other}, expected 0 or 1"))),
            };
            let bias = input.i32s(rows)?;
            let weights = TernaryMatrix::unpack(&mut input, rows, columns, &format!("layer {b}"))?;
            layers.push(Layer { weights, bias, requantise });
        }
        input.end()?;
        let network = Self { name, input: range, layers };
        // Whatever is loaded can be proved: shapes chain, accumulators fit.
        super::Architecture::of(&network, 1).map_err(|e| input.bad(e.to_string()))?;
        Ok(network)
    }
}

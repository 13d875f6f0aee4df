//! Float networks in a `.safetensors` file, for programs that do not write ONNX (`examples/export_numpy.py`).
//!
//! | In the file | Type and shape | Meaning |
//! | --- | --- | --- |
//! | weights | `F32`, `F16`, `BF16` or `F64`, `[outputs, inputs]` | `W` of a layer |
//! | biases | the same types, `[outputs]` | its bias |
//! | metadata `zktern` | JSON text | what follows |
//!
//! ```json
//! {"format": 2, "name": "mlp", "input": {"scale": 0.00392156862745098, "offset": 0, "min": 0, "max": 255},
//!  "layers": [{"weight": "fc1.weight", "bias": "fc1.bias", "activation": "relu"}, {"weight": "fc2.weight"}]}
//! ```
//!
//! `weight` is `layer{b}.weight` where it is absent; `bias` is `layer{b}.bias` where it is absent and such a tensor exists, and
//! zeros otherwise. `activation` is `relu`, `{"clip": [min, max]}` or absent. `input` may be absent: it says how real inputs are
//! coded as integers, `real = scale · integer + offset`. A key or tensor that is not used is refused.

use super::super::architecture::{MAX_LAYERS, MAX_WIDTH};
use super::super::float::{Activation, FloatLayer, FloatNetwork, InputCode};
use super::ImportError;
use super::integer::{KEY, Reader, show};
use super::numbers::Element;
use ::safetensors::Dtype;
use serde_json::{Map, Value};

#[cfg(test)]
#[path = "floats_tests.rs"]
mod tests;

/// Version of the metadata of float networks.
pub const FORMAT: i64 = 2;

/// A float network, and how its file codes inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatModel {
    /// The network.
    pub network: FloatNetwork,
    /// The input code, if the file has one.
    pub code: Option<InputCode>,
}

/// Whether a `.safetensors` file describes a float network; `false` for whatever cannot be read.
#[must_use]
pub fn is_float(bytes: &[u8]) -> bool {
    let format = |r: Reader<'_>| r.description().ok()?.get("format")?.as_i64();
    Reader::open(bytes, "").ok().and_then(format) == Some(FORMAT)
}

/// Reads a float network from the bytes of a `.safetensors` file; `file` is a name for messages.
///
/// # Errors
/// One sentence that names the file, the tensor or key, what was found and what was expected.
pub fn safetensors_float(bytes: &[u8], file: &str) -> Result<FloatModel, ImportError> {
    let reader = Reader::open(bytes, file)?;
    let description = reader.description()?;
    let format = reader.field(&description, KEY, "format")?;
    if format.as_i64() != Some(FORMAT) {
        let what = format!("is {}, expected {FORMAT} for a float network", show(format));
        return Err(reader.wrong("zktern.format", what));
    }
    reader.only(&description, KEY, &["format", "name", "input", "layers"])?;
    let name = reader.name(&description)?;
    let code = description.get("input").map(|input| reader.code(input)).transpose()?;
    let layers = match reader.field(&description, KEY, "layers")? {
        Value::Array(list) if (1..=MAX_LAYERS).contains(&list.len()) => list,
        other => {
            let what = format!("is {}, expected an array of 1 to {MAX_LAYERS} layers", show(other));
            return Err(reader.wrong("zktern.layers", what));
        }
    };
    let mut used = Vec::new();
    let layers: Vec<FloatLayer> =
        layers.iter().enumerate().map(|(b, l)| reader.float_layer(b, l, &mut used)).collect::<Result<_, _>>()?;
    for (b, pair) in layers.windows(2).enumerate() {
        if pair[0].rows != pair[1].columns {
            let what = format!("takes {} inputs, but the layer before it has {} outputs", pair[1].columns, pair[0].rows);
            return Err(reader.tensor_error(&used[b + 1], what));
        }
    }
    if let Some(name) = reader.names().iter().find(|name| !used.contains(name)) {
        return Err(reader.tensor_error(name, "is used by no layer of the metadata zktern.layers"));
    }
    Ok(FloatModel { network: FloatNetwork { name, input: None, layers }, code })
}

impl Reader<'_> {
    fn number(&self, map: &Map<String, Value>, path: &str, key: &str) -> Result<f64, ImportError> {
        let value = self.field(map, path, key)?;
        let wrong = || self.wrong(format!("{path}.{key}"), format!("is {}, expected a number", show(value)));
        value.as_f64().filter(|v| v.is_finite()).ok_or_else(wrong)
    }

    fn code(&self, value: &Value) -> Result<InputCode, ImportError> {
        let path = "zktern.input";
        let map = self.object(value, path)?;
        self.only(map, path, &["scale", "offset", "min", "max"])?;
        let scale = self.number(map, path, "scale")?;
        let offset = if map.contains_key("offset") { self.number(map, path, "offset")? } else { 0.0 };
        let range = self.clamp(map, path)?;
        if scale <= 0.0 || range.min > 0 || range.max < 0 {
            let what = format!("is {}, expected a scale above 0 and a range that contains 0", show(value));
            return Err(self.wrong(path, what));
        }
        Ok(InputCode { scale, offset, range })
    }

    fn float_layer(&self, b: usize, value: &Value, used: &mut Vec<String>) -> Result<FloatLayer, ImportError> {
        let path = format!("zktern.layers[{b}]");
        let map = self.object(value, &path)?;
        self.only(map, &path, &["weight", "bias", "activation"])?;
        let named = |key: &str| match map.get(key) {
            None => Ok(None),
            Some(Value::String(name)) => Ok(Some(name.clone())),
            Some(other) => Err(self.wrong(format!("{path}.{key}"), format!("is {}, expected a tensor's name", show(other)))),
        };
        let activation = self.activation(map.get("activation"), &path)?;
        let name = named("weight")?.unwrap_or_else(|| format!("layer{b}.weight"));
        let (shape, weights) = self.floats(&name)?;
        let [rows, columns] = *shape else {
            let found = super::brief(&format!("{shape:?}"));
            return Err(self.tensor_error(&name, format!("has shape {found}, expected [outputs, inputs]")));
        };
        if !(1..=MAX_WIDTH).contains(&rows) || !(1..=MAX_WIDTH).contains(&columns) {
            return Err(self.tensor_error(&name, format!("has shape [{rows}, {columns}], expected 1 to {MAX_WIDTH} each")));
        }
        // The name of a layer's weights comes before that of its bias: errors about shapes look for it at the layer's number.
        used.insert(b, name.clone());
        let default = format!("layer{b}.bias");
        let bias = named("bias")?.or_else(|| self.header.info(&default).map(|_| default));
        let bias = match bias {
            None => vec![0.0; rows],
            Some(name) => {
                let (shape, values) = self.floats(&name)?;
                if *shape != [rows] {
                    let found = super::brief(&format!("{shape:?}"));
                    return Err(
                        self.tensor_error(&name, format!("has shape {found}, expected [{rows}], one for each output"))
                    );
                }
                used.push(name);
                values
            }
        };
        Ok(FloatLayer { name, rows, columns, weights, bias, activation, grid: None })
    }

    fn activation(&self, value: Option<&Value>, path: &str) -> Result<Activation, ImportError> {
        let limits = |v: &Value| {
            let [min, max] = v.get("clip")?.as_array()?.as_slice() else { return None };
            Some((min.as_f64()? as f32, max.as_f64()? as f32))
        };
        match value {
            None => Ok(Activation::None),
            Some(Value::String(name)) if name == "relu" => Ok(Activation::Relu),
            Some(other) => match limits(other) {
                Some((min, max)) if min <= 0.0 && max >= 0.0 => Ok(Activation::Clip { min, max }),
                _ => {
                    let what = "expected \"relu\" or {\"clip\": [min, max]} with a range that contains 0";
                    Err(self.wrong(format!("{path}.activation"), format!("is {}, {what}", show(other))))
                }
            },
        }
    }

    /// Shape and values of a tensor.
    fn floats(&self, name: &str) -> Result<(&[usize], Vec<f32>), ImportError> {
        let info = self.header.info(name).ok_or_else(|| self.tensor_error(name, "is missing"))?;
        let element = match info.dtype {
            Dtype::F32 => Element::F32,
            Dtype::F64 => Element::F64,
            Dtype::F16 => Element::F16,
            Dtype::BF16 => Element::Bf16,
            other => return Err(self.tensor_error(name, format!("holds {other:?}, expected F16, BF16, F32 or F64"))),
        };
        let (start, end) = info.data_offsets;
        let data = self.data.get(start..end);
        let data = data.ok_or_else(|| self.tensor_error(name, format!("lies at {start}..{end}, outside the file")))?;
        let values = element.values(data);
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok((&info.shape, values)),
            Some(i) => {
                let columns = info.shape.last().copied().unwrap_or(1).max(1);
                let at =
                    if info.shape.len() == 2 { format!("[{}, {}]", i / columns, i % columns) } else { format!("[{i}]") };
                Err(self.tensor_error(name, format!("has the value {} at {at}, expected finite numbers", values[i])))
            }
        }
    }
}

//! The messages of ONNX, as far as they matter here, borrowed from the file.
//!
//! Field numbers are those of `onnx.proto` (github.com/onnx/onnx). Fields that are not named here do not change what a model
//! computes: documentation, annotations, training information.

use super::wire::{Message, Outcome};

/// Most nodes, initialisers, inputs and outputs of a graph; the deepest network takes a small part of it.
const MAX_ITEMS: usize = 1 << 14;
/// Most inputs, outputs or attributes of a node, and most dimensions of a tensor.
const MAX_FEW: usize = 64;

/// `ModelProto`.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    /// Version of the default operator set; `None` if the file names none.
    pub(super) opset: Option<i64>,
    /// The program that wrote it.
    pub(super) producer: &'a str,
    pub(super) graph: Option<Graph<'a>>,
}

/// `GraphProto`.
#[derive(Debug, Default)]
pub(super) struct Graph<'a> {
    pub(super) name: &'a str,
    pub(super) nodes: Vec<Node<'a>>,
    pub(super) initialisers: Vec<Tensor<'a>>,
    pub(super) sparse: bool,
    pub(super) inputs: Vec<ValueInfo<'a>>,
    pub(super) outputs: Vec<ValueInfo<'a>>,
}

/// `NodeProto`.
#[derive(Debug, Default)]
pub(super) struct Node<'a> {
    /// Position in the file, from 0.
    pub(super) position: usize,
    pub(super) name: &'a str,
    pub(super) op: &'a str,
    pub(super) domain: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    pub(super) attributes: Vec<Attribute<'a>>,
}

/// `AttributeProto`.
#[derive(Debug, Default)]
pub(super) struct Attribute<'a> {
    pub(super) name: &'a str,
    pub(super) float: Option<f32>,
    pub(super) integer: Option<i64>,
    pub(super) tensor: Option<Tensor<'a>>,
    pub(super) integers: Vec<i64>,
}

/// `TensorProto`.
#[derive(Debug, Default)]
pub(super) struct Tensor<'a> {
    pub(super) name: &'a str,
    pub(super) dims: Vec<i64>,
    /// `TensorProto.DataType`.
    pub(super) kind: i64,
    pub(super) raw: Option<&'a [u8]>,
    /// The whole message, for `float_data`, `int32_data`, `int64_data`, `double_data` and `uint64_data`.
    pub(super) body: Message<'a>,
    /// `external_data`.
    pub(super) external: Vec<(&'a str, &'a str)>,
    pub(super) is_external: bool,
}

/// `ValueInfoProto`: the type of an input or output.
#[derive(Debug, Default)]
pub(super) struct ValueInfo<'a> {
    pub(super) name: &'a str,
    /// `TensorProto.DataType`.
    pub(super) kind: i64,
    /// `None` when no shape is given.
    pub(super) shape: Option<Vec<Dimension<'a>>>,
}

/// A dimension of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension<'a> {
    Fixed(i64),
    /// With its name, which may be empty.
    Dynamic(&'a str),
}

/// Adds to a list that has at most `most` entries.
fn push<T>(list: &mut Vec<T>, item: T, most: usize, what: &str) -> Outcome<()> {
    if list.len() >= most {
        return Err(format!("more than {most} {what}"));
    }
    list.push(item);
    Ok(())
}

impl<'a> Model<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Outcome<Self> {
        let mut out = Self::default();
        let mut fields = Message::new(bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                2 => out.producer = value.text()?,
                7 => out.graph = Some(Graph::read(value.message()?)?),
                8 => {
                    let (domain, version) = opset(value.message()?)?;
                    if matches!(domain, "" | "ai.onnx") {
                        out.opset = Some(version);
                    }
                }
                _ => {}
            }
        }
        Ok(out)
    }
}

fn opset(mut fields: Message<'_>) -> Outcome<(&str, i64)> {
    let mut out = ("", 0);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => out.0 = value.text()?,
            2 => out.1 = value.integer()?,
            _ => {}
        }
    }
    Ok(out)
}

impl<'a> Graph<'a> {
    fn read(mut fields: Message<'a>) -> Outcome<Self> {
        let mut out = Self::default();
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => {
                    let node = Node::read(value.message()?, out.nodes.len())?;
                    push(&mut out.nodes, node, MAX_ITEMS, "nodes")?;
                }
                2 => out.name = value.text()?,
                5 => push(&mut out.initialisers, Tensor::read(value.message()?)?, MAX_ITEMS, "initialisers")?,
                11 => push(&mut out.inputs, ValueInfo::read(value.message()?)?, MAX_ITEMS, "inputs")?,
                12 => push(&mut out.outputs, ValueInfo::read(value.message()?)?, MAX_ITEMS, "outputs")?,
                15 => out.sparse = true,
                _ => {}
            }
        }
        Ok(out)
    }
}

impl<'a> Node<'a> {
    fn read(mut fields: Message<'a>, position: usize) -> Outcome<Self> {
        let mut out = Self { position, ..Self::default() };
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => push(&mut out.inputs, value.text()?, MAX_FEW, "inputs of a node")?,
                2 => push(&mut out.outputs, value.text()?, MAX_FEW, "outputs of a node")?,
                3 => out.name = value.text()?,
                4 => out.op = value.text()?,
                5 => push(&mut out.attributes, Attribute::read(value.message()?)?, MAX_FEW, "attributes of a node")?,
                7 => out.domain = value.text()?,
                _ => {}
            }
        }
        Ok(out)
    }

    fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|a| a.name == name)
    }

    pub(super) fn integer(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|a| a.integer).unwrap_or(default)
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        self.attribute(name).and_then(|a| a.float)
    }

    pub(super) fn integers(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.integers.as_slice())
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor<'a>> {
        self.attribute(name).and_then(|a| a.tensor.as_ref())
    }

    /// Input `k`; an absent optional one has an empty name in the file.
    pub(super) fn input(&self, k: usize) -> Option<&'a str> {
        self.inputs.get(k).copied().filter(|name| !name.is_empty())
    }
}

impl<'a> Attribute<'a> {
    fn read(mut fields: Message<'a>) -> Outcome<Self> {
        let mut out = Self::default();
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => out.name = value.text()?,
                2 => out.float = Some(value.float()?),
                3 => out.integer = Some(value.integer()?),
                5 => out.tensor = Some(Tensor::read(value.message()?)?),
                8 => value.integers(&mut out.integers, MAX_ITEMS)?,
                _ => {}
            }
        }
        Ok(out)
    }
}

impl<'a> Tensor<'a> {
    fn read(mut fields: Message<'a>) -> Outcome<Self> {
        let mut out = Self { body: fields, ..Self::default() };
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => value.integers(&mut out.dims, MAX_FEW)?,
                2 => out.kind = value.integer()?,
                8 => out.name = value.text()?,
                9 => out.raw = Some(value.bytes()?),
                13 => push(&mut out.external, entry(value.message()?)?, MAX_FEW, "entries of external data")?,
                14 => out.is_external = value.integer()? == 1,
                _ => {}
            }
        }
        Ok(out)
    }
}

fn entry(mut fields: Message<'_>) -> Outcome<(&str, &str)> {
    let mut out = ("", "");
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => out.0 = value.text()?,
            2 => out.1 = value.text()?,
            _ => {}
        }
    }
    Ok(out)
}

impl<'a> ValueInfo<'a> {
    fn read(mut fields: Message<'a>) -> Outcome<Self> {
        let mut out = Self::default();
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => out.name = value.text()?,
                2 => out.read_type(value.message()?)?,
                _ => {}
            }
        }
        Ok(out)
    }

    fn read_type(&mut self, mut fields: Message<'a>) -> Outcome<()> {
        while let Some((number, value)) = fields.next()? {
            // 1 is a tensor; sequences, maps and optional values are left without a shape, and refused for it.
            if number == 1 {
                let mut tensor = value.message()?;
                while let Some((number, value)) = tensor.next()? {
                    match number {
                        1 => self.kind = value.integer()?,
                        2 => self.shape = Some(shape(value.message()?)?),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }
}

fn shape(mut fields: Message<'_>) -> Outcome<Vec<Dimension<'_>>> {
    let mut out = Vec::new();
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            let mut dimension = Dimension::Dynamic("");
            let mut inner = value.message()?;
            while let Some((number, value)) = inner.next()? {
                match number {
                    1 => dimension = Dimension::Fixed(value.integer()?),
                    2 => dimension = Dimension::Dynamic(value.text()?),
                    _ => {}
                }
            }
            push(&mut out, dimension, MAX_FEW, "dimensions")?;
        }
    }
    Ok(out)
}

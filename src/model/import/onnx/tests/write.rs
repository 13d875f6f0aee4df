//! Writes messages as the tests need them.

pub fn varint(mut v: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while v >= 0x80 {
        out.push(v as u8 | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
    out
}

pub fn number(field: u64, v: i64) -> Vec<u8> {
    [varint(field << 3), varint(v.cast_unsigned())].concat()
}

pub fn float(field: u64, v: f32) -> Vec<u8> {
    [varint(field << 3 | 5), v.to_le_bytes().to_vec()].concat()
}

pub fn bytes(field: u64, data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    [varint(field << 3 | 2), varint(data.len() as u64), data.to_vec()].concat()
}

pub fn attribute(name: &str, value: Vec<u8>) -> Vec<u8> {
    [bytes(1, name), value].concat()
}

pub fn node(op: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut out: Vec<u8> = inputs.iter().flat_map(|i| bytes(1, i)).collect();
    out.extend([bytes(2, output), bytes(3, format!("my_{output}")), bytes(4, op)].concat());
    out.extend(attributes.iter().flat_map(|a| bytes(5, a)));
    out
}

/// A tensor without its values.
pub fn head(name: &str, kind: i64, dims: &[i64]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|d| number(1, *d)).collect();
    [dims, number(2, kind), bytes(8, name)].concat()
}

pub fn tensor(name: &str, dims: &[i64], values: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    [head(name, 1, dims), bytes(9, raw)].concat()
}

pub fn value(name: &str, dims: &[Option<i64>]) -> Vec<u8> {
    let dim = |d: &Option<i64>| bytes(1, d.map_or_else(|| bytes(2, "n"), |d| number(1, d)));
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    [bytes(1, name), bytes(2, bytes(1, [number(1, 1), bytes(2, shape)].concat()))].concat()
}

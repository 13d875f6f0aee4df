// Every kernel sees one block of parameters; what n, a, b, c, x and y mean is said by each kernel.
struct Params { n: u32, a: u32, b: u32, c: u32, x: F, y: F }
@group(0) @binding(0) var<uniform> params: Params;

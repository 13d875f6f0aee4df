//! Arguments. Names are fixed: scripts rely on them.

use super::memory;
use crate::model::quantise::Rule;
use crate::protocol::key::Profile;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

/// Zero-knowledge proofs of inference for ternary neural networks.
#[derive(Parser, Debug)]
#[command(name = "zktern", version, about, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(ClapArgs, Clone, Debug)]
pub(super) struct Common {
    /// One JSON document on standard output, and nothing else there
    #[arg(long, global = true)]
    pub(super) json: bool,
    /// Print nothing but errors
    #[arg(long, global = true)]
    pub(super) quiet: bool,
    /// More about what happens, on standard error
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// Number of threads (0: one per core)
    #[arg(long, global = true, default_value_t = 0, value_name = "N")]
    pub(super) threads: usize,
    /// auto, cpu, gpu, gpu:NAME or reference
    #[arg(long, global = true, default_value = "auto", value_name = "D")]
    pub(super) device: String,
}

#[derive(Subcommand, Debug)]
pub(super) enum Command {
    /// A trained network and real handwritten digits: commit, prove, verify
    Demo(Demo),
    /// A network from an ONNX or safetensors file
    Import(Import),
    /// A trained float network as the ternary one whose proofs are cheapest within a loss of accuracy
    Tune(Tune),
    /// Commit to a network: a public verifying key and a prover's secret
    Commit(Commit),
    /// Prove what a network outputs for an input
    Prove(Prove),
    /// Many deferred proofs (prove --defer) as one, with one opening
    Aggregate(Aggregate),
    /// Check a proof
    Verify(Verify),
    /// What a file holds: shapes, densities, bounds, tables, digests, sizes
    Inspect(Inspect),
    /// Memory, time and proof size before proving
    Estimate(Estimate),
    /// A random network (and inputs), for tests and benchmarks
    Random(Random),
    /// Exact integer inference, the function that is proved (of a float model: its float inference)
    Infer(Infer),
    /// Measure: circuits against sumchecks (matvec), proofs (mlp), many of them (aggregate), every verb of every device (stages)
    Bench(Bench),
    /// Devices, limits, and a self-test of each
    Doctor,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Demo {
    /// How many digits one proof is about (1 to 20)
    #[arg(long, default_value_t = 20, value_name = "N")]
    pub(super) count: usize,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Import {
    /// .onnx, or .safetensors with zktern metadata: ternary integers, or floats
    pub(super) model: PathBuf,
    /// The network to write
    #[arg(short, long, value_name = "NET.tern")]
    pub(super) output: PathBuf,
    /// Inputs to calibrate a float network on: floats are real inputs, integers (.npy, IDX, PNG, PGM, JSON) coded ones
    #[arg(long, value_name = "INPUTS.npy")]
    pub(super) calibrate: Option<PathBuf>,
    /// Labels of these inputs, to compare accuracies
    #[arg(long, value_name = "LABELS", requires = "calibrate")]
    pub(super) labels: Option<PathBuf>,
    /// Make float weights ternary; without it they must be ternary up to a scale of each row
    #[arg(long, alias = "ternarise")]
    pub(super) ternarize: bool,
    /// Bits of hidden activations, 4 to 8
    #[arg(long, default_value_t = ACTIVATION_BITS, value_name = "A", value_parser = clap::value_parser!(u32).range(4..=8))]
    pub(super) activation_bits: u32,
    /// Which weights are kept: above 0.7 of their row's mean (twn) or half of their matrix's (absmean)
    #[arg(long, value_enum, default_value = "twn")]
    pub(super) rule: RuleName,
    /// Most non-zero weights of a row; the largest are kept
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) row_cap: Option<u32>,
    /// Fraction of the weights of each layer that are kept, instead of the rule's threshold: 1/4 or 0.25
    #[arg(long, value_name = "D")]
    pub(super) density: Option<String>,
    #[command(flatten)]
    pub(super) coding: InputCoding,
    /// The inputs of --calibrate (or the random ones) as integers to write, ready for prove
    #[arg(long, value_name = "X.npy")]
    pub(super) write_inputs: Option<PathBuf>,
    /// Inputs in one proof, for the tables of the report
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) count: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RuleName {
    Twn,
    Absmean,
}

impl From<RuleName> for Rule {
    fn from(name: RuleName) -> Self {
        match name {
            RuleName::Twn => Self::Twn,
            RuleName::Absmean => Self::Absmean,
        }
    }
}

/// What the integers that a proof is about stand for.
#[derive(ClapArgs, Clone, Debug)]
pub(super) struct InputCoding {
    /// Smallest and largest integer input
    #[arg(long, value_name = "MIN,MAX", allow_hyphen_values = true)]
    pub(super) input_range: Option<String>,
    /// Real value of one step of the integer inputs: real = S * integer + O
    #[arg(long, value_name = "S")]
    pub(super) input_scale: Option<f64>,
    /// Real value of the integer input 0
    #[arg(long, value_name = "O", default_value_t = 0.0, allow_hyphen_values = true)]
    pub(super) input_offset: f64,
}

/// Activation bits of an import that does not say otherwise.
pub(super) const ACTIVATION_BITS: u32 = 8;

#[derive(ClapArgs, Debug)]
pub(super) struct Tune {
    /// .onnx, or .safetensors with float weights and zktern metadata: linear layers with ReLU between them
    pub(super) model: PathBuf,
    /// The network to write
    #[arg(short, long, value_name = "NET.tern")]
    pub(super) output: PathBuf,
    /// Typical inputs, a few thousand (floats are real inputs, integers coded ones): five in six fit networks, the others choose
    #[arg(long, value_name = "X.npy")]
    pub(super) calibrate: PathBuf,
    /// Their classes (default: what the float network says)
    #[arg(long, value_name = "Y.npy")]
    pub(super) labels: Option<PathBuf>,
    /// Inputs that decide nothing, for the table
    #[arg(long, value_name = "X.npy")]
    pub(super) evaluate: Option<PathBuf>,
    /// Their classes (default: what the float network says)
    #[arg(long, value_name = "Y.npy")]
    pub(super) evaluate_labels: Option<PathBuf>,
    #[command(flatten)]
    pub(super) coding: InputCoding,
    /// Round inputs to so many bits; proofs are then about the rounded ones
    #[arg(long, value_name = "N")]
    pub(super) input_bits: Option<u32>,
    /// The evaluation inputs as the network takes them, to write
    #[arg(long, value_name = "X.npy")]
    pub(super) write_inputs: Option<PathBuf>,
    /// Most non-zeros of a row (default: searched)
    #[arg(long, value_name = "K")]
    pub(super) row_cap: Option<usize>,
    /// Bits of the activations (default: searched)
    #[arg(long, value_name = "A")]
    pub(super) activation_bits: Option<u32>,
    /// Most non-zeros of every hidden layer, as a fraction: 1/16 or 0.1 (default: searched)
    #[arg(long, value_name = "D")]
    pub(super) density: Option<String>,
    /// Keep at most so many neurons of every hidden layer (default: all)
    #[arg(long, value_name = "N")]
    pub(super) max_width: Option<usize>,
    /// Points of accuracy that may be lost
    #[arg(long, default_value_t = 1.0, value_name = "P")]
    pub(super) max_loss: f64,
    /// Inputs in one proof
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub(super) count: usize,
    /// Proofs that are made with every network of the front, for their times (0: estimates only)
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(super) proofs: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProfileName {
    Balanced,
    Prover,
    Verifier,
    Size,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Balanced => Self::Balanced,
            ProfileName::Prover => Self::Prover,
            ProfileName::Verifier => Self::Verifier,
            ProfileName::Size => Self::Size,
        }
    }
}

#[derive(ClapArgs, Debug)]
pub(super) struct Commit {
    /// The network
    pub(super) network: PathBuf,
    /// The verifying key to write (public)
    #[arg(short, long, value_name = "NET.vk")]
    pub(super) output: PathBuf,
    /// The prover's secret to write (keep it private)
    #[arg(long, value_name = "NET.key")]
    pub(super) secret: PathBuf,
    /// Also prove that all weights are -1, 0 or 1
    #[arg(long)]
    pub(super) prove_ternary: bool,
    /// Whose cost the width of committed rows favours
    #[arg(long, value_enum, default_value = "balanced")]
    pub(super) profile: ProfileName,
    /// Reproducible blinds from a number; the result hides NOTHING
    #[arg(long, value_name = "N")]
    pub(super) insecure_seed: Option<u64>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Prove {
    /// The network
    pub(super) network: PathBuf,
    /// .npy, IDX, PNG, PGM or JSON, or folders of them; - is standard input
    #[arg(value_name = "INPUT", required = true)]
    pub(super) inputs: Vec<PathBuf>,
    /// The proof to write
    #[arg(short, long, value_name = "OUT.proof")]
    pub(super) output: PathBuf,
    /// The prover's secret (default: beside the network, with the ending .key)
    #[arg(long, value_name = "NET.key")]
    pub(super) secret: Option<PathBuf>,
    /// Hide the input
    #[arg(long)]
    pub(super) private_input: bool,
    /// A nonce or other data that the proof is bound to, in hexadecimal
    #[arg(long, value_name = "HEX")]
    pub(super) context: Option<String>,
    /// Prove many inputs together: in one proof, or in as few as the memory allows (OUT-1-of-3.proof ..)
    #[arg(long)]
    pub(super) batch: bool,
    /// Leave the opening to `zktern aggregate`; what is written is secret until then
    #[arg(long)]
    pub(super) defer: bool,
    /// Memory that may be used, as 512MiB, 2GB or bytes (default: what is available, where the system tells)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub(super) memory: Option<u64>,
    /// Share the work among N ranks in this process, and the threads among them (under mpirun, every process is a rank)
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) ranks: usize,
    /// Reproducible blinds from a number; the result hides NOTHING
    #[arg(long, value_name = "N")]
    pub(super) insecure_seed: Option<u64>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Aggregate {
    /// Deferred proofs, of one model or of several with rows of equal width
    #[arg(required = true)]
    pub(super) proofs: Vec<PathBuf>,
    /// The verifying keys of their models: nothing is written before it is checked
    #[arg(long, required = true, value_name = "NET.vk")]
    pub(super) key: Vec<PathBuf>,
    /// The proof to write
    #[arg(short, long, value_name = "ALL.proof")]
    pub(super) output: PathBuf,
    /// Merge without opening: the result is to be aggregated further, and secret until then
    #[arg(long)]
    pub(super) defer: bool,
    /// Reproducible blinds from a number; the result hides NOTHING
    #[arg(long, value_name = "N")]
    pub(super) insecure_seed: Option<u64>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Verify {
    /// The proof
    pub(super) proof: PathBuf,
    /// The verifying key; several for an aggregate of several models
    #[arg(long, required = true, value_name = "NET.vk")]
    pub(super) key: Vec<PathBuf>,
    /// The input that the proof must be about
    #[arg(long)]
    pub(super) input: Option<PathBuf>,
    /// The context that the proof must be bound to, in hexadecimal (default: none)
    #[arg(long, value_name = "HEX")]
    pub(super) context: Option<String>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Inspect {
    /// Any of our files, or an ONNX or safetensors network
    pub(super) file: PathBuf,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Estimate {
    /// The network
    pub(super) network: PathBuf,
    /// Inputs in one proof
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) count: usize,
    /// Memory that may be used, as 512MiB, 2GB or bytes (default: as much as the fastest way takes)
    #[arg(long, value_name = "SIZE", value_parser = memory::parse)]
    pub(super) memory: Option<u64>,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Random {
    /// Widths, inputs first: 784,512,10
    #[arg(long, value_delimiter = ',', required = true)]
    pub(super) shape: Vec<usize>,
    /// Fraction of weights that are not zero: 1/16 or 0.3
    #[arg(long, default_value = "1/16")]
    pub(super) density: String,
    /// Seed
    #[arg(long, default_value_t = 0, value_name = "S")]
    pub(super) seed: u64,
    /// The network to write
    #[arg(short, long, value_name = "NET.tern")]
    pub(super) output: PathBuf,
    /// Random inputs to write, as .npy
    #[arg(long, value_name = "X.npy")]
    pub(super) input: Option<PathBuf>,
    /// How many inputs
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(super) count: usize,
}

#[derive(ClapArgs, Debug)]
pub(super) struct Infer {
    /// The network; for ONNX and float safetensors the float network is run, on real inputs
    pub(super) network: PathBuf,
    /// .npy, IDX, PNG, PGM or JSON; - is standard input
    pub(super) input: PathBuf,
}

/// `--device` may be a list here. `--json FILE` is read as `--json-file FILE`; see [`json_file`].
#[derive(ClapArgs, Debug)]
pub(super) struct Bench {
    /// matvec, mlp, aggregate, stages or all
    #[arg(default_value = "all")]
    pub(super) suite: String,
    /// A JSON document of all rows, renewed after each (also: --json FILE)
    #[arg(long, value_name = "FILE")]
    pub(super) json_file: Option<PathBuf>,
    /// A report with plots, one file without references to others
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
    /// Runs of every case; medians are reported
    #[arg(long, default_value_t = 5, value_name = "N")]
    pub(super) samples: usize,
    /// matvec: smallest k of the 2^k x 2^k matrices
    #[arg(long, default_value_t = 7, value_name = "K")]
    pub(super) min_log: usize,
    /// matvec: largest k
    #[arg(long, default_value_t = 12, value_name = "K")]
    pub(super) max_log: usize,
    /// matvec: only these configurations
    #[arg(long, value_delimiter = ',', value_name = "NAME,..")]
    pub(super) only: Vec<String>,
    /// mlp, aggregate: only these hidden widths, as 1024x1024; may be repeated
    #[arg(long, value_delimiter = ',', value_name = "WxW,..")]
    pub(super) hidden: Vec<String>,
    /// mlp: densities
    #[arg(long, value_delimiter = ',', default_value = "1/16,0.58", value_name = "D,..")]
    pub(super) density: Vec<String>,
    /// mlp: inputs in one proof
    #[arg(long, value_delimiter = ',', default_value = "1,16,64", value_name = "N,..")]
    pub(super) count: Vec<usize>,
    /// aggregate: proofs that share one opening
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub(super) leaves: usize,
    /// aggregate: inputs of the largest lock-step batch
    #[arg(long, default_value_t = 1024, value_name = "N")]
    pub(super) largest: usize,
    /// stages: logarithm of the tables' length
    #[arg(long, default_value_t = 16, value_name = "K")]
    pub(super) log_size: usize,
}

/// `bench .. --json FILE` as `bench .. --json-file FILE`. Everywhere else, and before another option, the name of a suite or
/// the end, `--json` has no value and asks for the document on standard output.
pub(super) fn json_file(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut out: Vec<OsString> = arguments.collect();
    if !out.iter().any(|a| a == "bench") {
        return out;
    }
    for i in 1..out.len().saturating_sub(1) {
        let next = out[i + 1].to_string_lossy();
        let is_file = !next.starts_with('-') && next != "bench" && !super::bench::SUITES.contains(&&*next);
        if out[i] == "--json" && is_file {
            out[i] = "--json-file".into();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench(line: &str) -> (bool, Option<PathBuf>, String) {
        let args = Args::try_parse_from(json_file(line.split(' ').map(OsString::from))).unwrap();
        let Command::Bench(b) = args.command else { panic!("{line}") };
        (args.common.json, b.json_file, b.suite)
    }

    #[test]
    fn json_takes_a_file_in_bench_only() {
        let file = Some(PathBuf::from("o.json"));
        assert_eq!(bench("zktern bench mlp --json o.json"), (false, file.clone(), "mlp".into()));
        assert_eq!(bench("zktern bench --json o.json mlp"), (false, file.clone(), "mlp".into()));
        assert_eq!(bench("zktern bench --json-file o.json --json"), (true, file, "all".into()));
        assert_eq!(bench("zktern bench --json mlp"), (true, None, "mlp".into()));
        assert_eq!(bench("zktern --json bench"), (true, None, "all".into()));
        assert_eq!(bench("zktern bench mlp --json --samples 3"), (true, None, "mlp".into()));
        let other = json_file("zktern inspect --json net.tern".split(' ').map(OsString::from));
        assert!(other.contains(&OsString::from("--json")));
    }
}

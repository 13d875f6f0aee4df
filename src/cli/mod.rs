//! The command line: thin. It parses arguments, picks the backend, shows progress, prints, and decides the exit status.
//!
//! | exit status | meaning |
//! | --- | --- |
//! | 0 | done, or proof valid |
//! | 1 | proof invalid |
//! | 2 | unusable arguments or malformed file |
//! | 3 | the machine could not (out of memory, disk full, no such device) |

mod args;
mod bench;
mod commit;
mod demo;
mod doctor;
mod estimate;
mod files;
pub mod input;
mod inspect;
mod memory;
mod output;
mod prove;
mod verify;

#[cfg(feature = "gpu")]
use crate::compute::gpu::{Choice, Gpu, Options};
use crate::compute::{Compute, ComputeError, cpu::Cpu, reference::Reference};
use crate::protocol::{InstanceError, ProveError, VerifyError};
use args::{Args, Command, Common};
use clap::Parser;
use output::Output;
use std::process::ExitCode;

/// A sentence for the user, and the exit status it ends with.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    pub(crate) fn invalid(message: impl std::fmt::Display) -> Self {
        Self { code: 1, message: message.to_string() }
    }

    pub(crate) fn usage(message: impl std::fmt::Display) -> Self {
        Self { code: 2, message: message.to_string() }
    }

    pub(crate) fn machine(message: impl std::fmt::Display) -> Self {
        Self { code: 3, message: message.to_string() }
    }
}

macro_rules! usage_errors {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::usage(error)
            }
        })*
    };
}

usage_errors!(
    crate::model::codec::FileError,
    crate::model::ranges::ModelError,
    crate::model::import::ImportError,
    input::InputError,
    InstanceError
);

impl From<ProveError> for Failure {
    fn from(error: ProveError) -> Self {
        match error {
            ProveError::Instance(e) => Self::usage(e),
            other => Self::machine(other),
        }
    }
}

impl From<ComputeError> for Failure {
    fn from(error: ComputeError) -> Self {
        Self::machine(error)
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::invalid(error)
    }
}

/// Runs a command of the program on the chosen backend.
trait OnDevice {
    fn run<C: Compute + Clone>(self, compute: C) -> Result<(), Failure>;
}

fn on_device(common: &Common, command: impl OnDevice) -> Result<(), Failure> {
    match common.device.as_str() {
        "auto" => command.run(automatic()),
        "cpu" => command.run(Cpu),
        "reference" => command.run(Reference),
        gpu if gpu == "gpu" || gpu.starts_with("gpu:") => command.run(open_gpu(gpu)?),
        other => {
            Err(Failure::usage(format!("--device {other}: unknown device, expected auto, cpu, gpu, gpu:NAME or reference")))
        }
    }
}

/// The CPU, and a GPU beside it from the size on from which that pays.
#[cfg(feature = "gpu")]
fn automatic() -> Gpu {
    Gpu::when_worthwhile()
}

#[cfg(not(feature = "gpu"))]
fn automatic() -> Cpu {
    Cpu
}

/// The device that `gpu` or `gpu:NAME` asks for.
#[cfg(feature = "gpu")]
fn open_gpu(wanted: &str) -> Result<Gpu, Failure> {
    let name = wanted.strip_prefix("gpu:").map(str::to_owned);
    let options = Options { choice: Choice { name, ..Choice::default() }, ..Options::default() };
    Gpu::open(options).map_err(|e| Failure::machine(format!("--device {wanted}: {e}")))
}

#[cfg(not(feature = "gpu"))]
fn open_gpu(wanted: &str) -> Result<Cpu, Failure> {
    Err(Failure::machine(format!("--device {wanted}: this program was built without the feature `gpu`; use --device cpu")))
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse_from(args::json_file(std::env::args_os())) {
        Ok(args) => args,
        Err(error) => return refused(&error),
    };
    let output = Output::new(args.common.json, args.common.quiet);
    match run(&args, &output).and_then(|()| output.finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure.message, failure.code);
            ExitCode::from(failure.code)
        }
    }
}

/// Help and the version as clap prints them; what it refuses as one sentence, like every other failure.
fn refused(error: &clap::Error) -> ExitCode {
    use clap::error::ErrorKind;
    let help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if help || !error.use_stderr() {
        let _ = error.print();
        return ExitCode::from(if help { 2 } else { 0 });
    }
    let text = error.render().to_string();
    let sentence = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
    let sentence = sentence.split_whitespace().collect::<Vec<_>>().join(" ");
    let json = std::env::args_os().any(|a| a == "--json");
    Output::new(json, false).failure(&format!("{sentence}; see zktern --help"), 2);
    ExitCode::from(2)
}

/// Most threads that a run may ask for.
const MAX_THREADS: usize = 1024;

fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    let level = if args.common.verbose > 0 { tracing::Level::DEBUG } else { tracing::Level::WARN };
    let _ = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).try_init();
    if args.common.threads > MAX_THREADS {
        return Err(Failure::usage(format!("--threads {}: expected 0 to {MAX_THREADS}", args.common.threads)));
    }
    if args.common.threads > 0 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(args.common.threads).build_global();
        pool.map_err(|e| Failure::machine(format!("--threads {}: {e}", args.common.threads)))?;
    }
    files::clean_up_on_interrupt();
    let common = &args.common;
    match &args.command {
        Command::Demo(a) => on_device(common, demo::Demo { args: a, out }),
        Command::Import(a) => commit::import(a, out),
        Command::Commit(a) => on_device(common, commit::Commit { args: a, out }),
        // On one of the pool's own threads: work is handed over without waking another, and memory that it gives back is reused.
        Command::Prove(a) => rayon::join(|| on_device(common, prove::Prove { args: a, out }), || ()).0,
        Command::Verify(a) => verify::run(a, out),
        Command::Inspect(a) => inspect::run(a, out),
        Command::Estimate(a) => estimate::run(a, out),
        Command::Random(a) => commit::random(a, out),
        Command::Infer(a) => prove::infer(a, out),
        Command::Bench(a) => bench::run(a, common, out),
        Command::Doctor => doctor::run(out),
    }
}

//! The `zktern` program. See [`zktern::cli`].

fn main() -> std::process::ExitCode {
    zktern::cli::main()
}

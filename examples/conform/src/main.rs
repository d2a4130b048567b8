use std::process::ExitCode;

fn main() -> ExitCode {
    pop3_conform::cli::main()
}

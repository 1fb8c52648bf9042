//! `geom`: train, embed, inspect and compare geometry-preserving autoencoders.

mod commands;

use std::process::ExitCode;

use clap::{Parser, error::ErrorKind};

/// Train autoencoders that preserve geometry, measure their distortion, draw where a picture can be trusted.
#[derive(Debug, Parser)]
#[command(name = "geom", version)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            // Help that cannot be printed (a closed pipe) has nobody to read it.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("geom: {}", geom_bench::config::usage_line(&error));
            return ExitCode::from(2);
        }
    };
    match commands::run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("geom: {failure}");
            failure.exit_code()
        }
    }
}

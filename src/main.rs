//! The one program: `fieldstone serve`, and its tools.

use clap::{Parser, Subcommand};
use fieldstone::config::Config;
use std::process::ExitCode;

/// Reads the settings and does not serve. No setting has this name, and no value may start so.
const CHECK_CONFIG: &str = "--check-config";

#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    Serve {
        /// A configuration file, then settings as `--name value`, both as for redis-server.
        /// With `--check-config` anywhere among them, only say whether they are right
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "ARGS"
        )]
        args: Vec<String>,
    },
    Apply(fieldstone::apply::ApplyArgs),
    Check(fieldstone::check::CheckArgs),
    #[cfg(feature = "loader")]
    Load(Box<fieldstone::loader::LoadArgs>),
    /// Declarations of views
    #[cfg(feature = "loader")]
    #[command(subcommand)]
    View(View),
}

#[cfg(feature = "loader")]
#[derive(Subcommand)]
enum View {
    Infer(Box<fieldstone::loader::InferArgs>),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve { args } => serve(&args),
        Command::Apply(args) => fieldstone::apply::run(&args),
        Command::Check(args) => fieldstone::check::run(&args),
        #[cfg(feature = "loader")]
        Command::Load(args) => fieldstone::loader::run(&args),
        #[cfg(feature = "loader")]
        Command::View(View::Infer(args)) => fieldstone::loader::infer(&args),
    }
}

fn serve(args: &[String]) -> ExitCode {
    let (checks, settings): (Vec<String>, Vec<String>) =
        args.iter().cloned().partition(|arg| arg == CHECK_CONFIG);
    let served = match Config::from_args(&settings) {
        Ok(_) if !checks.is_empty() => {
            println!("configuration is right");
            Ok(())
        }
        Ok(config) => fieldstone::server::run(config).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            message
                .lines()
                .for_each(|line| eprintln!("fieldstone: {line}"));
            ExitCode::FAILURE
        }
    }
}

//! `pop3-conform client`.

use super::{Error, NO_VERDICT, common};
use crate::client::adapter::Adapter;
use crate::client::test::{is_usable, test};
use crate::client::{Given, report, scenarios};
use crate::pool;
use std::io::Write as _;
use std::num::NonZero;
use std::process::ExitCode;
use std::time::Duration;

/// The scenarios that run at a time, for each core.
const JOBS_PER_CORE: NonZero<usize> = NonZero::new(4).unwrap();

/// The options of `client`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The command fetches all messages in one attempt. It writes one file for each message, anywhere in {out}, and exits with 0 only if
everything went well. Exit code 89 means that something is not supported; the last line of its output is the reason.
{host} {port} {user} {password} {out} are replaced. {tls} becomes `--tls stls --ca FILE` or nothing, {delete} becomes `--delete` or nothing.")]
pub struct Arguments {
    /// What the command can do: delete, stls
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    allow: Vec<Allowed>,
    /// The seconds after which the command is ended
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// The megabytes that a process of the command may use
    #[arg(long, value_name = "MB", default_value_t = 256, value_parser = clap::value_parser!(u64).range(1..))]
    memory: u64,
    /// The scenarios at a time. A scenario that is not green runs again, alone
    #[arg(long, value_name = "NUMBER", default_value_t = jobs())]
    jobs: NonZero<usize>,
    #[command(flatten)]
    common: common::Reporting,
    /// The command
    #[arg(last = true, value_name = "CMD", required_unless_present_any = ["list", "explain"])]
    command: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Allowed {
    /// It takes {delete}, and deletes what it has stored
    Delete,
    /// It takes {tls}, and uses STLS
    Stls,
}

/// Most clients wait most of the time.
fn jobs() -> NonZero<usize> {
    pool::cores().saturating_mul(JOBS_PER_CORE)
}

/// Tests a client.
///
/// # Errors
/// Returns an error if an option is wrong, or if the command cannot be started.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let common = &arguments.common;
    let selected = scenarios::select(&common.only);
    if selected.is_empty() {
        return Err("no scenario matches --only: see --list".into());
    }
    let mut out = std::io::stdout().lock();
    if let Some(id) = &common.explain {
        let scenario = scenarios::find(id).ok_or_else(|| format!("no scenario {id:?}: see --list"))?;
        report::explain(scenario, &mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    if common.list {
        report::list(&selected, &mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    out.flush()?;
    drop(out);
    common.check_baseline(|id| scenarios::find(id).is_some())?;
    let adapter = Adapter {
        command: arguments.command.clone(),
        timeout: Duration::from_secs(arguments.timeout),
        memory: arguments.memory << 20,
    };
    let allowed = |what| arguments.allow.contains(&what);
    let given = Given { delete: allowed(Allowed::Delete), stls: allowed(Allowed::Stls) };
    let (results, output) =
        test(&selected, &adapter, given, arguments.jobs, common::progress(selected.len()))?;
    let code = common.finish(&results)?;
    match results.outcomes.first() {
        Some(base) if !is_usable(&base.verdict) => {
            eprintln!("pop3-conform: the client failed at a good server: nothing else was judged");
            for line in output {
                eprintln!("  {line}");
            }
            Ok(ExitCode::from(NO_VERDICT))
        }
        _ => Ok(code),
    }
}

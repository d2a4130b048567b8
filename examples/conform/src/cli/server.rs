//! `pop3-conform server`.

use super::{Error, NO_VERDICT, common};
use crate::check::{Finding, Needs, Offence};
use crate::checks;
use crate::corpus;
use crate::engine::tcp::{Network, Security};
use crate::engine::tls::Trust;
use crate::lab::{Facts, Lab};
use crate::report::{text, view};
use crate::run;
use std::net::ToSocketAddrs as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

/// The options of `server`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The server; an IPv6 address is in brackets
    #[arg(value_name = "HOST:PORT", required_unless_present_any = ["list", "explain"])]
    server: Option<String>,
    /// The user of a mailbox that is there for tests
    #[arg(long, value_name = "NAME", requires = "password_env")]
    user: Option<String>,
    /// The variable that holds the user's password
    #[arg(long, value_name = "VAR")]
    password_env: Option<String>,
    /// A second user, for checks of two mailboxes
    #[arg(long, value_name = "NAME", requires = "second_password_env")]
    second_user: Option<String>,
    /// The variable that holds the second user's password
    #[arg(long, value_name = "VAR")]
    second_password_env: Option<String>,
    /// The variable that holds a token of the user, for OAUTHBEARER
    #[arg(long, value_name = "VAR", requires = "user")]
    bearer_env: Option<String>,
    /// Log in by APOP; the password is the shared secret
    #[arg(long)]
    apop: bool,
    /// TLS from the first byte
    #[arg(long, conflicts_with = "stls")]
    tls: bool,
    /// TLS by STLS before each login
    #[arg(long)]
    stls: bool,
    /// The CAs to trust, as a PEM file
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The messages that are in the mailbox: the folder `crlf` of `corpus`
    #[arg(long, value_name = "DIR")]
    manifest: Option<PathBuf>,
    /// A shell command that fills the mailbox again; checks may then remove messages
    #[arg(long, value_name = "CMD", requires = "manifest")]
    fill: Option<String>,
    /// Save every message there before a check marks one; needed for --allow marks without --fill
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// What checks may do: marks, failed-logins, slow
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    allow: Vec<Allowed>,
    /// Test a server that is not on loopback; needs --tls, --stls or --cleartext
    #[arg(long)]
    remote: bool,
    /// Send the password without TLS to a server that is not on loopback
    #[arg(long)]
    cleartext: bool,
    /// The seconds after which the server counts as silent, which decides nothing
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    #[command(flatten)]
    common: common::Reporting,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum Allowed {
    /// Mark messages with DELE. Such a check ends with RSET and a close, never with QUIT
    Marks,
    /// Fail logins, which may lock the user out for a while
    FailedLogins,
    /// Take minutes
    Slow,
}

/// Tests a server.
///
/// # Errors
/// Returns an error if an option is wrong.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    if arguments.common.inform()? {
        return Ok(ExitCode::SUCCESS);
    }
    arguments.common.check_baseline(|id| checks::find(id).is_some())?;
    let server = arguments.server.as_deref().unwrap_or_default();
    let mut lab = new_lab(arguments, server)?;
    let facts = Rc::clone(&lab.facts);
    if let Err(stop) = base(&mut lab) {
        let Finding::Open(why) = Finding::from(stop) else { return Err("no base".into()) };
        eprintln!("pop3-conform: {server}: {why}: nothing was judged");
        explain(&mut lab, arguments);
        return Ok(ExitCode::from(NO_VERDICT));
    }
    if let Some(directory) = &arguments.backup {
        let saved = crate::backup::save(&mut lab, directory).map_err(|why| format!("no backup: {why}"))?;
        eprintln!("pop3-conform: {saved} messages saved in {}", directory.display());
    }
    let (slow, quick): (Vec<_>, Vec<_>) = checks::select(&arguments.common.only)
        .into_iter()
        .partition(|check| check.needs.has(Needs::SLOW) && facts.given.has(Needs::SLOW));
    let results = std::thread::scope(|scope| {
        // A session that is silent for minutes does not hold up the others. A lab cannot change threads.
        let minutes = scope.spawn(|| -> Result<run::Results, String> {
            let mut lab = new_lab(arguments, server).map_err(|error| error.to_string())?;
            Ok(run::run(server, &slow, &mut lab, |_| {}))
        });
        let results = run::run(server, &quick, &mut lab, common::progress(quick.len()));
        let minutes = minutes.join().map_err(|_| "a slow check panicked".to_owned())??;
        Ok::<_, String>(results.with(minutes))
    })?;
    arguments.common.finish(&results)
}

fn new_lab(arguments: &Arguments, server: &str) -> Result<Lab, Error> {
    Ok(Lab::new(Box::new(network(arguments, server)?), Rc::new(facts(arguments)?)))
}

/// Shows how the session ended, and what may be missing.
fn explain(lab: &mut Lab, arguments: &Arguments) {
    let log = lab.log();
    let end = Offence::new("", log.sessions.len().saturating_sub(1), u64::MAX);
    for line in view::faults(&[end], &log).iter().flat_map(text::dialogue) {
        eprintln!("  {line}");
    }
    let has_stls = |lab: &mut Lab| -> Result<bool, crate::engine::Stop> {
        let capa = lab.connect()?.ask("CAPA")?;
        Ok(capa.rows.iter().any(|row| row.text().eq_ignore_ascii_case("STLS")))
    };
    let in_cleartext = !arguments.tls && !arguments.stls;
    if in_cleartext && matches!(has_stls(lab), Ok(true)) {
        eprintln!("pop3-conform: the server has STLS, and may want it before a login: pass --stls and --ca");
    }
}

/// Without a login, or a connection if there is no user, no check is judged.
fn base(lab: &mut Lab) -> Result<(), crate::engine::Stop> {
    match lab.facts.given.has(Needs::LOGIN) {
        true => lab.login().map(drop),
        false => lab.connect().map(drop),
    }
}

fn network(arguments: &Arguments, server: &str) -> Result<Network, Error> {
    let (host, port) = server.rsplit_once(':').ok_or("the server has no port: write HOST:PORT")?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port: u16 = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
    let security = match (arguments.tls, arguments.stls) {
        (true, _) => Security::Implicit,
        (_, true) => Security::Stls,
        _ => Security::Cleartext,
    };
    let loopback = (host.as_str(), port).to_socket_addrs()?.all(|address| address.ip().is_loopback());
    if !loopback && !arguments.remote {
        return Err("the server is not on loopback: pass --remote if you may test it".into());
    }
    if !loopback && security == Security::Cleartext && !arguments.cleartext {
        return Err("the password would be sent without TLS: pass --tls, --stls, or --cleartext".into());
    }
    let trust = Trust::new(arguments.ca.as_deref())?;
    let timeout = Duration::from_secs(arguments.timeout);
    Ok(Network { host, port, security, timeout, trust, fill: arguments.fill.clone() })
}

fn facts(arguments: &Arguments) -> Result<Facts, Error> {
    let mut given = if arguments.tls { Needs::NOTHING } else { Needs::CLEARTEXT };
    let mut add = |is_given: bool, need: Needs| {
        if is_given {
            given = given.and(need);
        }
    };
    let has_user = arguments.user.is_some();
    add(has_user, Needs::LOGIN);
    add(has_user && arguments.manifest.is_some(), Needs::MANIFEST);
    add(has_user && arguments.fill.is_some(), Needs::FILL);
    add(has_user && arguments.apop, Needs::APOP);
    add(has_user && arguments.bearer_env.is_some(), Needs::BEARER);
    add(has_user && arguments.second_user.is_some(), Needs::SECOND_USER);
    let allowed = |what| has_user && arguments.allow.contains(&what);
    if allowed(Allowed::Marks) && arguments.backup.is_none() && arguments.fill.is_none() {
        return Err("--allow marks needs a copy of the mailbox: pass --backup DIR, or --fill CMD".into());
    }
    add(allowed(Allowed::Marks), Needs::MARKS);
    add(allowed(Allowed::FailedLogins), Needs::FAILED_LOGINS);
    add(allowed(Allowed::Slow), Needs::SLOW);
    let second = match &arguments.second_user {
        Some(user) => Some((user.clone(), password(arguments.second_password_env.as_deref())?)),
        None => None,
    };
    let manifest = match &arguments.manifest {
        Some(path) => corpus::read(path).map_err(|error| format!("{}: {error}", path.display()))?,
        None => Vec::new(),
    };
    Ok(Facts {
        user: arguments.user.clone().unwrap_or_default(),
        password: if has_user { password(arguments.password_env.as_deref())? } else { String::new() },
        second,
        bearer: arguments.bearer_env.as_deref().map(secret).transpose()?,
        stls: arguments.stls,
        apop: arguments.apop,
        given,
        manifest,
    })
}

/// Never from an argument, which everybody on the machine can read. An error shows neither the password nor the variable's value.
fn password(variable: Option<&str>) -> Result<String, Error> {
    secret(variable.ok_or("no password: pass --password-env")?)
}

fn secret(variable: &str) -> Result<String, Error> {
    std::env::var(variable).map_err(|_| format!("the variable {variable} holds no text").into())
}

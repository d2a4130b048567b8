//! Tests a client under scenarios, one run of its command for each.

use super::adapter::{Adapter, Scratch, Values};
use super::certificates::Certificates;
use super::files::{Files as _, Folder};
use super::serve::Session;
use super::sockets::Server;
use super::{Given, Run, Scenario, Tls, judge, scenarios};
use crate::check::{Offence, Why};
use crate::engine::log::{Log, Piece, Record, Side};
use crate::lab::world::{PASSWORD, USER};
use crate::run::{Outcome, Results, Verdict};
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// The bytes of a response that reports show.
const SHOWN: usize = 64 << 10;

/// Runs these scenarios. `base` is always the first: if it fails, it is the only one. `done` is called after each scenario.
///
/// # Errors
/// Returns an error if the command cannot be started, or if the kit cannot make its files.
pub fn test(
    selected: &[&'static Scenario],
    adapter: &Adapter,
    given: Given,
    mut done: impl FnMut(&Outcome),
) -> Result<Results, Box<dyn Error>> {
    let began = Instant::now();
    let scratch = Scratch::new()?;
    let certificates = Certificates::new()?;
    let ca = scratch.path().join("ca.pem");
    fs::write(&ca, &certificates.ca)?;
    let mut kit = Kit { adapter, certificates, scratch, runs: Vec::new(), log: Log::default() };
    let mut order: Vec<&'static Scenario> = scenarios::all().take(1).collect();
    order.extend(selected.iter().filter(|scenario| scenario.check.id != "base"));
    // Watchers look at the sessions of the others.
    order.sort_by_key(|scenario| scenario.watches);
    let mut outcomes = Vec::new();
    for scenario in order {
        let began = Instant::now();
        let verdict = match scenario.lacks(given) {
            Some(option) => Verdict::Inconclusive(Why::Needs(option)),
            None => kit.judge(scenario)?,
        };
        let outcome = Outcome { check: &scenario.check, verdict, took: began.elapsed() };
        done(&outcome);
        let gate = scenario.check.id == "base" && !is_usable(&outcome.verdict);
        outcomes.push(outcome);
        if gate {
            break;
        }
    }
    let target = adapter.command.join(" ");
    Ok(Results { target, outcomes, log: kit.log, took: began.elapsed() })
}

/// Returns whether the other scenarios can be judged after this verdict on `base`.
#[must_use]
pub fn is_usable(base: &Verdict) -> bool {
    matches!(base, Verdict::Green(_) | Verdict::Warn(_))
}

struct Kit<'a> {
    adapter: &'a Adapter,
    certificates: Certificates,
    scratch: Scratch,
    /// The runs until now, each with the number of its first session in the log.
    runs: Vec<(usize, Run)>,
    log: Log,
}

impl Kit<'_> {
    fn judge(&mut self, scenario: &'static Scenario) -> Result<Verdict, Box<dyn Error>> {
        if scenario.watches {
            let runs: Vec<(usize, &Run)> = self.runs.iter().map(|(first, run)| (*first, run)).collect();
            return Ok(judge::watch(scenario, &runs));
        }
        let run = self.run(scenario)?;
        let first = self.log.sessions.len();
        let verdict = moved(judge::judge(scenario, &run), first);
        self.log.sessions.extend(run.sessions.iter().map(record));
        // The files are judged, and may be large.
        self.runs.push((first, Run { files: Vec::new(), ..run }));
        Ok(verdict)
    }

    fn run(&self, scenario: &'static Scenario) -> Result<Run, Box<dyn Error>> {
        let folder = self.scratch.path().join(format!("{:03}", self.runs.len()));
        // Some folders deep, so that a file name with `..` stays in the scratch folder.
        let inner = folder.join("a/b");
        let out = inner.join("out");
        fs::create_dir_all(&out)?;
        let server = Server::start(scenario, Folder(out.clone()), self.certificates.clone())?;
        let values = Values {
            host: if scenario.tls == Tls::No { "127.0.0.1" } else { "localhost" },
            port: server.port,
            user: USER,
            password: PASSWORD,
            out: out.clone(),
            ca: (scenario.tls != Tls::No).then(|| self.scratch.path().join("ca.pem")),
            deletes: scenario.deletes,
        };
        let ended = self.adapter.run(&values, &folder);
        let served = server.stop().ok_or("the kit: the server of the scenario panicked")?;
        let ended = ended.map_err(|error| format!("{}: {error}", self.adapter.command.join(" ")))?;
        let files = Folder(out.clone()).read();
        let outside = outside(&folder, &out);
        fs::remove_dir_all(&folder)?;
        Ok(Run {
            sessions: served.sessions,
            files,
            outside,
            ended,
            bites: served.bites,
            messages: served.messages,
            left: served.left,
            busy: served.busy,
            legal: scenario.is_legal(),
        })
    }
}

/// Returns the files that are neither in the folder for messages nor the client's temporary files.
fn outside(folder: &Path, out: &Path) -> Vec<String> {
    let paths = Folder(folder.to_owned()).paths().into_iter();
    let foreign = paths.filter(|path| {
        !path.starts_with(out) && !path.starts_with(folder.join("tmp")) && *path != folder.join("output")
    });
    foreign.map(|path| path.strip_prefix(folder).unwrap_or(&path).display().to_string()).collect()
}

/// Moves the offences of a verdict to their sessions in the log.
fn moved(verdict: Verdict, first: usize) -> Verdict {
    let moved = |offences: Vec<Offence>| {
        offences.into_iter().map(|offence| Offence { session: offence.session + first, ..offence }).collect()
    };
    match verdict {
        Verdict::Fail(offences) => Verdict::Fail(moved(offences)),
        Verdict::Warn(offences) => Verdict::Warn(moved(offences)),
        verdict => verdict,
    }
}

/// The dialogue of a session, for reports. The password is the kit's own, and no secret.
fn record(session: &Session) -> Record {
    let piece =
        |side, at, bytes: &[u8]| Piece { side, at, bytes: bytes.iter().copied().take(SHOWN).collect() };
    let mut record = Record::default();
    record.pieces.push(piece(Side::Server, 0, &session.greeting));
    let (mut sent, mut inside) = (0, false);
    for exchange in &session.exchanges {
        if exchange.tls && !inside {
            record.events.push((record.pieces.len(), "TLS begins"));
            inside = true;
        }
        record.pieces.push(piece(Side::Client, sent, &exchange.line));
        sent += exchange.line.len() as u64;
        if !exchange.answer.is_empty() {
            record.pieces.push(piece(Side::Server, exchange.at, &exchange.answer));
        }
    }
    record.events.push((record.pieces.len(), "the connection ends"));
    record
}

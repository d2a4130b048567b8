//! Tests a client under scenarios, one run of its command for each.

use super::adapter::{Adapter, Scratch, Values};
use super::certificates::Certificates;
use super::files::{Files as _, Folder};
use super::serve::{Exchange, Session};
use super::sockets::Server;
use super::{Ended, Given, Run, Scenario, Tls, judge, scenarios};
use crate::check::{Offence, Why};
use crate::engine::log::{Log, Piece, Record, Side};
use crate::lab::world::{PASSWORD, USER};
use crate::pool;
use crate::run::{Outcome, Results, Verdict};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::time::Instant;

/// The bytes of a response that reports show.
const SHOWN: usize = 64 << 10;
/// The bytes before and after a mark that reports show of the rest.
const AROUND: usize = 200;

/// Runs these scenarios, as many at a time as `jobs` allows. `base` is always the first: if it fails, it is the only one. `done` is called
/// after each scenario.
///
/// A scenario that is not green among others runs again, alone, and only that counts: the load of the machine decides nothing.
///
/// Also returns what the client wrote under `base`, because people need it if that failed.
///
/// # Errors
/// Returns an error if the command cannot be started, or if the kit cannot make its files.
pub fn test(
    selected: &[&'static Scenario],
    adapter: &Adapter,
    given: Given,
    jobs: NonZero<usize>,
    mut done: impl FnMut(&Outcome),
) -> Result<(Results, Vec<String>), Box<dyn Error>> {
    let began = Instant::now();
    let scratch = Scratch::new()?;
    let certificates = Certificates::new()?;
    fs::write(scratch.path().join("ca.pem"), &certificates.ca)?;
    let kit = Kit { adapter, given, certificates, scratch };
    let (watchers, others): (Vec<_>, Vec<_>) = selected
        .iter()
        .copied()
        .filter(|scenario| scenario.check.id != "base")
        .partition(|scenario| scenario.watches);
    let base: Vec<&'static Scenario> = scenarios::all().take(1).collect();
    let mut played = kit.play_all(&base, NonZero::<usize>::MIN, &mut done)?;
    let output =
        played.iter().filter_map(|base| base.run.as_ref()).flat_map(|run| run.output.clone()).collect();
    let is_usable = played.iter().all(|base| is_usable(&base.outcome.verdict));
    if is_usable {
        played.extend(kit.play_all(&others, jobs, &mut done)?);
    }
    // Nobody looks at the sessions of a client that does not work.
    let watchers = if is_usable { &watchers[..] } else { &[] };
    Ok((results(adapter, played, watchers, began, &mut done), output))
}

/// Returns whether the other scenarios can be judged after this verdict on `base`.
#[must_use]
pub fn is_usable(base: &Verdict) -> bool {
    matches!(base, Verdict::Green(_) | Verdict::Warn(_))
}

/// Puts the sessions of all runs into one log, and lets the watchers look at them.
fn results(
    adapter: &Adapter,
    played: Vec<Played>,
    watchers: &[&'static Scenario],
    began: Instant,
    done: &mut impl FnMut(&Outcome),
) -> Results {
    let (mut log, mut outcomes, mut runs) = (Log::default(), Vec::new(), Vec::new());
    for Played { outcome, run } in played {
        let first = log.sessions.len();
        if let Some(run) = run {
            let marks = |session| {
                let is_there =
                    move |offence: &&Offence| offence.session == session && offence.side == Side::Server;
                outcome.verdict.offences().iter().filter(is_there)
            };
            let record = |(number, session)| record(session, marks(number).map(|offence| offence.at));
            log.sessions.extend(run.sessions.iter().enumerate().map(record));
            runs.push((first, run));
        }
        outcomes.push(Outcome { verdict: moved(outcome.verdict, first), ..outcome });
    }
    let runs: Vec<(usize, &Run)> = runs.iter().map(|(first, run)| (*first, run)).collect();
    for scenario in watchers {
        let began = Instant::now();
        let verdict = judge::watch(scenario, &runs);
        let outcome = Outcome { check: &scenario.check, verdict, took: began.elapsed() };
        done(&outcome);
        outcomes.push(outcome);
    }
    Results { target: adapter.command.join(" "), outcomes, log, took: began.elapsed() }
}

/// A scenario that was judged. Its offences have the sessions of its run.
struct Played {
    outcome: Outcome,
    /// What happened, without the files: they are judged, and may be large.
    run: Option<Run>,
}

impl Played {
    /// Returns whether more might come of it if the machine had nothing else to do. Memory does not depend on that.
    fn depends_on_load(&self) -> bool {
        let is_settled = matches!(self.outcome.verdict, Verdict::Green(_) | Verdict::Unsupported(_));
        !is_settled && self.run.as_ref().is_some_and(|run| run.ended != Ended::Memory)
    }
}

struct Kit<'a> {
    adapter: &'a Adapter,
    given: Given,
    certificates: Certificates,
    scratch: Scratch,
}

impl Kit<'_> {
    /// Plays these scenarios, some at a time, and returns them in their order.
    fn play_all(
        &self,
        scenarios: &[&'static Scenario],
        jobs: NonZero<usize>,
        done: &mut impl FnMut(&Outcome),
    ) -> Result<Vec<Played>, String> {
        let (mut played, mut again) = (BTreeMap::new(), Vec::new());
        pool::run(
            scenarios,
            jobs,
            |scenario| self.play(scenario),
            |place, result| {
                let one = result?;
                match one.depends_on_load() && jobs.get() > 1 {
                    true => again.push(place),
                    false => {
                        done(&one.outcome);
                        played.insert(place, one);
                    }
                }
                Ok::<_, String>(())
            },
        )?;
        // In the order of the scenarios, so that two runs say the same.
        again.sort_unstable();
        for place in again {
            let one = self.play(scenarios[place])?;
            done(&one.outcome);
            played.insert(place, one);
        }
        Ok(played.into_values().collect())
    }

    fn play(&self, scenario: &'static Scenario) -> Result<Played, String> {
        let began = Instant::now();
        let (verdict, run) = match scenario.lacks(self.given) {
            Some(option) => (Verdict::Inconclusive(Why::Needs(option)), None),
            None => {
                let run = self.run(scenario).map_err(|error| error.to_string())?;
                (judge::judge(scenario, &run), Some(Run { files: Vec::new(), ..run }))
            }
        };
        Ok(Played { outcome: Outcome { check: &scenario.check, verdict, took: began.elapsed() }, run })
    }

    fn run(&self, scenario: &'static Scenario) -> Result<Run, Box<dyn Error>> {
        let folder = self.scratch.path().join(scenario.check.id);
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
        let (ended, output) =
            ended.map_err(|error| format!("{}: {error}", self.adapter.command.join(" ")))?;
        let files = Folder(out.clone()).read();
        let outside = outside(&folder, &out);
        fs::remove_dir_all(&folder)?;
        Ok(Run {
            sessions: served.sessions,
            files,
            outside,
            ended,
            output,
            bites: served.bites,
            messages: served.messages,
            left: served.left,
            busy: served.busy,
            legal: scenario.is_legal(),
            scenario: scenario.check.id,
        })
    }
}

/// Returns what is around this offset, if it is in a part of the response that is not shown.
fn around(exchange: &Exchange, mark: u64) -> Option<Piece> {
    let index = usize::try_from(mark.checked_sub(exchange.at)?).ok().filter(|index| *index >= SHOWN)?;
    let from = index.saturating_sub(AROUND).max(SHOWN);
    let bytes = exchange
        .answer
        .get(from..exchange.answer.len().min(index + AROUND))
        .filter(|_| index < exchange.answer.len())?;
    Some(Piece { side: Side::Server, at: exchange.at + from as u64, bytes: bytes.to_vec() })
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

/// The dialogue of a session, for reports: of long responses, their beginning and what is around the first of these
/// offsets after it. The password is the kit's
/// own, and no secret.
fn record(session: &Session, marks: impl Iterator<Item = u64>) -> Record {
    let marks: Vec<u64> = marks.collect();
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
            record.pieces.extend(marks.iter().find_map(|at| around(exchange, *at)));
        }
    }
    record.events.push((record.pieces.len(), "the connection ends"));
    record
}

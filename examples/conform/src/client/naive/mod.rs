//! A small client by hand. It is right, apart from the one flaw that it is given.

mod lines;

use super::Ended;
use super::broken::Flaw;
use super::run::Job;
use super::serve::Trusts;
use crate::engine::Transport;
use crate::engine::log::find;
use crate::lab::world::{PASSWORD, USER};
use std::collections::BTreeMap;

/// Why it stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Trouble {
    /// The stream has ended.
    Eof,
    /// It does what no program should.
    Crash,
    Other,
}

type Done<T> = Result<T, Trouble>;

/// Fetches everything, with this flaw. [`Flaw::Nothing`] has none.
#[must_use]
pub fn run(flaw: Flaw, job: &Job) -> Ended {
    let mut naive = Naive::new(flaw, job, job.tls && flaw != Flaw::NoTls);
    let mut done = naive.session();
    if done.is_err() && flaw == Flaw::FallsBack && !naive.inside_tls && job.tls {
        naive = Naive::new(flaw, job, false);
        done = naive.session();
    }
    if done.is_err() && flaw == Flaw::ResetsAtEnd {
        // Nobody asks what comes of it.
        let _ = naive.command("RSET").and_then(|_| naive.quit());
    }
    naive.finish();
    let failed = done.is_err() || naive.odd;
    if !failed && flaw == Flaw::LooksAgain {
        let mut again = Naive::new(flaw, job, naive.wants_tls);
        // What it finds is more than it needs.
        let _ = again.session();
        again.finish();
    }
    match (failed, flaw) {
        _ if done == Err(Trouble::Crash) => Ended::Signal(11),
        (false, _) | (true, Flaw::ExitsZero) => Ended::Code(0),
        (true, Flaw::Hangs) => Ended::Hung,
        (true, Flaw::Crashes) => Ended::Signal(11),
        (true, Flaw::UnlinksOnError) => {
            job.shelf.clear();
            Ended::Code(1)
        }
        (true, _) => Ended::Code(1),
    }
}

struct Naive<'j> {
    job: &'j Job,
    flaw: Flaw,
    wire: Option<Box<dyn Transport>>,
    buffer: Vec<u8>,
    wants_tls: bool,
    inside_tls: bool,
    capabilities: Vec<String>,
    /// Something was not as it should be, and it went on.
    odd: bool,
}

impl<'j> Naive<'j> {
    fn new(flaw: Flaw, job: &'j Job, wants_tls: bool) -> Self {
        let trusts = match flaw {
            Flaw::TrustsAll => Trusts::Everybody,
            Flaw::TrustsAnyName => Trusts::AnyName,
            _ => Trusts::Host,
        };
        let wire = Some(job.connect(trusts));
        let (buffer, capabilities) = (Vec::new(), Vec::new());
        Naive { job, flaw, wire, buffer, wants_tls, inside_tls: false, capabilities, odd: false }
    }

    fn finish(&mut self) {
        if let Some(mut wire) = self.wire.take() {
            wire.finish();
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// Goes on until it is logged in.
    fn begin(&mut self) -> Done<()> {
        let greeting = self.line(b"\r\n")?;
        if !self.is_ok(&greeting) && !self.has(Flaw::IgnoresGreeting) {
            return Err(Trouble::Other);
        }
        let bracket = find(&greeting, b"<").filter(|_| greeting.contains(&b'>'));
        if self.has(Flaw::NeedsTimestamp) && bracket.is_none() {
            return Err(Trouble::Other);
        }
        self.ask_capabilities()?;
        if self.wants_tls {
            self.start_tls()?;
        }
        match (self.has(Flaw::ApopAnyway), bracket, self.has(Flaw::ApopBlindly)) {
            (true, Some(_), _) | (_, None, true) => {
                if !self.command(&format!("APOP {USER} c4c9334bac560ecc979e58001b3e22fb"))?.0 {
                    self.log_in()?;
                }
            }
            _ => self.log_in()?,
        }
        Ok(())
    }

    fn session(&mut self) -> Done<()> {
        self.begin()?;
        let (_, stat) = self.command("STAT")?;
        if self.has(Flaw::StrictRows) && stat.split(' ').count() != 3 {
            return Err(Trouble::Other);
        }
        self.fetch()
    }

    fn ask_capabilities(&mut self) -> Done<()> {
        let (ok, _) = self.command("CAPA")?;
        self.capabilities = match (ok, self.has(Flaw::NeedsCapa)) {
            (true, needed) => {
                let rows = self.rows()?;
                let is = |tag: &str| rows.iter().any(|row| row == tag);
                let refuses = (needed && !is("UIDL")) || (self.has(Flaw::NeedsUser) && !is("USER"));
                if refuses {
                    return Err(Trouble::Other);
                }
                rows
            }
            (false, true) => return Err(Trouble::Other),
            (false, false) => Vec::new(),
        };
        let is_plain = |tag: &String| {
            !tag.is_empty()
                && tag.bytes().all(|byte| {
                    byte == b' ' || byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
                })
        };
        if self.has(Flaw::CapitalsOnly) && ok && !self.capabilities.iter().all(is_plain) {
            return Err(Trouble::Other);
        }
        Ok(())
    }

    fn offers(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|tag| tag.eq_ignore_ascii_case(capability))
    }

    fn start_tls(&mut self) -> Done<()> {
        let falls_back = self.has(Flaw::FallsBack);
        if self.capabilities.is_empty() || self.offers("STLS") {
            let (ok, _) = self.command("STLS")?;
            if ok {
                if !self.buffer.is_empty() && !self.has(Flaw::KeepsBuffer) {
                    return Err(Trouble::Other);
                }
                let wire = self.wire.take().ok_or(Trouble::Other)?;
                self.wire = Some(wire.start_tls().map_err(|_| Trouble::Other)?);
                self.inside_tls = true;
                return if self.has(Flaw::KeepsCapa) { Ok(()) } else { self.ask_capabilities() };
            }
        }
        if falls_back { Ok(()) } else { Err(Trouble::Other) }
    }

    fn log_in(&mut self) -> Done<()> {
        if self.offers("SASL PLAIN") {
            return self.authenticate();
        }
        let user = self.command(&format!("USER {USER}"))?.0;
        if !user && !self.has(Flaw::PassAnyway) {
            return Err(Trouble::Other);
        }
        let pass = format!("PASS {PASSWORD}");
        let mut ok = self.command(&pass)?.0;
        if !ok && self.has(Flaw::RetriesLogin) {
            self.command(&format!("USER {USER}"))?;
            ok = self.command(&pass)?.0;
        }
        if ok || self.has(Flaw::GoesOn) { Ok(()) } else { Err(Trouble::Other) }
    }

    fn authenticate(&mut self) -> Done<()> {
        self.send("AUTH PLAIN")?;
        let challenge = self.line(b"\r\n")?;
        if self.is_ok(&challenge) || !challenge.starts_with(b"+") {
            return Err(Trouble::Other);
        }
        if challenge != b"+ " && !self.has(Flaw::AnswersAnything) {
            self.command("*")?;
            return Err(Trouble::Other);
        }
        let (ok, _) = self.command("AG1yb3NlAHRhbnN0YWFm")?;
        if ok { Ok(()) } else { Err(Trouble::Other) }
    }

    /// Returns the messages that LIST lists, with their sizes.
    fn list(&mut self) -> Done<BTreeMap<u64, u64>> {
        let (ok, status) = self.command("LIST")?;
        if !ok {
            return Err(Trouble::Other);
        }
        let rows = self.rows()?;
        let mut sizes = self.sizes(&rows);
        if self.has(Flaw::TrustsStatusText) {
            let count: u64 = status.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
            sizes.retain(|number, _| *number <= count);
        }
        Ok(sizes)
    }

    fn fetch(&mut self) -> Done<()> {
        let sizes = self.list()?;
        let ids = self.unique_ids(&sizes)?;
        self.odd_commands()?;
        let mut stored = Vec::new();
        let mut seen: Vec<&String> = Vec::new();
        if self.pipelines() {
            self.pipelined(&sizes)?;
            return self.quit();
        }
        for (index, (number, size)) in sizes.iter().enumerate() {
            if self.has(Flaw::SessionForEach) && !self.job.deletes && index > 0 {
                self.again()?;
            }
            let id = ids.get(number);
            let again = id.is_some_and(|id| seen.contains(&id));
            seen.extend(id);
            if again && self.has(Flaw::DeletesDuplicates) {
                stored.push(*number);
                continue;
            }
            let sign = if self.has(Flaw::SignedNumber) { "+" } else { "" };
            let (ok, status) = self.command(&format!("RETR {sign}{number}"))?;
            if !ok {
                self.odd = true;
                if self.has(Flaw::StoresRefusal) {
                    self.job.shelf.store("refusal", status.as_bytes());
                }
                stored.extend(self.has(Flaw::DeletesAll).then_some(*number));
                continue;
            }
            let mut text = self.body()?;
            if self.has(Flaw::KeepsStatus) {
                text.splice(..0, format!("{status}\r\n").into_bytes());
            }
            if self.has(Flaw::TrustsSize) {
                text.truncate(usize::try_from(*size).unwrap_or(usize::MAX));
            }
            if self.job.deletes && self.has(Flaw::DeletesFirst) {
                self.command(&format!("DELE {number}"))?;
            } else if !self.has(Flaw::DeletesAtOnce) {
                stored.push(*number);
            }
            let name = match id.filter(|_| self.has(Flaw::UidlIsPath)) {
                Some(id) => id.clone(),
                None => number.to_string(),
            };
            if self.has(Flaw::AddsHeader) {
                text.splice(..0, *b"Received: by the kit\r\n");
            }
            if self.has(Flaw::JoinsLines) && text.ends_with(b"\r\n") {
                text.truncate(text.len() - 2);
            }
            self.job.shelf.store(&name, &text);
            if self.job.deletes && self.has(Flaw::DeletesAtOnce) {
                self.odd |= !self.command(&format!("DELE {number}"))?.0;
            }
        }
        for number in stored.into_iter().filter(|_| self.job.deletes) {
            self.odd |= !self.command(&format!("DELE {number}"))?.0;
        }
        self.quit()
    }

    /// Ends the session, and logs in again.
    fn again(&mut self) -> Done<()> {
        self.quit()?;
        self.finish();
        let Naive { flaw, job, wants_tls, odd, .. } = *self;
        *self = Naive { odd, ..Naive::new(flaw, job, wants_tls) };
        self.begin()
    }

    fn quit(&mut self) -> Done<()> {
        if self.command("QUIT")?.0 { Ok(()) } else { Err(Trouble::Other) }
    }

    /// Commands that only a broken client sends.
    fn odd_commands(&mut self) -> Done<()> {
        match self.flaw {
            Flaw::LongKeyword => self.command("RETRIEVE 1").map(drop),
            Flaw::SpaceAtEnd => self.command("NOOP ").map(drop),
            Flaw::ControlInCommand => self.command("NOOP\t\x01").map(drop),
            Flaw::LongCommand => self.command(&format!("NOOP {}", "x".repeat(300))).map(drop),
            _ => Ok(()),
        }
    }

    fn sizes(&mut self, rows: &[String]) -> BTreeMap<u64, u64> {
        let mut sizes = BTreeMap::new();
        for row in rows {
            if self.has(Flaw::StrictRows) && (row.split(' ').count() != 2 || row.contains('\t')) {
                self.odd = true;
                continue;
            }
            let mut words = row.split([' ', '\t']).filter(|word| !word.is_empty());
            let (number, size) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            match (number.parse::<u64>(), size.parse::<u64>()) {
                (Ok(number), Ok(size)) if self.has(Flaw::WrapsNumbers) => {
                    sizes.insert(number & 0xffff_ffff, size);
                }
                (Ok(number @ 1..=0xffff_ffff), Ok(size)) => _ = sizes.insert(number, size),
                _ => self.odd = true,
            }
        }
        sizes
    }

    fn unique_ids(&mut self, listed: &BTreeMap<u64, u64>) -> Done<BTreeMap<u64, String>> {
        if !self.command("UIDL")?.0 {
            return if self.has(Flaw::NeedsUidl) { Err(Trouble::Other) } else { Ok(BTreeMap::new()) };
        }
        let rows = self.rows()?;
        let is_odd = |row: &String| {
            let number = row
                .split_once(' ')
                .and_then(|(number, id)| number.parse().ok().filter(|_| id.is_ascii() && !id.contains(' ')));
            number.is_none_or(|number: u64| !listed.contains_key(&number))
        };
        if self.has(Flaw::CrashesAtRows) && rows.iter().any(is_odd) {
            return Err(Trouble::Crash);
        }
        Ok(rows
            .iter()
            .filter_map(|row| {
                let (number, id) = row.split_once([' ', '\t'])?;
                Some((number.parse().ok()?, id.trim().to_owned()))
            })
            .collect())
    }

    fn pipelines(&self) -> bool {
        let announced = self.offers("PIPELINING");
        self.has(Flaw::Pipelines) || (announced && (self.has(Flaw::KeepsCapa) || self.has(Flaw::DropsRest)))
    }

    fn pipelined(&mut self, sizes: &BTreeMap<u64, u64>) -> Done<()> {
        let commands: Vec<String> = sizes.keys().map(|number| format!("RETR {number}")).collect();
        if commands.is_empty() {
            return Ok(());
        }
        self.send(&commands.join("\r\n"))?;
        for number in sizes.keys() {
            let status = self.line(b"\r\n")?;
            if self.is_ok(&status) {
                let text = self.body()?;
                self.job.shelf.store(&number.to_string(), &text);
            }
            if self.has(Flaw::DropsRest) {
                self.buffer.clear();
            }
        }
        Ok(())
    }
}

//! Runs a session, from CAPA to the response to QUIT.

use super::age::Ages;
use super::connection::Connection;
use super::failure::{Exit, Failure};
use super::known::Note;
use super::listing::Listing;
use super::login::log_in;
use super::pace::Pace;
use super::plan::{Here, Line, Plan, Rules};
use super::talk::{next, run_all};
use super::trouble::key;
use super::{Fetch, Options};
use pop3_proto::client::{Deletions, Event, Feature, SendError, Source, Ticket};
use pop3_proto::{Command, MessageNumber, StatusText, Verb};
use std::collections::HashSet;
use std::mem;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// The maximum octets of a message for which the server lists no size.
const UNLISTED: u64 = 1 << 30;
/// How many octets a message may have beyond twice its listed size.
const SLACK: u64 = 1 << 20;

impl Fetch {
    /// Runs the part of a session inside TLS, or outside if there is no TLS.
    pub(super) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        mut connection: Connection<S>,
        timestamp: Option<Vec<u8>>,
    ) -> Result<(), Failure> {
        self.pace = Pace::new(Instant::now());
        self.capabilities(&mut connection).await?;
        self.enter(&mut connection, timestamp.as_deref()).await?;
        if connection.client().capabilities().source() == Source::Listed {
            self.capabilities(&mut connection).await?; // some servers announce all capabilities only after login
        }
        let listing = self.list(&mut connection).await?;
        self.has_listed.store(true, std::sync::atomic::Ordering::Relaxed);
        let plan = self.plan(&listing, connection.client().is_utf8())?;
        let done = self.transfer(&mut connection, &listing, plan).await;
        let due = connection.client().in_flight().next();
        let marked = done.map_err(|failure| self.blame(failure, &listing, due))?;
        self.quit(connection, &listing, marked).await
    }

    async fn capabilities<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
    ) -> Result<(), Failure> {
        connection.sender().send(Command::Capa)?;
        while !next(connection, &mut self.pace).await?.completes() {} // a server may refuse CAPA, which is fine
        let capabilities = connection.client().capabilities();
        self.login_delay = Duration::from_secs(capabilities.login_delay().unwrap_or_default().into());
        self.announces_ids |= capabilities.has(Feature::Uidl);
        Ok(())
    }

    /// Logs in, in UTF-8 mode if the server has it. Outside it, the server sends a substitute for a message whose header is in UTF-8, or
    /// refuses it (RFC 6856 section 2.1).
    async fn enter<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        timestamp: Option<&[u8]>,
    ) -> Result<(), Failure> {
        let asks = self.may_ask_for_utf8 && connection.client().capabilities().has(Feature::Utf8);
        let entered = self.try_to_enter(connection, timestamp, asks).await;
        entered.map_err(|failure| match failure.exit {
            Exit::Connection if asks => {
                self.may_ask_for_utf8 = false;
                failure.with_another_try("after UTF8: the next session does not use it")
            }
            _ => failure,
        })?;
        self.last_login = Some(Instant::now());
        Ok(())
    }

    async fn try_to_enter<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        timestamp: Option<&[u8]>,
        asks: bool,
    ) -> Result<(), Failure> {
        if asks {
            connection.sender().send(Command::Utf8)?;
            while !next(connection, &mut self.pace).await?.completes() {}
            if !connection.client().is_utf8() {
                self.progress.warn("the server announces UTF8 and refuses it: it may replace some messages");
            }
        }
        log_in(connection, &self.options, timestamp).await
    }

    async fn list<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
    ) -> Result<Listing, Failure> {
        let mut listing = Listing::default();
        self.has_ids = true;
        for command in [Command::List(None), Command::Uidl(None)] {
            connection.sender().send(command)?;
            loop {
                let event = next(connection, &mut self.pace).await?;
                let is_answered = event.completes();
                match event {
                    Event::ScanListing(_, row) => listing.set_size(row.message, row.octets),
                    Event::UniqueId(_, row) => listing.set_id(row.message, row.as_bytes())?,
                    // It still distinguishes the messages.
                    Event::Refused(ticket, status) if ticket.verb == Verb::List => {
                        return Err(Failure::refused(Exit::Connection, "LIST", status));
                    }
                    // Some servers refuse to list an empty maildrop.
                    Event::Refused(..) if listing.is_empty() => {}
                    Event::Refused(_, status) => self.without_ids(status)?,
                    _ => {}
                }
                if is_answered {
                    break;
                }
            }
        }
        Ok(listing)
    }

    /// Handles a refused UIDL. A server without unique-ids does not know the command; a server that has them is
    /// in trouble.
    fn without_ids(&mut self, status: StatusText<'_>) -> Result<(), Failure> {
        let has_them = self.announces_ids || self.store.known().has_ids();
        if has_them || status.code().is_some() {
            let refused = Failure::refused(Exit::Connection, "UIDL", status);
            return Err(if status.code().is_some() { refused } else { refused.of_this_session() });
        }
        self.has_ids = false;
        Ok(())
    }

    fn plan(&mut self, listing: &Listing, utf8: bool) -> Result<Plan, Failure> {
        for number in listing.numbers() {
            self.trouble.forgive(&key(listing, number)); // it is tried again
        }
        if !self.has_ids {
            if !self.store.is_new() && !self.options.delete {
                let cause = "the server has no unique-ids, so already fetched messages cannot be recognized: \
                             use --delete, or an empty folder";
                return Err(Failure::usage(cause));
            }
            self.progress.note("the server has no unique-ids: all messages are fetched");
            return Ok(Plan::all(listing));
        }
        let mut plan = Plan::new(listing, &mut self.store, Rules { utf8, delete: self.options.delete });
        self.store.write_down(mem::take(&mut plan.lines)).map_err(Failure::storage)?;
        // A server may need time to remove a message. If this is another message with the same unique-id, the next run
        // fetches it.
        let removed =
            |number: &MessageNumber| self.removed.contains(&(key(listing, *number), listing.size(*number)));
        plan.wanted.retain(|number| !removed(number));
        self.tally.known += plan.met;
        self.tally.deleted += mem::take(&mut self.in_doubt).min(plan.gone);
        for number in &plan.nameless {
            self.fail(
                key(listing, *number),
                &format!("message {number} has no unique-id and stays on the server"),
            );
        }
        if self.options.delete && !plan.unproven.is_empty() {
            plan.unproven.iter().for_each(|number| self.trouble.fail(key(listing, *number)));
            let count = plan.unproven.len();
            self.progress
                .warn(&format!("{count} stay on the server until the next run: their sizes were unknown"));
        }
        Ok(plan)
    }

    /// Fetches the wanted messages, and marks stored messages for deletion.
    async fn transfer<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        listing: &Listing,
        plan: Plan,
    ) -> Result<Vec<Here>, Failure> {
        let mut here = plan.here;
        here.extend(self.retrieve(connection, listing, plan.wanted).await?);
        self.progress.end();
        if !self.options.delete {
            return Ok(Vec::new());
        }
        let here = self.ripe(listing, here)?;
        self.mark(connection, listing, here).await
    }

    /// Leaves out messages that were not stored for long enough.
    fn ripe(&self, listing: &Listing, mut here: Vec<Here>) -> Result<Vec<Here>, Failure> {
        let Some(days) = self.options.keep_days else { return Ok(here) };
        if !self.has_ids && !here.is_empty() {
            return Err(Failure::usage(
                "--keep-days needs unique-ids, and the server has none: leave it out",
            ));
        }
        let message =
            |here: &Here| Some((listing.id(here.number)?, listing.size(here.number).unwrap_or_default()));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut ages =
            Ages::open(self.store.folder(), &self.options.account.key()).map_err(Failure::storage)?;
        ages.update(now, here.iter().filter_map(message)).map_err(Failure::storage)?;
        here.retain(|here| message(here).is_some_and(|message| ages.is_ripe(message, days, now)));
        Ok(here)
    }

    /// Fetches messages, and returns which of them are stored safely.
    async fn retrieve<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        listing: &Listing,
        wanted: Vec<MessageNumber>,
    ) -> Result<Vec<Here>, Failure> {
        let (wanted, one_by_one) = (self.choose(listing, wanted), self.one_by_one);
        let utf8 = connection.client().is_utf8();
        let Fetch { store, progress, tally, trouble, options, pace, last_stored, .. } = self;
        let octets = wanted.iter().filter_map(|number| listing.size(*number));
        progress.begin(wanted.len(), octets.fold(0, u64::saturating_add));
        let (mut stored, mut received) = (Vec::new(), 0);
        let done = run_all(connection, Command::Retr, wanted, one_by_one, pace, |event| {
            match event {
                Event::Begin(..) => {
                    store.begin().map_err(Failure::storage)?;
                    received = 0;
                }
                Event::Body(Ticket { message: Some(number), .. }, octets) => {
                    received += octets.len() as u64;
                    let most = most_octets(options, listing.size(number));
                    if received > most {
                        trouble.give_up(key(listing, number), format!("it has more than {most} octets"));
                        return Err(Failure::cut_off(too_large(number, most)));
                    }
                    store.write(octets).map_err(Failure::storage)?;
                    progress.octets(octets.len());
                }
                Event::End(Ticket { message: Some(number), .. }, octets) => {
                    let (id, size) = (listing.id(number).unwrap_or_default(), listing.size(number));
                    let name = store.finish(id, utf8, size).map_err(Failure::storage)?;
                    stored.push(Here { number, name });
                    *last_stored = stored.last().cloned();
                    tally.stored += 1;
                    tally.octets += octets;
                    progress.message();
                    return Ok(());
                }
                Event::Refused(ticket @ Ticket { message: Some(number), .. }, status) => {
                    trouble.fail(key(listing, number));
                    progress.warn(&refusal(ticket, status));
                }
                _ => {}
            }
            *last_stored = None;
            Ok(())
        })
        .await;
        if done.is_err() {
            store.forget().map_err(Failure::storage)?;
        }
        done.map(|()| stored)
    }

    /// Leaves out messages that should not be fetched, and reports them.
    fn choose(&mut self, listing: &Listing, mut wanted: Vec<MessageNumber>) -> Vec<MessageNumber> {
        if let Some(most) = self.options.max_message {
            wanted.retain(|number| {
                let fits = listing.size(*number).is_none_or(|size| size <= most);
                if !fits {
                    self.fail(key(listing, *number), &too_large(*number, most));
                }
                fits
            });
        }
        let (mut wanted, skipped) = self.trouble.order(Verb::Retr, wanted, |number| key(listing, *number));
        for (number, why) in skipped {
            self.fail(key(listing, number), &format!("message {number} is not fetched: {why}"));
        }
        wanted.truncate(self.options.limit.saturating_sub(self.tally.stored));
        wanted
    }

    /// Marks messages for deletion, and returns which of them are marked.
    async fn mark<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        listing: &Listing,
        here: Vec<Here>,
    ) -> Result<Vec<Here>, Failure> {
        let (here, skipped) = self.trouble.order(Verb::Dele, here, |here| key(listing, here.number));
        for (Here { number, .. }, why) in skipped {
            self.fail(key(listing, number), &format!("message {number} is not deleted: {why}"));
        }
        // From now on the server may have removed a message that is no longer listed, regardless of how this session
        // ends.
        self.store.write_down(lines(listing, &here, Note::Marked)).map_err(Failure::storage)?;
        let numbers: Vec<_> = here.iter().map(|here| here.number).collect();
        let one_by_one = self.one_by_one;
        let Fetch { progress, trouble, pace, last_stored, .. } = self;
        let mut refused = HashSet::new();
        run_all(connection, Command::Dele, numbers, one_by_one, pace, |event| {
            *last_stored = None;
            if let Event::Refused(ticket @ Ticket { message: Some(number), .. }, status) = event {
                refused.insert(number);
                trouble.fail(key(listing, number));
                progress.warn(&refusal(ticket, status));
            }
            Ok(())
        })
        .await?;
        Ok(here.into_iter().filter(|here| !refused.contains(&here.number)).collect())
    }

    async fn quit<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        mut connection: Connection<S>,
        listing: &Listing,
        marked: Vec<Here>,
    ) -> Result<(), Failure> {
        let sent = connection.sender().send(Command::Quit).err();
        if let Some(error) = sent.filter(|error| *error != SendError::Over) {
            return Err(error.into());
        }
        let deletions = loop {
            match connection.next().await {
                Ok((Event::Closed(closed), _)) => break closed.deletions,
                Ok(_) => {}
                Err(error) => {
                    let failure = Failure::from(error);
                    if failure.out_of_step && self.last_stored.is_some() {
                        return Err(self.blame(failure, listing, None));
                    }
                    // Everything is stored. Only the server's deletions matter now.
                    break connection.client().deletions();
                }
            }
        };
        self.trouble.forgive(QUIT);
        match deletions {
            Deletions::NoneAsked => {}
            Deletions::Pending => {
                return Err(Failure::broken("the session ended before QUIT: nothing was removed"));
            }
            // The server may give their unique-ids to other messages.
            Deletions::Committed => {
                self.store.write_down(lines(listing, &marked, Note::Forgotten)).map_err(Failure::storage)?;
                self.tally.deleted += marked.len();
                let numbers = marked.iter().map(|here| here.number);
                self.removed.extend(numbers.map(|number| (key(listing, number), listing.size(number))));
            }
            Deletions::RefusedInPart => {
                self.fail(QUIT.into(), "the server could not remove all of the stored messages");
            }
            // The next session finds the remaining messages.
            Deletions::Unknown => {
                self.in_doubt = marked.len();
                return Err(Failure::broken("QUIT was not answered: what was removed is unknown"));
            }
        }
        connection.close().await;
        Ok(())
    }

    /// Finds out which message broke the connection, so it does not block the rest in the next session.
    fn blame(&mut self, failure: Failure, listing: &Listing, due: Option<Ticket>) -> Failure {
        if failure.exit != Exit::Connection {
            return failure;
        }
        // A server that does not double dots ends a message too early, which puts the next response out of step.
        let early = self.last_stored.take().filter(|_| failure.out_of_step);
        let (verb, number) = match (&early, due) {
            (Some(here), _) => (Verb::Retr, here.number),
            (None, Some(Ticket { verb, message: Some(number), .. })) => (verb, number),
            _ => return failure,
        };
        self.trouble.broke(verb, key(listing, number));
        if let Some(Here { number, name }) = early {
            let id = listing.id(number).unwrap_or_default();
            match self.store.take_back(id, &name) {
                Err(error) => return Failure::storage(error),
                Ok(octets) => {
                    self.tally.stored -= 1;
                    self.tally.octets -= octets;
                }
            }
        }
        failure.of_this_session()
    }

    /// Reports that a message failed.
    fn fail(&mut self, key: Vec<u8>, what: &str) {
        self.trouble.fail(key);
        self.progress.warn(what);
    }
}

/// The key of a refused QUIT among the messages that failed.
const QUIT: &[u8] = b"\nQUIT";

fn lines(listing: &Listing, messages: &[Here], note: Note) -> Vec<Line> {
    let id = |here: &Here| listing.id(here.number).unwrap_or_default().to_vec();
    messages.iter().map(|here| (id(here), here.name.clone(), note)).collect()
}

fn most_octets(options: &Options, size: Option<u64>) -> u64 {
    let usual = |size: u64| size.saturating_mul(2).saturating_add(SLACK);
    options.max_message.unwrap_or_else(|| size.map_or(UNLISTED, usual))
}

fn too_large(number: MessageNumber, most: u64) -> String {
    format!("message {number} is larger than {most} octets and stays on the server: raise --max-message")
}

fn refusal(ticket: Ticket, status: StatusText<'_>) -> String {
    Failure::refused(Exit::Messages, &ticket.to_string(), status).to_string()
}

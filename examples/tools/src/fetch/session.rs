//! One session, from the connection to the answer to QUIT.

use super::age::Ages;
use super::failure::{Exit, Failure};
use super::login::log_in;
use super::talk::run_all;
use super::{Fetch, Tally};
use crate::client::Connection;
use pop3_proto::client::{Deletions, Event, Source, Ticket};
use pop3_proto::{ApopDigest, Command, MessageNumber, StatusText, Verb};
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// What the server has, by message number. Some servers leave numbers out.
type Listing = BTreeMap<MessageNumber, Listed>;

/// A message as it is listed.
#[derive(Default)]
struct Listed {
    octets: u64,
    /// None where the server has no unique-ids, or none for this message.
    id: Option<Vec<u8>>,
}

impl Fetch {
    /// All that is said inside TLS, or where there is none.
    pub(super) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        mut connection: Connection<S>,
        digest: Option<ApopDigest>,
    ) -> Result<(), Failure> {
        self.tally = Tally { known: 0, failed: 0, ..self.tally };
        self.capabilities(&mut connection).await?;
        log_in(&mut connection, &self.options, digest).await?;
        self.last_login = Some(Instant::now());
        if connection.client().capabilities().source() == Source::Listed {
            self.capabilities(&mut connection).await?; // some servers tell all only to users that they know
        }
        let listing = self.list(&mut connection).await?;
        let (mut stored, mut wanted) = self.sort(&listing)?;
        wanted.truncate(self.options.limit.saturating_sub(self.tally.stored));
        stored.extend(self.retrieve(&mut connection, &listing, wanted).await?);
        self.progress.end();
        if !self.options.delete {
            stored.clear();
        }
        let stored = self.ripe(&listing, stored)?;
        let marked = self.mark(&mut connection, stored).await?;
        self.quit(connection, marked).await
    }

    async fn capabilities<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
    ) -> Result<(), Failure> {
        connection.handle().send(&Command::Capa)?;
        while !connection.next().await?.0.completes() {} // a server that does not know CAPA says so, and that is all
        let delay = connection.client().capabilities().login_delay().unwrap_or_default();
        self.login_delay = Duration::from_secs(delay.into());
        Ok(())
    }

    async fn list<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
    ) -> Result<Listing, Failure> {
        let mut listing = Listing::new();
        self.has_ids = true;
        for command in [Command::List(None), Command::Uidl(None)] {
            connection.handle().send(&command)?;
            loop {
                let event = connection.next().await?.0;
                let is_answered = event.completes();
                match event {
                    Event::ScanListing(_, row) => listing.entry(row.message).or_default().octets = row.octets,
                    Event::UniqueId(_, row) => {
                        listing.entry(row.message).or_default().id = Some(row.id.as_bytes().into());
                    }
                    // It tells one message from another all the same.
                    Event::OddUniqueId(_, message, id) => {
                        listing.entry(message).or_default().id = Some(id.into());
                    }
                    // A server without unique-ids does not know the command, and has nothing to say about when it will.
                    Event::Refused(ticket, status)
                        if ticket.verb == Verb::List || status.code().is_some() =>
                    {
                        return Err(Failure::refused(Exit::Connection, ticket.verb.keyword(), status));
                    }
                    Event::Refused(..) => self.has_ids = false,
                    _ => {}
                }
                if is_answered {
                    break;
                }
            }
        }
        Ok(listing)
    }

    /// Which messages are stored, and which are wanted. A message keeps its unique-id when its number changes.
    fn sort(&mut self, listing: &Listing) -> Result<(Vec<MessageNumber>, Vec<MessageNumber>), Failure> {
        if !self.has_ids {
            if !self.store.is_new() && !self.options.delete {
                let cause = "the server has no unique-ids, so that nobody can tell what was fetched before: \
                             take --delete, or an empty folder";
                return Err(Failure::usage(cause));
            }
            self.progress.note("the server has no unique-ids: all messages are fetched");
            return Ok((Vec::new(), listing.keys().copied().collect()));
        }
        let (mut stored, mut wanted, mut copies) = (Vec::new(), Vec::new(), HashMap::new());
        for (number, listed) in listing {
            let Some(id) = &listed.id else {
                self.progress.warn(&format!("message {number} has no unique-id and is left where it is"));
                self.tally.failed += 1;
                continue;
            };
            let copies: &mut u32 = copies.entry(id).or_default();
            let to = if self.store.has(id, *copies) { &mut stored } else { &mut wanted };
            to.push(*number);
            *copies += 1;
        }
        // Whatever is not listed any more was removed by the QUIT that was not answered.
        self.tally.deleted += mem::take(&mut self.in_doubt).saturating_sub(stored.len());
        self.tally.known = stored.len().saturating_sub(self.tally.stored);
        Ok((stored, wanted))
    }

    /// Fetches messages, and says which of them are stored safely.
    async fn retrieve<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        listing: &Listing,
        wanted: Vec<MessageNumber>,
    ) -> Result<Vec<MessageNumber>, Failure> {
        let Fetch { store, progress, tally, .. } = self;
        let listed = |number| listing.get(&number);
        progress.begin(wanted.len(), wanted.iter().filter_map(|number| Some(listed(*number)?.octets)).sum());
        let mut stored = Vec::new();
        let done = run_all(connection, Command::Retr, wanted, |event| {
            match event {
                Event::Begin(..) => store.begin().map_err(Failure::storage)?,
                Event::Body(_, octets) => {
                    store.write(octets).map_err(Failure::storage)?;
                    progress.octets(octets.len());
                }
                Event::End(Ticket { message: Some(number), .. }, octets) => {
                    let id = listed(number).and_then(|listed| listed.id.as_deref()).unwrap_or_default();
                    store.finish(id).map_err(Failure::storage)?;
                    stored.push(number);
                    tally.stored += 1;
                    tally.octets += octets;
                    progress.message();
                }
                Event::Refused(ticket, status) => {
                    tally.failed += 1;
                    progress.warn(&refusal(ticket, status));
                }
                _ => {}
            }
            Ok(())
        })
        .await;
        if done.is_err() {
            store.forget().map_err(Failure::storage)?;
        }
        done.map(|()| stored)
    }

    /// Leaves out what was not stored here for long enough.
    fn ripe(&self, listing: &Listing, stored: Vec<MessageNumber>) -> Result<Vec<MessageNumber>, Failure> {
        let Some(days) = self.options.keep_days.filter(|_| self.options.delete) else { return Ok(stored) };
        if !self.has_ids && !stored.is_empty() {
            return Err(Failure::usage(
                "--keep-days needs unique-ids, and the server has none: leave it out",
            ));
        }
        let message = |number: &MessageNumber| {
            let Listed { octets, id } = listing.get(number)?;
            Some((id.as_deref()?, *octets))
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut ages =
            Ages::open(self.store.folder(), &self.options.account.key()).map_err(Failure::storage)?;
        ages.update(now, stored.iter().filter_map(message)).map_err(Failure::storage)?;
        let is_ripe =
            |number: &MessageNumber| message(number).is_some_and(|message| ages.is_ripe(message, days, now));
        Ok(stored.into_iter().filter(is_ripe).collect())
    }

    /// Marks messages for deletion, and says how many of them are.
    async fn mark<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        connection: &mut Connection<S>,
        stored: Vec<MessageNumber>,
    ) -> Result<usize, Failure> {
        let Fetch { progress, tally, .. } = self;
        let mut marked = 0;
        run_all(connection, Command::Dele, stored, |event| {
            match event {
                Event::Ok(..) => marked += 1,
                Event::Refused(ticket, status) => {
                    tally.failed += 1;
                    progress.warn(&refusal(ticket, status));
                }
                _ => {}
            }
            Ok(())
        })
        .await?;
        Ok(marked)
    }

    async fn quit<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        mut connection: Connection<S>,
        marked: usize,
    ) -> Result<(), Failure> {
        connection.handle().send(&Command::Quit)?;
        let deletions = loop {
            match connection.next().await {
                Ok((Event::Closed(deletions), _)) => break deletions,
                Ok(_) => {}
                // All is stored. What matters is only what the server has made of it.
                Err(_) => break connection.client().deletions(),
            }
        };
        match deletions {
            Deletions::NoneAsked | Deletions::Pending => {}
            Deletions::Committed => self.tally.deleted += marked,
            Deletions::RefusedInPart => {
                self.tally.failed += 1;
                self.progress.warn("the server could not remove all that is stored here");
            }
            // The next session sees what is left.
            Deletions::Unknown => {
                self.in_doubt = marked;
                return Err(Failure::broken("QUIT was not answered: what was removed is unknown"));
            }
        }
        connection.close().await.ok(); // nothing is left to be lost
        Ok(())
    }
}

fn refusal(ticket: Ticket, status: StatusText<'_>) -> String {
    Failure::refused(Exit::Messages, &ticket.to_string(), status).to_string()
}

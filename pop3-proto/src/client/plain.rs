//! The short path of `poll` for the most common input: rows of LIST and UIDL in the exact form of the RFC, and bytes
//! of a message.
//!
//! It does the same as the general step, or returns `None`. A test runs both over the same input and compares them.

use super::event::Event;
use super::{AsConfig, Client, ListedUniqueId, Turn};
use crate::codec::{LineEnding, ScanListing, UniqueIdListing, Verb};
use crate::input::Input;

impl<C: AsConfig> Client<C> {
    /// Returns the next event if it is of the plain kind, or `None` to leave it to the general step.
    #[inline(always)]
    pub(crate) fn plain<'i>(&mut self, input: &mut Input<'i>) -> Option<Event<'i>> {
        // On a small processor, the second parser adds more size than it saves time.
        if cfg!(not(target_pointer_width = "64")) || self.fatal.is_some() {
            return None;
        }
        match self.turn {
            Turn::Rows { ending: LineEnding::Crlf, .. } => self.plain_row(input),
            Turn::Body { .. } => self.plain_body(input),
            _ => None,
        }
    }

    #[inline(always)]
    fn plain_row<'i>(&mut self, input: &mut Input<'i>) -> Option<Event<'i>> {
        let Turn::Rows { count, .. } = &mut self.turn else { return None };
        if *count >= self.config.as_config().limits.listing_rows {
            return None;
        }
        let ticket = self.in_flight.oldest()?;
        let (event, rest) = match ticket.verb {
            Verb::List => {
                let (listing, rest) = ScanListing::plain(input.unread())?;
                (Event::ScanListing(ticket, listing), rest)
            }
            Verb::Uidl => {
                let (listing, rest) = UniqueIdListing::plain(input.unread(), &mut self.id_length)?;
                (Event::UniqueId(ticket, ListedUniqueId::valid(listing)), rest)
            }
            _ => return None,
        };
        let row = input.remaining().wrapping_sub(rest.len());
        if row > usize::from(self.config.as_config().limits.listing_line) {
            return None;
        }
        input.advance(|unread| *unread = rest);
        *count = count.wrapping_add(1);
        self.searched = 0;
        self.clock.rearm(self.config.as_config().answer);
        Some(event)
    }

    #[inline(always)]
    fn plain_body<'i>(&mut self, input: &mut Input<'i>) -> Option<Event<'i>> {
        let Turn::Body { unstuff, octets } = &mut self.turn else { return None };
        let ticket = self.in_flight.oldest()?;
        let unread = input.unread();
        // The general step handles input that may exceed the limit.
        let left = self.config.as_config().limits.body_octets.checked_sub(*octets)?;
        if unread.len() as u64 > left {
            return None;
        }
        let (data, rest) = unstuff.plain(unread)?;
        input.advance(|unread| *unread = rest);
        self.clock.rearm(self.config.as_config().answer);
        *octets = octets.wrapping_add(data.len() as u64);
        Some(Event::Body(ticket, data))
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Input, Turn};
    use crate::body::Unstuff;
    use crate::client::{Capabilities, ClientConfig};
    use crate::codec::{Command, LineEnding};
    use crate::types::{MessageNumber, TlsPolicy};
    use crate::{Limits, SendBuf};
    use std::{format, string::String, vec::Vec};

    /// Makes a client with this command in flight, whose response has begun.
    fn client(command: &Command<'_>, turn: Turn) -> Client {
        let limits = Limits::DEFAULT.with_body_octets(9).with_listing_rows(2).with_listing_line(64);
        let mut client = Client::new(ClientConfig::new(TlsPolicy::Cleartext).with_limits(limits), 1);
        client.state = crate::State::Transaction;
        client.send(command, &mut SendBuf::new([0; 64])).unwrap();
        client.turn = turn;
        client
    }

    /// Returns all events of `input`, and the machine after each.
    fn events(mut client: Client, octets: &[u8], last: bool, general: bool) -> Vec<String> {
        let mut input = if last { Input::last(octets) } else { Input::more(octets) };
        let mut events = Vec::new();
        loop {
            let polled = if general { client.general(&mut input).polled } else { client.poll(&mut input) };
            events.push(format!("{polled:?} {} {client:?}", input.remaining()));
            if !matches!(polled, Ok(Some(_))) || client.in_flight.is_empty() {
                return events;
            }
        }
    }

    fn same(command: &Command<'_>, turn: Turn, octets: &[u8]) {
        for (end, last) in (0..=octets.len()).flat_map(|end| [(end, false), (end, true)]) {
            let octets = &octets[..end];
            let plain = events(client(command, turn), octets, last, false);
            let general = events(client(command, turn), octets, last, true);
            assert_eq!(plain, general, "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn law_5_plain_rows_equal_the_general_step() {
        let rows = [
            "1 120\r\n",
            "4294967295 18446744073709551615\r\n",
            "999999999 1\r\n",
            "1234567 7654321\r\n",
            "12345678 87654321\r\n",
            "123456789 987654321\r\n",
            "4294967296 1\r\n",
            "0 1\r\n",
            "01 1\r\n",
            "1 0\r\n",
            "1 00\r\n",
            "1  2\r\n",
            "1 2 \r\n",
            "1 2 x\r\n",
            "1 2x\r\n",
            "1\r\n",
            " 1 2\r\n",
            "1 -2\r\n",
            "1: 2\r\n",
            "1 2:3\r\n",
            "1/ 2\r\n",
            "\r\n",
            "1 2\n\r\n",
            "1 2\r\r\n",
            ".1 2\r\n",
            "+OK 1 2\r\n",
            "1 18446744073709551616\r\n",
            "1 99999999999999999999999\r\n",
            "1\t2\r\n",
            "1 abcdefgh\r\n",
            "1 abcdefg\r\n",
            "1 abcdefghi~!\r\n",
            "1 abc\x7f\r\n",
            "1 abcdefghijkl\x01m\r\n",
            "1 a b\r\n",
            "1 \r\n",
        ];
        let long = [
            format!("1 {}\r\n", "x".repeat(70)),
            format!("1 {}\r\n", "x".repeat(71)),
            format!("1 {}\r\n", "x".repeat(600)),
        ];
        for row in rows.into_iter().chain(long.iter().map(String::as_str)) {
            for ending in [LineEnding::Crlf, LineEnding::Lf] {
                let octets = format!("{row}2 7\r\n3 8\r\n.\r\nrest");
                for command in [Command::List(None), Command::Uidl(None), Command::Capa] {
                    same(
                        &command,
                        Turn::Rows { ending, count: 0, listed: Capabilities::NONE },
                        octets.as_bytes(),
                    );
                }
            }
        }
    }

    #[test]
    fn law_5_plain_bytes_equal_the_general_step() {
        for body in [
            ".\r\nrest",
            "a\r\n.\r\n",
            "..a\r\n.b\r\n.\r\nx",
            "123456789.\r\n",
            "1234567\r\n.\r\n",
            "12345678\r\n.\r\n",
            ".\r.\r\n.\r\n",
        ] {
            for ending in [LineEnding::Crlf, LineEnding::Lf] {
                let turn = Turn::Body { unstuff: Unstuff::new(ending), octets: 0 };
                same(&Command::Retr(MessageNumber::FIRST), turn, body.as_bytes());
            }
        }
    }
}

use pop3_proto::client::{Event, Ticket};
use pop3_proto::{DropListing, Verb};

/// The events of a client: the answers in their order, with adjacent pieces of one message joined.
#[derive(Default, Debug)]
pub(super) struct Log {
    pub(super) greeted: bool,
    /// The commands, as they were sent.
    pub(super) sent: Vec<Ticket>,
    pub(super) answers: Vec<Answer>,
    pub(super) challenges: usize,
}

/// The received part of the answer to one command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) ticket: Ticket,
    pub(super) refused: bool,
    pub(super) is_complete: bool,
    pub(super) stat: Option<DropListing>,
    pub(super) rows: Vec<(u32, u64)>,
    pub(super) body: Vec<u8>,
}

impl Log {
    /// Takes an event in; `awaited` is the command whose response was pending before it.
    pub(super) fn note(&mut self, event: &Event<'_>, awaited: Option<Ticket>) {
        match event {
            Event::Greeting(_) | Event::NoService(_) => {
                assert!(!self.greeted && self.answers.is_empty(), "greeted again");
                self.greeted = true;
                return;
            }
            Event::Challenge(..) => {
                assert_eq!(awaited.map(|ticket| ticket.verb), Some(Verb::Auth));
                self.challenges += 1;
                return;
            }
            // After an end without a response there is no answer; `Log::check` derives this from the received bytes.
            Event::Closed(_) => return,
            _ => {}
        }
        let ticket = event.ticket().or(awaited).expect("an event that answers nothing");
        assert_eq!(Some(ticket), awaited, "not the answer that was expected");
        let answer = self.of(ticket);
        match event {
            Event::Refused(..) => answer.refused = true,
            Event::DropListing(_, listing) => answer.stat = Some(*listing),
            Event::ScanListing(_, listing) => answer.rows.push((listing.message.get(), listing.octets)),
            Event::Body(_, octets) => answer.body.extend_from_slice(octets),
            Event::Malformed(..) | Event::MalformedChallenge(..) => panic!("{event:?}"),
            Event::UniqueId(_, id) => assert!(id.unique_id().is_some(), "{event:?}"),
            _ => {}
        }
        answer.is_complete = event.completes();
    }

    /// Returns the answer to this command: the open answer, or a new one.
    fn of(&mut self, ticket: Ticket) -> &mut Answer {
        let goes_on = self.answers.last().is_some_and(|answer| answer.ticket == ticket);
        if goes_on {
            assert!(self.answers.last().is_some_and(|answer| !answer.is_complete), "more than one answer");
        } else {
            assert!(self.answers.last().is_none_or(|answer| answer.is_complete), "an answer was left");
            assert_eq!(self.sent.get(self.answers.len()), Some(&ticket), "out of order");
            self.answers.push(Answer {
                ticket,
                refused: false,
                is_complete: false,
                stat: None,
                rows: Vec::new(),
                body: Vec::new(),
            });
        }
        self.answers.last_mut().unwrap()
    }
}

/// Returns the answers in all received bytes, read in the simplest way.
pub(super) fn naive(sent: &[Ticket], heard: &[u8]) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut rest = heard;
    if take_line(&mut rest).is_none() {
        return answers;
    }
    for ticket in sent {
        let status = loop {
            match take_line(&mut rest) {
                Some(challenge) if challenge.starts_with(b"+ ") => {}
                other => break other,
            }
        };
        let Some(status) = status else { break };
        if ticket.verb == Verb::Quit {
            break;
        }
        let words = numbers(status.get(4..).unwrap_or_default());
        let refused = status.starts_with(b"-ERR");
        let mut answer = Answer {
            ticket: *ticket,
            refused,
            is_complete: refused || !ticket.verb.is_multi_line(ticket.message.is_some()),
            stat: words
                .filter(|_| ticket.verb == Verb::Stat)
                .map(|(count, octets)| DropListing { count, octets }),
            rows: Vec::new(),
            body: Vec::new(),
        };
        let is_message = matches!(ticket.verb, Verb::Retr | Verb::Top);
        while !answer.is_complete {
            let Some(row) = take_line(&mut rest) else { break };
            match row {
                b"." => answer.is_complete = true,
                _ if is_message => {
                    answer.body.extend([row.strip_prefix(b".").unwrap_or(row), b"\r\n"].concat());
                }
                _ if ticket.verb == Verb::List => answer.rows.extend(numbers(row)),
                _ => {}
            }
        }
        let is_complete = answer.is_complete;
        // Returns the current line, without a part that may be the terminator.
        if !is_complete && is_message && !matches!(rest, b"." | b".\r") {
            answer.body.extend_from_slice(rest.strip_prefix(b".").unwrap_or(rest));
        }
        answers.push(answer);
        if !is_complete {
            break;
        }
    }
    answers
}

fn take_line<'h>(rest: &mut &'h [u8]) -> Option<&'h [u8]> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let (line, behind) = (&rest[..end], &rest[end + 2..]);
    *rest = behind;
    Some(line)
}

fn numbers(row: &[u8]) -> Option<(u32, u64)> {
    let (number, octets) = std::str::from_utf8(row).ok()?.trim().split_once(' ')?;
    Some((number.parse().ok()?, octets.parse().ok()?))
}

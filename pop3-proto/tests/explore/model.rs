//! A naive model of the RFC's states compared with both machines, under any interleaving of calls.

use super::world::{Action, Scenario, World};
use pop3_proto::client::{self, SendError};
use pop3_proto::{Limits, State, TlsPolicy, Verb, server};
use proptest::prelude::*;

const COMMANDS: &[&str] = &[
    "USER u",
    "PASS p",
    "USER u",
    "PASS p",
    "CAPA",
    "AUTH PLAIN",
    "AUTH",
    "STLS",
    "UTF8",
    "LANG",
    "STAT",
    "LIST",
    "LIST 2",
    "LIST 9",
    "UIDL",
    "RETR 1",
    "RETR 3",
    "DELE 1",
    "DELE 2",
    "DELE 1",
    "NOOP",
    "RSET",
    "TOP 2 1",
    "QUIT",
    "APOP u c4c9334bac560ecc979e58001b3e22fb",
    "XTND",
];

/// The number of messages.
const MESSAGES: usize = 2;

/// The outcome of a command, known at once or decided by the application.
enum Comes {
    To(bool),
    AsAsked,
}

/// The session as the server sees it.
struct ServerModel {
    state: State,
    named: bool,
    marked: [bool; MESSAGES + 1],
    /// The open question.
    asked: Option<Verb>,
    /// Whether each command that was read was accepted.
    said: Vec<bool>,
}

impl ServerModel {
    fn read(&mut self, line: &str) {
        let mut words = line.split(' ');
        let (word, number) =
            (words.next().unwrap(), words.next().and_then(|word| word.parse::<usize>().ok()));
        let named = std::mem::take(&mut self.named);
        let is_there = number.is_none_or(|number| (1..=MESSAGES).contains(&number) && !self.marked[number]);
        let open = self.state == State::Transaction;
        let (verb, comes) = match word {
            "USER" => (Verb::User, if open { Comes::To(false) } else { Comes::AsAsked }),
            "PASS" => (Verb::Pass, if open || !named { Comes::To(false) } else { Comes::AsAsked }),
            "CAPA" | "AUTH" => {
                self.named = named;
                (Verb::Capa, Comes::To(word == "CAPA"))
            }
            "QUIT" if open => {
                self.state = State::Update;
                (Verb::Quit, Comes::AsAsked)
            }
            "QUIT" => {
                self.state = State::Closed;
                (Verb::Quit, Comes::To(true))
            }
            "RETR" | "TOP" if open && is_there => (Verb::Retr, Comes::AsAsked),
            "DELE" if open && is_there => {
                self.marked[number.unwrap()] = true;
                (Verb::Dele, Comes::To(true))
            }
            "RSET" if open => {
                self.marked = [false; MESSAGES + 1];
                (Verb::Rset, Comes::To(true))
            }
            "STAT" | "LIST" | "UIDL" | "NOOP" => (Verb::Noop, Comes::To(open && is_there)),
            _ => (Verb::Other, Comes::To(false)),
        };
        match comes {
            Comes::To(accepted) => self.said.push(accepted),
            Comes::AsAsked => self.asked = Some(verb),
        }
    }

    fn answer(&mut self, accepted: bool) {
        match self.asked.take() {
            None => self.state = if accepted { State::Authorization } else { State::Closed },
            Some(verb) => {
                self.said.push(accepted);
                match verb {
                    Verb::User => self.named = accepted,
                    Verb::Pass if accepted => self.state = State::Transaction,
                    Verb::Quit => self.state = State::Closed,
                    _ => {}
                }
            }
        }
    }
}

/// The session as the client sees it.
struct ClientModel {
    state: State,
    no_service: bool,
    named: bool,
    sent: Vec<Verb>,
    answered: usize,
}

impl ClientModel {
    fn may_send(&self, verb: Verb) -> bool {
        let newest = self.sent[self.answered..].last().copied();
        let last = [Verb::Pass, Verb::Auth, Verb::AuthList, Verb::Stls, Verb::Utf8, Verb::Capa, Verb::Lang];
        let barrier = newest.is_some_and(|newest| {
            last.contains(&newest) || matches!(newest, Verb::LangList | Verb::Quit | Verb::Other | Verb::Apop)
        });
        verb.is_valid_in(self.state)
            && !barrier
            && (verb == Verb::Quit || !self.no_service)
            && (verb != Verb::Stls || newest.is_none())
            && (verb != Verb::Pass || self.named || newest == Some(Verb::User))
            && verb != Verb::Apop
            && self.sent.len() - self.answered < 16
    }

    fn send(&mut self, verb: Verb) {
        self.sent.push(verb);
        if verb == Verb::Quit && self.state == State::Transaction {
            self.state = State::Update;
        }
    }

    fn hear(&mut self, accepted: bool) {
        let verb = self.sent[self.answered];
        self.answered += 1;
        match verb {
            Verb::User => self.named = accepted,
            Verb::Pass => {
                self.named = false;
                self.state = if accepted { State::Transaction } else { self.state };
            }
            Verb::Quit => self.state = State::Closed,
            _ => {}
        }
    }
}

/// Both models, compared with both machines.
struct Both<'s> {
    world: World<'s>,
    client: ClientModel,
    server: ServerModel,
    /// The number of bytes of `world.read` that the model has read too.
    read: usize,
}

impl Both<'_> {
    fn send(&mut self, line: &'static str) {
        let may = self.client.may_send(pop3_proto::Command::parse(line.as_bytes()).unwrap().verb());
        match self.world.offer(line) {
            Ok(ticket) => {
                assert!(may, "{line} was sent");
                self.client.send(ticket.verb);
            }
            // Only the driver can fix this.
            Err(SendError::BufferFull(_)) => {}
            Err(error) => assert!(!may, "{line}: {error:?}"),
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Accept => self.server.answer(true),
            Action::Refuse => self.server.answer(false),
            _ => {}
        }
        self.world.act(action);
        while let Some(end) = self.world.read[self.read..].iter().position(|octet| *octet == b'\n') {
            let line = String::from_utf8(self.world.read[self.read..self.read + end].to_vec()).unwrap();
            self.server.read(line.trim_end());
            self.read += end + 1;
        }
        if self.client.state == State::Greeting && self.world.log.greeted {
            self.client.state = State::Authorization;
            self.client.no_service = self.world.heard.starts_with(b"-ERR");
        }
        while let Some(answer) = self.world.log.answers.get(self.client.answered).filter(|it| it.is_complete)
        {
            assert_eq!(!answer.refused, self.server.said[self.client.answered], "{answer:?}");
            self.client.hear(!answer.refused);
        }
        // The answer to QUIT is an event, and a server that refused service ends without an answer.
        if self.world.client_over.is_some() {
            self.client.state = State::Closed;
        }
    }

    fn agree(&self) {
        assert_eq!(self.world.client.state(), self.client.state, "client {}", self.world.shown());
        assert_eq!(self.world.server.state(), self.server.state, "server {}", self.world.shown());
        let marked =
            |number: usize| self.world.server.maildrop().is_some_and(|infos| infos[number - 1].is_marked());
        assert!((1..=MESSAGES).all(|number| marked(number) == self.server.marked[number]), "marks");
    }
}

fn run(calls: &[(bool, bool, prop::sample::Index)]) {
    let patient = Limits::DEFAULT.with_bad_commands(255, 255).with_failed_logins(255);
    let scenario = Scenario {
        client: client::ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining(),
        server: server::ServerConfig::new(TlsPolicy::Cleartext).with_limits(patient),
        ..Scenario::new("model", &[])
    };
    let mut both = Both {
        world: World::new(&scenario),
        client: ClientModel {
            state: State::Greeting,
            no_service: false,
            named: false,
            sent: Vec::new(),
            answered: 0,
        },
        server: ServerModel {
            state: State::Greeting,
            named: false,
            marked: [false; MESSAGES + 1],
            asked: None,
            said: Vec::new(),
        },
        read: 0,
    };
    for (sends, refuses, choice) in calls {
        if *sends {
            both.send(COMMANDS[choice.index(COMMANDS.len())]);
        } else {
            let ends = [Action::UpEnds, Action::DownEnds, Action::CutUp, Action::CutDown, Action::Abort];
            let mut actions = both.world.enabled(true);
            actions.retain(|action| !ends.contains(action));
            // Most refusals end the session early, so this run either accepts or refuses.
            actions.retain(|action| *action != if *refuses { Action::Accept } else { Action::Refuse });
            if !actions.is_empty() {
                both.act(actions[choice.index(actions.len())]);
            }
        }
        both.agree();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_interleaving_agrees_with_a_naive_model(
        calls in prop::collection::vec((prop::bool::weighted(0.4), prop::bool::weighted(0.1), any::<prop::sample::Index>()), 0..200),
    ) {
        run(&calls);
    }
}

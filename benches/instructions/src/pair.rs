use pop3_proto::client::{self, Event};
use pop3_proto::server::{Ask, MessageInfo, ServerConfig, Step};
use pop3_proto::{Client, Command, Input, MessageNumber, Secret, SendBuf, Server, Text, TlsPolicy, UniqueId};

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

type Slots<'m> = &'m mut [MessageInfo<UniqueId<'static>>];

/// A client that fetches and marks each message of a maildrop, keeping 16 commands in flight, and its server. The pending bytes of each
/// are the input of the other.
#[derive(Debug)]
pub struct Pair<'m> {
    client: Client,
    server: Server<Slots<'m>>,
    /// `None` after the login.
    maildrop: Option<Slots<'m>>,
    /// The bytes of every message.
    message: &'m [u8],
    /// The unsent bytes of the open message.
    sending: &'m [u8],
    /// How many RETR and DELE commands to send, for one message after the other. QUIT follows.
    commands: u32,
    next: u32,
    answered: u32,
    delivered: u64,
}

impl<'m> Pair<'m> {
    /// Returns both before the greeting. Every message that the slots describe is `message`.
    ///
    /// # Panics
    /// Panics if there are more messages than in a fixed workload.
    #[must_use]
    pub fn new(message: &'m [u8], slots: Slots<'m>) -> Self {
        Pair {
            client: Client::new(client::ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining(), 1),
            server: Server::new(&CONFIG, 1),
            commands: u32::try_from(2 * slots.len()).expect("a fixed workload"),
            maildrop: Some(slots),
            message,
            sending: &[],
            next: 0,
            answered: 0,
            delivered: 0,
        }
    }

    /// Runs from the greeting to the end, over buffers of these sizes. Returns the octets of the messages
    /// that the client received.
    ///
    /// # Panics
    /// Panics if the crate breaks a promise.
    #[must_use]
    pub fn run(mut self, to_server: &mut [u8], to_client: &mut [u8]) -> u64 {
        let (mut to_server, mut to_client) = (SendBuf::new(to_server), SendBuf::new(to_client));
        loop {
            let mut input = Input::more(to_server.pending());
            let pending = input.remaining();
            self.serve(&mut input, &mut to_client);
            let read = pending - input.remaining();
            to_server.sent(read);

            let mut input = Input::more(to_client.pending());
            let pending = input.remaining();
            while let Some(event) = self.client.poll(&mut input).expect("a sound server") {
                if matches!(event, Event::Closed(_)) {
                    return self.delivered;
                }
                self.hear(&event, &mut to_server);
            }
            let read = pending - input.remaining();
            to_client.sent(read);
        }
    }

    fn serve(&mut self, input: &mut Input<'_>, out: &mut SendBuf<&mut [u8]>) {
        loop {
            match self.server.poll(input, out).expect("a sound client") {
                Step::NeedInput | Step::NeedSpace(_) | Step::Closed(_) => return,
                Step::NeedBody if self.sending.is_empty() => {
                    _ = self.server.finish_body().expect("it is open");
                }
                Step::NeedBody => match self.server.write_body(self.sending, out).expect("it is open") {
                    0 => return,
                    taken => self.sending = &self.sending[taken..],
                },
                Step::Ask(ask) => self.answer(ask, out),
                Step::Waiting => panic!("a question was not answered"),
            }
        }
    }

    fn answer(&mut self, ask: Ask<'_>, out: &mut SendBuf<&mut [u8]>) {
        match ask {
            Ask::Greet(greet) => self.server.greet(greet, Text::from_static("ready"), out).expect("room"),
            Ask::User(user, _) => self.server.accept_name(user).expect("asked"),
            Ask::Login(login, _) => {
                let maildrop = self.maildrop.take().expect("one login");
                assert!(self.server.accept(login, maildrop).is_ok());
            }
            Ask::Fetch(fetch) => {
                self.sending = self.message;
                self.server.send_body_of(fetch, self.message.len() as u64).expect("asked");
            }
            Ask::Commit(commit) => self.server.removed(commit).expect("asked"),
            other => panic!("{other:?}"),
        }
    }

    fn hear(&mut self, event: &Event<'_>, out: &mut SendBuf<&mut [u8]>) {
        match event {
            Event::Greeting(_) => self.say(&Command::User(Text::from_static("mrose")), out),
            Event::Ok(ticket, _) if ticket.verb.keyword() == "USER" => {
                self.say(&Command::Pass(Secret::new(b"secret").expect("a password")), out);
            }
            Event::Ok(ticket, _) if ticket.verb.keyword() == "PASS" => self.fill(out),
            Event::Body(_, octets) => self.delivered += octets.len() as u64,
            Event::Ok(..) | Event::End(..) => {
                self.answered += 1;
                self.fill(out);
            }
            Event::Begin(..) => {}
            other => panic!("{other:?}"),
        }
    }

    /// Sends commands until as many are in flight as a client allows.
    fn fill(&mut self, out: &mut SendBuf<&mut [u8]>) {
        while self.next <= self.commands && self.next - self.answered < 16 {
            let number = MessageNumber::from_index((self.next / 2) as usize).expect("a small number");
            let command = match self.next % 2 {
                _ if self.next == self.commands => Command::Quit,
                0 => Command::Retr(number),
                _ => Command::Dele(number),
            };
            self.say(&command, out);
            self.next += 1;
        }
    }

    fn say(&mut self, command: &Command<'_>, out: &mut SendBuf<&mut [u8]>) {
        self.client.send(command, out).expect("it is its turn");
    }
}

//! Drives client and server of `pop3-embedded` over a stream that is opaque to the compiler. It uses only the blocking calls, because the compiler
//! adds a panic to every `async fn`, for a future that is polled after its end. Both forms have the same source.

use crate::see;
use core::convert::Infallible;
use core::hint::black_box;
use core::time::Duration;
use embedded_io::{ErrorKind, ErrorType};
use pop3_embedded::{Buffered, Connection, Error, Session};
use pop3_proto::client::{self, ClientConfig};
use pop3_proto::server::{Event, MessageInfo, Responder, ServerConfig};
use pop3_proto::{AnswerError, Command, Limits, Text, TlsPolicy, UniqueId};

const LIMITS: Limits = Limits::DEFAULT.with_sasl_line(512);

#[derive(Clone, Copy)]
struct Stream<'d>(&'d [u8]);

impl Stream<'_> {
    fn moved(&self, most: usize) -> Result<usize, ErrorKind> {
        match black_box(self.0) {
            [b'a', ..] => Err(ErrorKind::TimedOut),
            [b'b', ..] => Err(ErrorKind::Other),
            data => Ok(black_box(data.len()).min(most)),
        }
    }

    fn fill(&self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        to.iter_mut().zip(black_box(self.0)).for_each(|(to, byte)| *to = *byte);
        self.moved(to.len())
    }
}

impl ErrorType for Stream<'_> {
    type Error = ErrorKind;
}

impl embedded_io::Read for Stream<'_> {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        self.fill(to)
    }
}

impl embedded_io::Write for Stream<'_> {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        self.moved(from.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.moved(0).map(|_| ())
    }
}

fn now() -> Duration {
    Duration::from_millis(black_box(1))
}

pub(crate) fn both(data: &[u8]) {
    see(a_client(data).is_ok());
    see(a_server(data).is_ok());
}

#[inline(never)]
fn a_client(data: &[u8]) -> Result<(), Error<ErrorKind>> {
    let config = ClientConfig::new(black_box(TlsPolicy::Opportunistic)).with_limits(LIMITS);
    let mut pop3 = Connection::new(config, 1, Stream(data), now, [0; 1024], [0; 512])?;
    pop3.set_deadline(black_box(None));
    let mut start = None;
    while let Some((event, mut sender)) = pop3.next()? {
        match event {
            client::Event::StartTls(token) => start = Some(token),
            event => see((event, sender.send(Command::parse(data).unwrap_or(Command::Noop)).is_ok())),
        }
        see(pop3.tick().is_ok());
        if start.is_some() {
            break;
        }
    }
    if let Some(start) = start {
        let upgraded = pop3.start_tls(start, Ok::<_, Infallible>);
        see(upgraded.is_ok_and(|mut pop3| {
            pop3.close();
            pop3.client().is_tls()
        }));
    }
    Ok(())
}

#[inline(never)]
fn a_server(data: &[u8]) -> Result<(), Error<ErrorKind>> {
    let id = UniqueId::new(data)?;
    let mut listed = [MessageInfo::new(black_box(120), id), MessageInfo::new(black_box(200), id)];
    let mut listed = Some(listed.as_mut_slice());
    let mut pop3 = Session::new(&SERVER, 1, Stream(data), now, [0; 1024], [0; 1024])?;
    pop3.set_deadline(black_box(None));
    let mut start = None;
    while let Some((event, responder)) = pop3.next()? {
        match event {
            Event::StartTls(token) => start = Some(token),
            Event::Fetch(fetch) if black_box(true) => see(pop3.send_message(fetch, data).is_ok()),
            Event::Fetch(fetch) => {
                let mut buffer = [0; 64];
                let source = Buffered::new(Stream(data), &mut buffer);
                see(pop3.send_message(fetch, source).is_ok());
            }
            event => see(answer(event, responder, &mut listed).is_ok()),
        }
        see(pop3.tick().is_ok());
        if start.is_some() {
            break;
        }
    }
    if let Some(start) = start {
        let upgraded = pop3.start_tls(start, Ok::<_, Infallible>);
        see(upgraded.is_ok_and(|mut pop3| {
            pop3.close();
            pop3.server().is_tls()
        }));
    }
    Ok(())
}

static SERVER: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Opportunistic).with_limits(LIMITS);

type Listed<'l, 'd> = &'l mut [MessageInfo<UniqueId<'d>>];

fn answer<'l, 'd>(
    event: Event<'_>,
    mut responder: Responder<'_, Listed<'l, 'd>, &'static ServerConfig<'static>>,
    listed: &mut Option<Listed<'l, 'd>>,
) -> Result<(), AnswerError> {
    match event {
        Event::Greet(greet) => responder.greet(greet, const { Text::from_static("ready") }),
        Event::User(user, _) => responder.accept_name(user),
        Event::Login(login, credentials) => match listed.take() {
            Some(listed) => responder.accept(login, listed),
            None => responder.decline(Event::Login(login, credentials)),
        },
        Event::Commit(commit) => responder.removed(commit),
        other => responder.decline(other),
    }
}

//! Both connections, over arrays.

use crate::see;
use core::hint::black_box;
use core::time::Duration;
use pop3_proto::server::{self, Credentials, Event, MessageInfo, Refusal};
use pop3_proto::{
    Base64, ClientConnection, Command, Limits, Mechanism, RecvBuf, ResponseCode, ServerConnection, Storage,
    Text, TlsPolicy, UniqueId, client,
};

const LIMITS: Limits = Limits::DEFAULT.with_sasl_line(512);

pub(crate) fn both(data: &[u8]) {
    the_client(data);
    the_server(data);
}

fn give<B: Storage>(recv: &mut RecvBuf<B>, data: &[u8]) {
    let mut count = 0;
    recv.spare_mut().iter_mut().zip(data).for_each(|(to, byte)| {
        *to = *byte;
        count += 1;
    });
    recv.received(count);
    if black_box(false) {
        recv.consume(black_box(1));
        recv.received_eof();
    }
    see((recv.unread(), recv.is_eof()));
}

#[inline(never)]
fn the_client(data: &[u8]) {
    let config = client::ClientConfig::new(black_box(TlsPolicy::Opportunistic))
        .assume_pipelining()
        .with_limits(LIMITS);
    let Ok(mut pop3) = ClientConnection::with_buffers(config, 1, [0; 1024], [0; 512]) else { return };
    for now in 0..black_box(9) {
        give(pop3.recv_buf(), data);
        if let Ok(command) = Command::parse(data) {
            see(pop3.sender().send(command).is_ok());
        }
        see((
            pop3.is_ready(),
            pop3.is_waiting(),
            pop3.is_closed(),
            pop3.wants_write(),
            pop3.in_flight().next(),
        ));
        let mut start = None;
        match pop3.poll() {
            Ok(Some((client::Event::Challenge(step, _), mut sender))) => {
                let response = Base64::new(data).unwrap_or(Base64::EMPTY);
                see(sender.respond(step, response).is_ok());
            }
            Ok(Some((client::Event::MalformedChallenge(step, _), mut sender))) => {
                see(sender.cancel(step).is_ok())
            }
            Ok(Some((client::Event::AuthAccepted(done, _), mut sender))) => {
                see(sender.verified(done).is_ok())
            }
            Ok(Some((client::Event::StartTls(token), _))) => start = Some(token),
            Ok(Some((event, mut sender))) => {
                see((event, sender.send(Command::Noop).is_ok()));
                if black_box(false) {
                    sender.close();
                }
            }
            other => see(other.is_ok()),
        }
        if let Some(start) = start {
            see(pop3.tls_started(start).is_ok());
        }
        see((pop3.tick(Duration::from_millis(now)), pop3.client().deletions()));
        see(pop3.send_buf().pending());
        pop3.send_buf().sent(black_box(9));
        pop3.shrink();
    }
    pop3.close();
}

static CONFIG: server::ServerConfig<'_> = server::ServerConfig::new(TlsPolicy::Opportunistic)
    .with_sasl_cleartext(&[Mechanism::PLAIN])
    .with_other_commands()
    .with_limits(LIMITS);

#[inline(never)]
fn the_server(data: &[u8]) {
    let Ok(id) = UniqueId::new(data) else { return };
    let mut slots = [MessageInfo::new(black_box(120), id), MessageInfo::new(black_box(200), id)];
    let mut slots = Some(slots.as_mut_slice());
    let pop3 = ServerConnection::<&mut [MessageInfo<UniqueId<'_>>], _>::with_buffers(
        &CONFIG, 1, [0; 1024], [0; 1024],
    );
    let Ok(mut pop3) = pop3 else { return };
    for now in 0..black_box(9) {
        give(pop3.recv_buf(), data);
        see((pop3.is_ready(), pop3.wants_read(), pop3.wants_write(), pop3.wants_answer(), pop3.is_closed()));
        let (text, refusal) = (Text::new(data).unwrap_or_default(), black_box(Refusal::Temporary));
        let mut start = None;
        match pop3.poll() {
            Ok(Some((event, mut responder))) if black_box(false) => see(responder.decline(event).is_ok()),
            Ok(Some((Event::Greet(token), mut responder))) => see(responder.greet(token, text).is_ok()),
            Ok(Some((Event::User(token, _), mut responder))) => see(responder.accept_name(token).is_ok()),
            Ok(Some((Event::Login(token, Credentials::Sasl { .. }), mut responder))) => {
                see(responder.challenge(token, Base64::new(data).unwrap_or(Base64::EMPTY)).is_ok());
            }
            Ok(Some((Event::Login(token, Credentials::Apop { .. }), mut responder))) => {
                if let Ok(code) = ResponseCode::new(data) {
                    see(responder.refuse_with_code(token, code).is_ok());
                }
            }
            Ok(Some((Event::Login(token, _), mut responder))) => match slots.take() {
                Some(slots) => see(responder.accept(token, slots).is_ok()),
                None => see(responder.refuse(token, refusal).is_ok()),
            },
            Ok(Some((Event::Fetch(token), mut responder))) => see(responder.send_body(token).is_ok()),
            Ok(Some((Event::Body, mut responder))) => {
                let mut slice = data;
                see((responder.write_body(data).is_ok(), responder.body_slice(&mut slice).is_ok()));
                responder.body_sent(data.len());
                see((responder.wants_body(), responder.finish_body().is_ok()));
            }
            Ok(Some((Event::Commit(token), mut responder))) => {
                see(responder.marked().next());
                see(responder.removed(token).is_ok());
            }
            Ok(Some((Event::Other(token, ..), mut responder))) => see(responder.other(token, text).is_ok()),
            Ok(Some((Event::StartTls(token), _))) => start = Some(token),
            other => see(other.is_ok()),
        }
        if let Some(start) = start {
            see(pop3.tls_started(start).is_ok());
        }
        see((pop3.tick(Duration::from_millis(now)), pop3.server().state()));
        see(pop3.send_buf().pending());
        pop3.send_buf().sent(black_box(9));
        pop3.shrink();
    }
    pop3.close();
}

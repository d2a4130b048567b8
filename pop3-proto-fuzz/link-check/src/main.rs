//! Links only if no panic and no heap is reachable from the crate, because both need symbols that nothing
//! defines.
//!
//! The panic handler calls `a_panic_is_reachable`, and there is no allocator. The program drives the parsers, the
//! encoders and both machines with bytes that are opaque to the compiler, so the compiler cannot remove any path.
//!
//! With feature `alloc` there is an allocator, and exhausted memory panics. That build links, and `.ci/panic-callers` lists the functions
//! that panic, all of which must belong to the heap. If another build does not link, the same script with `panics_link` names the functions
//! to look at.
#![no_std]
#![no_main]

mod adapter;
mod connections;
mod login;

use core::hint::black_box;
use core::time::Duration;
use pop3_proto::server::{self, Ask, Credentials, Language, MessageInfo, Phrase, Refusal, Step, Utf8};
use pop3_proto::{
    ApopTimestamp, Base64, Capability, Client, Command, Decoded, DropListing, Expire, Input, LanguageListing,
    LanguageTag, Limits, LineEnding, Mechanism, OctetCount, Piece, RecvBuf, Response, ResponseCode,
    ScanListing, Secret, SendBuf, Server, Stuff, StuffMode, Text, TlsPolicy, UniqueId, UniqueIdListing,
    Unstuff, Verb, client, tap,
};

#[cfg(feature = "alloc")]
mod heap;

#[link(name = "c")]
unsafe extern "C" {
    #[cfg(not(feature = "panics_link"))]
    safe fn a_panic_is_reachable() -> !;
}

#[cfg(feature = "panics_link")]
#[unsafe(no_mangle)]
extern "C" fn a_panic_is_reachable() -> ! {
    loop {}
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    a_panic_is_reachable()
}

/// The start-up files of a C program call this.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 {
    let data: &[u8] = black_box(b"+OK\r\n");
    codec(data);
    bodies(data);
    the_client(data);
    the_server(data);
    connections::both(data);
    login::log_in(data);
    adapter::both(data);
    the_tap(data);
    the_monitor(data);
    #[cfg(feature = "apop")]
    apop(data);
    #[cfg(feature = "sasl")]
    sasl(data);
    #[cfg(feature = "alloc")]
    {
        heap::buffers(data);
        heap::a_maildrop(data);
    }
    #[cfg(feature = "test-util")]
    heap::scripts(data);
    #[cfg(feature = "reachable_panic")]
    see(Command::parse(data).unwrap());
    #[cfg(feature = "reachable_heap")]
    see(pop3_proto::SendBuf::new(vec![]).put(&[data]).is_ok());
    0
}

#[cfg(feature = "reachable_heap")]
use pop3_proto::Sink;

/// Uses a value, so the code that made it cannot be removed.
fn see<T>(value: T) {
    let _ = black_box(value);
}

#[inline(never)]
fn codec(data: &[u8]) {
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    let limits = Limits::DEFAULT.with_command_line(black_box(255));
    if let Decoded::Complete { value, .. } = Command::decode(data, &limits) {
        see(value.encode(&mut out).is_ok());
        see((value.encoded_len(), value.verb(), value.message(), value == value));
    }
    see(Command::parse(data).is_ok());
    let verb = black_box(Some(Verb::Auth));
    if let Decoded::Complete { value, .. } = Response::decode(data, verb, &limits) {
        see(value.encode(&mut out).is_ok());
        if let Response::Err(status) = value {
            see(status.code().map(|code| code.retry()));
        }
    }
    if let Ok(value) = Capability::parse(data) {
        see(value.encode(&mut out).is_ok());
        if let Capability::Sasl(mechanisms) = value {
            mechanisms.iter().for_each(|mechanism| see(mechanism));
        }
    }
    see((DropListing::parse(data), ScanListing::parse(data), UniqueIdListing::parse(data)));
    see((LanguageListing::parse(data).is_ok(), ApopTimestamp::find(data)));
    see((
        Base64::new(data),
        Text::new(data),
        UniqueId::new(data),
        Mechanism::new(data),
        Secret::new(data).is_ok(),
    ));
    out.sent(black_box(1));
    see(out.pending());
}

#[inline(never)]
fn bodies(data: &[u8]) {
    let mut unstuff = Unstuff::new(black_box(LineEnding::Lf));
    let mut input = data;
    while let Some(piece) = unstuff.next(&mut input) {
        if let Piece::Data(octets) = piece {
            see(octets);
        }
    }
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut stuff = Stuff::new(black_box(StuffMode::Convert));
    see(stuff.copy(data, &mut out).is_ok());
    let mut input = data;
    while let Ok(Some(slice)) = stuff.next(&mut input) {
        see(slice);
    }
    see((stuff.finish(), stuff.octets(), OctetCount::of(data)));
    let mut count = OctetCount::new();
    count.add(data);
    see(count.finish());
}

#[inline(never)]
fn the_client(data: &[u8]) {
    let config = client::ClientConfig::new(black_box(TlsPolicy::Opportunistic)).assume_pipelining();
    let mut client = Client::new(config, 1);
    let mut recv = RecvBuf::new([0; 1024]);
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    for now in 0..black_box(9) {
        let spare = recv.spare_mut();
        spare.iter_mut().zip(data).for_each(|(to, octet)| *to = *octet);
        recv.received(data.len());
        if let Ok(command) = Command::parse(data) {
            see(client.send(&command, &mut out).is_ok());
        }
        see(client.needs_input(recv.unread(), black_box(false)));
        let event = recv.with(|input| client.poll(input));
        if let Ok(Some(event)) = &event {
            see((event.ticket(), event.completes()));
        }
        match event {
            Ok(Some(client::Event::Challenge(step, _))) => {
                let response = Base64::new(data).unwrap_or(Base64::EMPTY);
                if let Err(unanswered) = client.respond(step, response, &mut out) {
                    see(client.cancel(unanswered.token, &mut out).is_ok());
                }
            }
            Ok(Some(client::Event::AuthAccepted(done, _))) => see(client.verified(done).is_ok()),
            Ok(Some(client::Event::StartTls(start))) => {
                see(client.tls_started(start, Input::more(data)).is_ok());
            }
            other => see(other),
        }
        see((client.tick(Duration::from_millis(now)), client.deletions(), client.min_recv_buf()));
        out.sent(black_box(9));
    }
    see((client.quirks(), *client.capabilities()));
}

static CONFIG: server::ServerConfig<'_> = server::ServerConfig::new(TlsPolicy::Opportunistic)
    .with_sasl(&[Mechanism::PLAIN])
    .with_sasl_cleartext(&[Mechanism::LOGIN, Mechanism::OAUTHBEARER])
    .with_utf8(Utf8::MessagesAndUsers)
    .with_languages(&[
        Language::ENGLISH,
        Language {
            tag: LanguageTag::from_static("de"),
            name: Text::from_static("Deutsch"),
            say: &Phrase::english,
        },
    ])
    .with_login_delay(60, true)
    .with_expire(Expire::Days(9), true)
    .with_other_commands();

#[inline(never)]
fn the_server(data: &[u8]) {
    let Ok(id) = UniqueId::new(data) else { return };
    let mut slots = [MessageInfo::new(black_box(120), id), MessageInfo::new(black_box(200), id)];
    let mut slots = Some(slots.as_mut_slice());
    let mut server: Server<&mut [MessageInfo<UniqueId<'_>>]> = Server::new(black_box(&CONFIG), black_box(1));
    let mut recv = RecvBuf::new([0; 1024]);
    let mut buffer = [0; 512];
    let mut out = SendBuf::new(&mut buffer[..]);
    for now in 0..black_box(9) {
        let spare = recv.spare_mut();
        spare.iter_mut().zip(data).for_each(|(to, octet)| *to = *octet);
        recv.received(data.len());
        let step = recv.with(|input| server.poll(input, &mut out));
        let refuses = black_box(false);
        let refusal = black_box(Refusal::Temporary);
        match step {
            Ok(Step::Ask(Ask::Greet(token))) if refuses => see(server.refuse(token, refusal).is_ok()),
            Ok(Step::Ask(Ask::Greet(token))) => {
                let text = Text::new(data).unwrap_or_default();
                see(server.greet(token, text, &mut out).is_ok());
            }
            Ok(Step::Ask(Ask::User(token, _))) if refuses => see(server.refuse(token, refusal).is_ok()),
            Ok(Step::Ask(Ask::User(token, _))) => see(server.accept_name(token).is_ok()),
            Ok(Step::Ask(Ask::Login(token, Credentials::Password(_)))) if refuses => {
                if let Ok(code) = ResponseCode::new(data) {
                    see(server.refuse_with_code(token, code, &mut out).is_ok());
                }
            }
            Ok(Step::Ask(Ask::Login(token, _))) if refuses => see(server.refuse(token, refusal).is_ok()),
            Ok(Step::Ask(Ask::Login(token, Credentials::Sasl { .. }))) => {
                let challenge = Base64::new(data).unwrap_or(Base64::EMPTY);
                see(server.challenge(token, challenge, &mut out).is_ok());
            }
            Ok(Step::Ask(Ask::Login(token, _))) => {
                if let Some(slots) = slots.take() {
                    see(server.accept(token, slots).is_ok());
                }
            }
            Ok(Step::Ask(Ask::Fetch(token))) if refuses => see(server.refuse(token, refusal).is_ok()),
            Ok(Step::Ask(Ask::Fetch(token))) => see(server.send_body(token).is_ok()),
            Ok(Step::Ask(Ask::Commit(token))) if refuses => see(server.not_removed(token, refusal).is_ok()),
            Ok(Step::Ask(Ask::Commit(token))) => see(server.removed(token).is_ok()),
            Ok(Step::Ask(Ask::StartTls(token))) => {
                see(server.tls_started(token, Input::more(data)).is_ok());
            }
            Ok(Step::Ask(Ask::Other(token, ..))) => {
                let text = Text::new(data).unwrap_or_default();
                see(server.other(token, text, &mut out).is_ok());
            }
            Ok(Step::NeedBody) => {
                see(server.write_body(data, &mut out).is_ok());
                let mut chunk = data;
                see(server.body_slice(&mut chunk).is_ok());
                server.body_sent(data.len(), &out);
                see((server.wants_body(), server.finish_body().is_ok()));
            }
            other => see(other.is_ok()),
        }
        see((server.tick(Duration::from_millis(now)), server.min_recv_buf(), server.state()));
        out.sent(black_box(9));
    }
    server.close();
    see(black_box(&CONFIG).check().is_ok());
    see(server.into_maildrop().is_some());
}

#[inline(never)]
fn the_tap(data: &[u8]) {
    let mut tap = tap::Tap::new(Limits::DEFAULT.with_sasl_line(black_box(64)));
    if black_box(false) {
        tap = tap::Tap::joined_late(Limits::DEFAULT);
    }
    if black_box(false) {
        tap = tap::Tap::one_sided(Limits::DEFAULT);
    }
    let (mut client, mut server) = (Input::more(data), Input::more(data));
    for _ in 0..black_box(9) {
        let seen = tap.client(&mut client);
        #[cfg(feature = "sasl")]
        see(seen.as_ref().map(|seen| tap.user_name(seen, &mut [0; 64]).is_some()));
        see(seen);
        see(tap.server(&mut server));
        match black_box(0) {
            0 => tap.gap(tap::Side::Client),
            1 => tap.gap(tap::Side::Server),
            2 => tap.tls_started(),
            _ => see((tap.state(), tap.min_recv_buf())),
        }
    }
}

#[inline(never)]
fn the_monitor(data: &[u8]) {
    use tap::{Monitor, Side};
    see(tap::probe(data, data));
    let mut monitor = Monitor::new(Limits::DEFAULT.with_sasl_line(black_box(64)));
    let mut input = Input::more(data);
    for _ in 0..black_box(9) {
        see(monitor.next(black_box(Side::Server), &mut input));
        see((monitor.needed(&input), monitor.offset(black_box(Side::Client)), monitor.tap().state()));
        match black_box(0) {
            0 => monitor.gap(Side::Server, black_box(None)),
            1 => monitor.tls_started(),
            _ => monitor.end(),
        }
    }
}

#[cfg(feature = "apop")]
#[inline(never)]
fn apop(data: &[u8]) {
    let (Some(timestamp), Ok(secret)) = (ApopTimestamp::find(data), Secret::new(data)) else { return };
    let digest = pop3_proto::apop::digest(timestamp, secret);
    see(pop3_proto::apop::verify(timestamp, secret, &digest));
}

#[cfg(feature = "sasl")]
#[inline(never)]
fn sasl(data: &[u8]) {
    use pop3_proto::sasl::{self, Bearer, Message, Plain, SaslError};

    fn written(message: Result<Message<'_>, SaslError>) {
        let mut buffer = [0; 512];
        if let Ok(message) = message {
            see(message.encode_into(&mut buffer).is_ok());
            see(message.put(const { Text::from_static("+ ") }, &mut SendBuf::new(&mut buffer[..])).is_ok());
        }
    }

    let (Ok(text), Ok(secret)) = (Text::new(data), Secret::new(data)) else { return };
    let (port, host) = (black_box(Some(110)), black_box(Some(text)));
    written(sasl::plain(text, text, secret));
    written(sasl::anonymous(text));
    written(sasl::external(text));
    written(sasl::oauthbearer(text, host, port, secret));
    written(sasl::xoauth2(text, secret));
    written(Ok(sasl::login_password(secret)));
    written(sasl::login_name(text));
    if let Ok(json) = core::str::from_utf8(data) {
        written(sasl::oauth_error(json, Some(json), Some(json)));
    }
    let mut buffer = [0; 512];
    see(sasl::encode(data, &mut buffer).is_ok());
    let Ok(encoded) = Base64::new(data) else { return };
    let Ok(message) = sasl::decode(encoded, &mut buffer) else { return };
    see((Plain::parse(message).is_ok(), sasl::parse_external(message).is_ok()));
    see(sasl::parse_anonymous(message).is_ok());
    see(Bearer::parse_xoauth2(message).is_ok());
    see(Bearer::parse_oauthbearer(message).is_ok());
}

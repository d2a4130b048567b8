//! Law 3: over arrays, a whole session of both connections allocates nothing.

use super::{command, give};
use crate::counting::allocations;
use pop3_proto::client::{self, Event};
use pop3_proto::server::{self, CloseReason, MessageInfo};
use pop3_proto::{
    ClientConnection, Limits, MIN_SEND_BUF, OctetCount, RecvBuf, SendBuf, ServerConnection, Storage, Text,
    TlsPolicy, UniqueId,
};

static CONFIG: server::ServerConfig<'_> = server::ServerConfig::new(TlsPolicy::Cleartext);
const MESSAGE: &[u8] = b"Subject: x\n\n.one\ntwo\n";

/// Moves the pending bytes, as far as there is room.
fn carry<A: Storage, B: Storage>(from: &mut SendBuf<A>, to: &mut RecvBuf<B>) {
    let count = give(to, from.pending());
    from.sent(count);
}

/// Returns how the session ended on either side, and how many message bytes arrived.
fn session(infos: &mut [MessageInfo<UniqueId<'static>>]) -> (Option<CloseReason>, bool, usize) {
    let config =
        client::ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(512));
    let mut client = ClientConnection::with_buffers(&config, 1, [0; 1024], [0; MIN_SEND_BUF]).unwrap();
    let mut server: ServerConnection<&mut [MessageInfo<UniqueId<'static>>], [u8; 512], [u8; MIN_SEND_BUF]> =
        ServerConnection::with_buffers(&CONFIG, 1, [0; 512], [0; MIN_SEND_BUF]).unwrap();
    let (mut infos, mut left, mut why, mut quit, mut came) = (Some(infos), MESSAGE, None, false, 0);
    let mut lines = ["USER mrose", "PASS secret", "LIST", "UIDL", "RETR 1", "DELE 1", "QUIT"].into_iter();
    while !(client.is_closed() && server.is_closed()) {
        while let Some((event, mut sender)) = client.poll().unwrap() {
            if let Event::Body(_, octets) = event {
                came += octets.len();
            }
            if let Event::Closed(closed) = event {
                quit = closed.answer.is_some();
            } else if event.completes() || matches!(event, Event::Greeting(_)) {
                sender.send(command(lines.next().unwrap())).unwrap();
            }
        }
        while let Some((event, mut responder)) = server.poll().unwrap() {
            match event {
                server::Event::Greet(token) => responder.greet(token, Text::from_static("ready")).unwrap(),
                server::Event::User(token, _) => responder.accept_name(token).unwrap(),
                server::Event::Login(token, _) => responder.accept(token, infos.take().unwrap()).unwrap(),
                server::Event::Fetch(token) => {
                    left = MESSAGE;
                    responder.send_body(token).unwrap();
                }
                server::Event::Body if left.is_empty() => drop(responder.finish_body().unwrap()),
                server::Event::Body => left = &left[responder.write_body(left).unwrap()..],
                server::Event::Commit(token) => responder.removed(token).unwrap(),
                server::Event::Closed(reason) => why = Some(reason),
                other => responder.decline(other).unwrap(),
            }
        }
        carry(client.send_buf(), server.recv_buf());
        carry(server.send_buf(), client.recv_buf());
    }
    (why, quit, came)
}

#[test]
fn law_3_connections_over_arrays_allocate_nothing() {
    let mut infos = [MessageInfo::new(OctetCount::of(MESSAGE), UniqueId::new(b"a-1").unwrap())];
    let mut outcome = None;
    assert_eq!(allocations(|| outcome = Some(session(&mut infos))), 0);
    assert_eq!(outcome, Some((Some(CloseReason::Quit), true, OctetCount::of(MESSAGE) as usize)));
    assert!(infos[0].is_marked());
}

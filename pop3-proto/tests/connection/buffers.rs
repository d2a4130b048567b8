//! The memory of a connection: its least size, its growth, its end of stream.

use super::{CONFIG, Mail, command, give, hear, logged_in, mail};
use pop3_proto::client::{ClientConfig, Event};
use pop3_proto::{
    BufferTooSmall, ClientConnection, Command, ConnectionError, Limits, MIN_SEND_BUF, Mechanism, RecvBuf,
    ServerConnection, Sink, Storage, TlsPolicy, server,
};

fn client(recv: usize, send: usize) -> Result<ClientConnection<Box<[u8]>>, BufferTooSmall> {
    let limits = Limits::DEFAULT.with_sasl_line(700).with_status_line(900);
    let config = ClientConfig::new(TlsPolicy::Cleartext).with_limits(limits);
    ClientConnection::with_buffers(
        config,
        1,
        vec![0; recv].into_boxed_slice(),
        vec![0; send].into_boxed_slice(),
    )
}

static WITH_AUTH: server::ServerConfig<'_> = server::ServerConfig::new(TlsPolicy::Implicit)
    .with_sasl(&[Mechanism::PLAIN])
    .with_limits(Limits::DEFAULT.with_sasl_line(700));

#[test]
fn buffers_that_are_too_small_are_refused() {
    assert!(client(900, 700).is_ok());
    let refused = |recv, send| client(recv, send).map(drop).unwrap_err();
    let error = refused(899, 700);
    assert_eq!((error.is_recv, error.needed, error.given), (true, 900, 899));
    let error = refused(900, 699);
    assert_eq!((error.is_recv, error.needed, error.given), (false, 700, 699));
    assert_eq!(
        error.to_string(),
        "send buffer of 699 bytes is too small: give it at least 700, or lower a limit"
    );

    type Pop3<'c> = ServerConnection<Mail, Box<[u8]>, Box<[u8]>, &'c server::ServerConfig<'static>>;
    for (config, least_recv, least_send) in [(&WITH_AUTH, 700, 700), (&CONFIG, 255, MIN_SEND_BUF)] {
        let new = |recv, send| {
            let (recv, send) = (vec![0; recv].into_boxed_slice(), vec![0; send].into_boxed_slice());
            Pop3::with_buffers(config, 1, recv, send).map(drop)
        };
        assert!(new(least_recv, least_send).is_ok());
        assert_eq!(new(least_recv - 1, least_send).map_err(|error| error.needed), Err(least_recv));
        assert_eq!(new(least_recv, least_send - 1).map_err(|error| error.needed), Err(least_send));
    }
}

#[test]
fn no_limit_makes_a_send_buffer_smaller_than_a_line() {
    let limits = Limits::DEFAULT.with_sasl_line(64).with_command_line(64);
    assert_eq!(ClientConfig::new(TlsPolicy::Implicit).with_limits(limits).min_send_buf(), MIN_SEND_BUF);
    let limits = Limits::DEFAULT.with_sasl_line(64).with_command_line(2000);
    assert_eq!(ClientConfig::new(TlsPolicy::Implicit).with_limits(limits).min_send_buf(), 2000);
}

#[test]
fn a_send_buffer_that_grows_has_room_for_the_longest_line() {
    let limits = Limits::DEFAULT.with_command_line(20_000);
    let mut pop3 = ClientConnection::new(ClientConfig::new(TlsPolicy::Cleartext).with_limits(limits), 1);
    assert_eq!(pop3.send_buf().capacity(), 20_000);
}

/// A storage that counts how often it may free its memory and must grow.
struct Counted {
    bytes: Vec<u8>,
    freed: usize,
    grown: usize,
}

impl Counted {
    fn new() -> Self {
        Counted { bytes: vec![0; 16 * 1024], freed: 0, grown: 0 }
    }
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for Counted {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Storage for Counted {
    fn grow(&mut self, _length: usize) {
        self.grown += 1;
    }

    fn shrink(&mut self) {
        self.freed += 1;
    }
}

#[test]
fn an_idle_connection_frees_both_buffers() {
    let (mut recv, mut send) = (Counted::new(), Counted::new());
    let config = ClientConfig::new(TlsPolicy::Cleartext);
    let mut pop3 = ClientConnection::with_buffers(config, 1, &mut recv, &mut send).unwrap();
    pop3.recv_buf().spare_mut();
    pop3.shrink();
    assert_eq!((recv.freed, recv.grown, send.freed), (1, 1, 1));

    let (mut recv, mut send) = (Counted::new(), Counted::new());
    let pop3 = ServerConnection::<Mail, _, _, _>::with_buffers(&CONFIG, 1, &mut recv, &mut send);
    pop3.unwrap().shrink();
    assert_eq!((recv.freed, send.freed), (1, 1));
}

/// A stream that a signal interrupts once, and that then has a line or breaks.
struct Interrupted(Vec<std::io::Result<&'static [u8]>>);

impl std::io::Read for Interrupted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let line = self.0.remove(0)?;
        buffer[..line.len()].copy_from_slice(line);
        Ok(line.len())
    }
}

#[test]
fn an_interrupted_read_is_tried_again_and_other_errors_are_returned() {
    let fail = |kind: std::io::ErrorKind| Err(kind.into());
    let mut stream = Interrupted(vec![fail(std::io::ErrorKind::Interrupted), Ok(b"+OK\r\n")]);
    let mut pop3 = client(900, 700).unwrap();
    assert_eq!(pop3.read_from(&mut stream).unwrap(), 5);
    assert!(matches!(pop3.poll(), Ok(Some((Event::Greeting(_), _)))));
    let error = pop3.read_from(&mut stream).unwrap_err();
    assert!(error.to_string().starts_with("no data is expected"), "{error}");
    let mut stream = Interrupted(vec![fail(std::io::ErrorKind::BrokenPipe), Ok(b"+OK\r\n")]);
    let error = client(900, 700).unwrap().read_from(&mut stream).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn a_stream_that_takes_no_bytes_is_an_error_and_the_rest_stays_pending() {
    let mut pop3 = client(900, 700).unwrap();
    give(pop3.recv_buf(), b"+OK\r\n");
    pop3.poll().unwrap();
    pop3.sender().send(Command::Quit).unwrap();
    let mut room = [0; 4];
    let error = pop3.write_to(&mut &mut room[..]).unwrap_err();
    assert_eq!((error.kind(), &room), (std::io::ErrorKind::WriteZero, b"QUIT"));
    assert_eq!(pop3.pending(), b"\r\n");
}

#[test]
fn a_receive_buffer_grows_to_its_limit_also_after_its_memory_was_freed() {
    let mut recv = RecvBuf::with_limit(Vec::new(), 100);
    for _ in 0..2 {
        assert_eq!(recv.spare_mut().len(), 100);
        give(&mut recv, b"+OK\r\n");
        recv.shrink();
        assert_eq!(recv.unread(), b"+OK\r\n", "unread bytes stay");
        recv.consume(5);
        recv.shrink();
    }
    assert!(recv.into_storage().is_empty());

    let mut fixed = RecvBuf::new([0; 8]);
    fixed.shrink();
    assert_eq!(fixed.spare_mut().len(), 8, "an array stays");
}

#[test]
fn a_read_of_zero_bytes_is_the_end_only_if_there_was_room() {
    let mut pop3 = client(900, 700).unwrap();
    // Nobody polls, so the buffer fills up.
    assert_eq!(give(pop3.recv_buf(), &[b'x'; 2000]), 900);
    assert!(pop3.recv_buf().spare_mut().is_empty());
    pop3.recv_buf().received(0);
    assert!(!pop3.recv_buf().is_eof());
    pop3.recv_buf().consume(100);
    assert_eq!(pop3.recv_buf().spare_mut().len(), 100);
    pop3.recv_buf().received(0);
    assert!(pop3.recv_buf().is_eof());

    let mut pop3 = client(900, 700).unwrap();
    pop3.recv_buf().received_eof();
    assert_eq!(pop3.poll().unwrap_err(), ConnectionError::UnexpectedEof);
}

#[test]
fn a_line_of_the_longest_length_fits_and_a_longer_one_is_fatal() {
    let mut pop3 = client(900, 700).unwrap();
    let line = ["+OK ", &"x".repeat(894), "\r\n"].concat();
    for part in line.as_bytes().chunks(7) {
        assert!(pop3.poll().unwrap().is_none() && pop3.is_waiting());
        assert_eq!(give(pop3.recv_buf(), part), part.len());
    }
    assert!(matches!(pop3.poll(), Ok(Some((Event::Greeting(_), _)))));

    let mut pop3 = client(900, 700).unwrap();
    assert_eq!(give(pop3.recv_buf(), &[b'x'; 901]), 900);
    assert!(pop3.poll().is_err());
}

#[test]
fn a_vec_grows_up_to_a_bound_and_shrinks_when_idle() {
    let mut pop3 = ClientConnection::new(ClientConfig::new(TlsPolicy::Cleartext), 1);
    let mut received = 0;
    while let count @ 1.. = give(pop3.recv_buf(), &[b'x'; 1000]) {
        received += count;
    }
    assert!((12_288..40_000).contains(&received), "{received}");

    let mut pop3: ServerConnection<Mail, Vec<u8>> =
        ServerConnection::with_buffers(&CONFIG, 1, Vec::new(), Vec::new()).unwrap();
    let mut received = 0;
    while let count @ 1.. = give(pop3.recv_buf(), &[b'x'; 1000]) {
        received += count;
    }
    assert!((255..5000).contains(&received), "{received}");

    let mut pop3 = logged_in();
    assert!(!pop3.recv_buf().spare_mut().is_empty());
    pop3.shrink();
    hear_idle(&mut pop3);
    pop3.sender().send(command("NOOP")).unwrap();
    pop3.shrink();
    assert_eq!(pop3.send_buf().pending(), b"NOOP\r\n", "pending bytes stay");
    hear(&mut pop3, "+OK\r\n");
}

/// Completes a NOOP, to show that the session works after its memory was freed.
fn hear_idle(pop3: &mut super::Pop3Client) {
    pop3.sender().send(Command::Noop).unwrap();
    hear(pop3, "+OK\r\n");
    pop3.send_buf().clear();
}

#[test]
fn a_sink_over_a_vec_has_a_bound() {
    use pop3_proto::Sink;
    let mut pop3: ServerConnection<Mail, Vec<u8>> =
        ServerConnection::with_buffers(&CONFIG, 1, Vec::new(), Vec::new()).unwrap();
    assert_eq!(pop3.send_buf().capacity(), 16 * 1024);
    let full = pop3.send_buf().put(&[&[0; 16 * 1024 + 1]]).unwrap_err();
    assert!(full.never_fits());
    let mut pop3: ServerConnection<Mail, Vec<u8>> =
        ServerConnection::with_buffers(&CONFIG, 1, Vec::new(), vec![0; 30_000]).unwrap();
    assert_eq!(pop3.send_buf().capacity(), 30_000);
}

/// Claims a large limit, and then does not grow.
struct Liar([u8; 600]);

impl AsRef<[u8]> for Liar {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Liar {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Storage for Liar {
    fn limit(&self) -> usize {
        100_000
    }
}

#[test]
fn law_6_a_storage_that_breaks_its_word_ends_in_an_error() {
    use pop3_proto::Sink;
    let limits = Limits::DEFAULT.with_sasl_line(5000);
    let config = ClientConfig::new(TlsPolicy::Cleartext).with_limits(limits);
    let mut pop3 = ClientConnection::with_buffers(config, 1, Liar([0; 600]), Liar([0; 600])).unwrap();
    give(pop3.recv_buf(), b"+OK\r\n");
    pop3.poll().unwrap().unwrap();
    pop3.send_buf().put(&[&[b'x'; 590]]).unwrap();
    assert!(pop3.send_buf().put(&[&[b'x'; 590]]).is_err());
    assert_eq!(pop3.send_buf().pending(), &[b'x'; 590], "law 4");
    pop3.send_buf().clear();
    assert_eq!(pop3.send_buf().capacity(), 600);
    pop3.sender().send(Command::Quit).unwrap();
    assert_eq!(pop3.send_buf().pending(), b"QUIT\r\n");
    assert_eq!(mail(5).len(), 1);
}

#[test]
fn sizes_are_as_documented() {
    // Each buffer takes a few words in addition to its storage.
    assert!(size_of::<ClientConnection<&mut [u8]>>() <= 448);
    assert!(size_of::<ServerConnection<&mut [u8], &mut [u8]>>() <= 480);
}

#[test]
fn received_and_pending_bytes_can_be_read_without_changing_them() {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    assert!(pop3.unread().is_empty() && pop3.pending().is_empty() && !pop3.is_eof());
    give(pop3.recv_buf(), b"+OK ready\r\n");
    assert_eq!(pop3.unread(), b"+OK ready\r\n");
    pop3.poll().unwrap().unwrap();
    pop3.sender().send(Command::Quit).unwrap();
    assert_eq!((pop3.unread(), pop3.pending()), (&b""[..], &b"QUIT\r\n"[..]));
    assert!(pop3.wants_write());
    pop3.recv_buf().received(0);
    assert!(pop3.is_eof());

    let mut pop3: ServerConnection<Mail, Vec<u8>> = ServerConnection::new(&CONFIG, 1);
    let Some((server::Event::Greet(greet), mut responder)) = pop3.poll().unwrap() else { panic!() };
    responder.greet(greet, pop3_proto::Text::from_static("ready")).unwrap();
    assert_eq!(pop3.pending(), b"+OK ready\r\n");
    pop3.send_buf().clear();
    // The question about the name is open, so the name keeps its place in the buffer while the next line is checked.
    give(pop3.recv_buf(), b"USER mrose\r\nPASS one\r\n");
    assert!(pop3.is_ready() && pop3.is_ready());
    assert_eq!(pop3.unread(), b"PASS one\r\n");
    let shown = format!("{:?}", pop3.poll().unwrap().unwrap().0);
    assert!(shown.contains("mrose"), "{shown}");
    assert!(!pop3.is_eof());
    pop3.recv_buf().received_eof();
    assert!(pop3.is_eof() && !pop3.unread().is_empty());
}

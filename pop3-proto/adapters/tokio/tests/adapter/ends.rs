//! How sessions and the server end, and how the adapter handles streams that do only part of their work.

use crate::sockets::{MESSAGE, Mail, serve};
use pop3_tokio::pop3_proto::client::{Deletions, Event, StartTls};
use pop3_tokio::pop3_proto::login::Way;
use pop3_tokio::pop3_proto::server::{self, CloseReason};
use pop3_tokio::pop3_proto::{
    AnswerError, Command, ConnectionError, OctetCount, ServerConfig, Text, Timer, TlsPolicy, UniqueId,
};
use pop3_tokio::{Connection, Error, Session, Shutdown};
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    DuplexStream, ReadBuf, duplex,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

static CONFIG: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Opportunistic);

#[tokio::test(start_paused = true)]
async fn finish_ends_the_stream_and_waits_until_the_client_closes() {
    for (closes_after, waits) in [(300, 300), (5000, 1000)] {
        let (mut client, server) = duplex(256);
        let served = tokio::spawn(async move {
            let mut pop3 = Session::new(server, &CONFIG);
            serve(&mut pop3, MESSAGE).await.unwrap();
            let began = Instant::now();
            pop3.finish().await.unwrap();
            began.elapsed().as_millis()
        });
        client.write_all(b"QUIT\r\n").await.unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).await.unwrap(); // to the end, which only `finish` brings
        assert_eq!(said.lines().count(), 2, "{said}");
        sleep(Duration::from_millis(closes_after)).await;
        drop(client);
        let took = served.await.unwrap();
        assert!((waits..waits + 100).contains(&took), "{took}");
    }
}

/// A stream that sends this, and takes `room` bytes. Then writes wait, or return 0.
struct Stuck {
    says: &'static [u8],
    room: usize,
    is_full: bool,
}

impl Stuck {
    fn new(says: &'static str, room: usize, is_full: bool) -> Self {
        Stuck { says: says.as_bytes(), room, is_full }
    }
}

impl AsyncRead for Stuck {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.says).poll_read(context, to)
    }
}

impl AsyncWrite for Stuck {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        let count = from.len().min(self.room);
        self.room -= count;
        if count > 0 || self.is_full { Poll::Ready(Ok(count)) } else { Poll::Pending }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_stream_that_takes_nothing_fails() {
    let mut pop3 = Connection::new(Stuck::new("+OK ready\r\n", 0, true), TlsPolicy::Cleartext);
    assert!(matches!(pop3.next().await, Ok(Some((Event::Greeting(_), _)))));
    pop3.sender().send(Command::Quit).unwrap();
    let failed = pop3.next().await.map(drop).unwrap_err();
    assert!(matches!(&failed, Error::Io(error) if error.kind() == ErrorKind::WriteZero), "{failed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_take_the_last_response_has_ten_seconds() {
    let stream = Stuck::new("QUIT\r\n", "+OK ready\r\n".len(), false);
    let began = Instant::now();
    let failed = serve(&mut Session::new(stream, &CONFIG), MESSAGE).await.map(drop).unwrap_err();
    assert!(matches!(failed, Error::Connection(ConnectionError::TimedOut(Timer::Output))), "{failed:?}");
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn apop_is_possible_after_the_greeting_was_read() {
    let (client, mut server) = duplex(256);
    let mut pop3 = Connection::new(client, TlsPolicy::Cleartext);
    server.write_all(b"+OK <1.2@host.example>\r\n").await.unwrap();
    assert!(matches!(pop3.next().await, Ok(Some((Event::Greeting(_), _)))));
    let (way, apop) = tokio::join!(pop3.log_in("mrose", "tanstaaf"), async {
        let mut lines = BufReader::new(server);
        let mut said = String::new();
        for response in ["-ERR\r\n", "+OK\r\n"] {
            said.clear();
            lines.read_line(&mut said).await.unwrap();
            lines.write_all(response.as_bytes()).await.unwrap();
        }
        said
    });
    assert_eq!(way.unwrap(), Way::Apop);
    assert_eq!(apop, "APOP mrose b50a9b7f2627ce0d45e0f6b637b86494\r\n");
}

#[tokio::test]
async fn a_connection_sends_small_commands_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pop3 = Connection::connect(listener.local_addr().unwrap(), TlsPolicy::Cleartext).await.unwrap();
    assert!(pop3.stream().nodelay().unwrap());
}

#[tokio::test]
async fn a_server_that_missed_a_question_does_not_wait() {
    let mut pop3 = Session::<_, Mail>::new(Stuck::new("QUIT\r\n", 99, false), &CONFIG);
    let Ok(Some((server::Event::Greet(greet), _))) = pop3.next().await else { panic!() };
    assert!(matches!(pop3.next().await, Err(Error::NothingDue)));
    pop3.responder().greet(greet, Text::from_static("ready")).unwrap(); // the session continues
    assert!(matches!(pop3.next().await, Ok(Some((server::Event::Closed(CloseReason::Quit), _)))));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_continues_after_tls() {
    const SHORT: Duration = Duration::from_secs(9);
    let (client, start) = asked_for_tls().await;
    let mut client = client.with_deadline(SHORT).start_tls(start, async |stream| Ok(stream)).await.unwrap();
    let mut server = Session::<_, Mail>::new(Stuck::new("STLS\r\n", 99, false), &CONFIG).with_deadline(SHORT);
    let start = serve(&mut server, MESSAGE).await.unwrap().unwrap();
    let mut server = server.start_tls(start, async |stream| Ok(stream)).await.unwrap();
    sleep(SHORT).await;
    client.sender().send(Command::Quit).unwrap();
    assert!(matches!(client.next().await, Err(Error::Deadline)));
    assert!(matches!(server.next().await, Err(Error::Deadline)));
}

/// Returns a client whose server waits for the handshake.
async fn asked_for_tls() -> (Connection<DuplexStream>, StartTls) {
    let (client, mut server) = duplex(256);
    let mut pop3 = Connection::new(client, TlsPolicy::Required);
    server.write_all(b"+OK\r\n").await.unwrap();
    let Ok(Some((Event::Greeting(_), mut sender))) = pop3.next().await else { panic!() };
    sender.send(Command::Stls).unwrap();
    let (start, ()) = tokio::join!(pop3.next(), async {
        server.read_exact(&mut [0; 6]).await.unwrap();
        server.write_all(b"+OK\r\n").await.unwrap();
    });
    let Ok(Some((Event::StartTls(start), _))) = start else { panic!() };
    (pop3, start)
}

#[tokio::test]
async fn law_4_a_token_of_another_connection_starts_no_handshake() {
    let no_handshake = async |_| -> io::Result<Stuck> { panic!("a handshake") };
    let (_other, start) = asked_for_tls().await;
    let client = Connection::new(Stuck::new("+OK\r\n", 99, false), TlsPolicy::Required);
    let failed = client.start_tls(start, no_handshake).await.map(drop).unwrap_err();
    assert!(matches!(failed, Error::Answer(AnswerError::OtherConnection)), "{failed:?}");

    let server = || Session::<_, Mail>::new(Stuck::new("STLS\r\n", 99, false), &CONFIG);
    let start = serve(&mut server(), MESSAGE).await.unwrap().unwrap();
    let failed = server().start_tls(start, no_handshake).await.map(drop).unwrap_err();
    assert!(matches!(failed, Error::Answer(AnswerError::OtherConnection)), "{failed:?}");
}

#[tokio::test]
async fn what_follows_a_login_is_handed_over() {
    let stream = Stuck::new("USER mrose\r\nPASS secret\r\nRETR 1\r\n", 999, false);
    let mut pop3 = Session::<_, Mail>::new(stream, &CONFIG);
    while let Some((event, mut responder)) = pop3.next().await.unwrap() {
        match event {
            server::Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")).unwrap(),
            server::Event::User(user, _) => responder.accept_name(user).unwrap(),
            server::Event::Login(login, _) => responder.hand_over(login).unwrap(),
            server::Event::Closed(why) => assert_eq!(why, CloseReason::HandedOver),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(pop3.into_parts().1, b"RETR 1\r\n");
}

/// Both sides have more to send than the pipe holds, and the server stops reading until its responses are
/// taken.
#[tokio::test(start_paused = true)]
async fn a_client_reads_while_it_cannot_write() {
    let (client, server) = duplex(16);
    let mut pop3 = Connection::new(client, TlsPolicy::Cleartext);
    let served =
        tokio::spawn(async move { serve(&mut Session::new(server, &CONFIG), MESSAGE).await.map(drop) });
    pop3.log_in("mrose", "tanstaaf").await.unwrap();
    let mut sent = 0;
    while pop3.sender().send(Command::Noop).is_ok() {
        sent += 1;
    }
    assert!(sent > 8, "{sent}");
    for _ in 0..sent {
        assert!(matches!(pop3.next().await.unwrap(), Some((Event::Ok(..), _))));
    }
    drop(pop3);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_can_be_closed_without_quit() {
    let mut pop3 = Connection::new(Stuck::new("+OK\r\n", 99, false), TlsPolicy::Cleartext);
    pop3.next().await.unwrap();
    pop3.close();
    let Ok(Some((Event::Closed(closed), _))) = pop3.next().await else { panic!() };
    assert_eq!(closed.deletions, Deletions::NoneAsked);
}

/// A stream that records the largest read and the largest write.
struct Noted(DuplexStream, [usize; 2]);

impl AsyncRead for Noted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1[0] = self.1[0].max(to.remaining());
        Pin::new(&mut self.0).poll_read(context, to)
    }
}

impl AsyncWrite for Noted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.1[1] = self.1[1].max(from.len());
        Pin::new(&mut self.0).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[tokio::test]
async fn the_sizes_of_reads_and_writes_can_be_set() {
    let (client, mut server) = duplex(64);
    server.write_all(b"+OK\r\n").await.unwrap();
    let mut pop3 = Connection::new(Noted(client, [0; 2]), TlsPolicy::Cleartext).with_read_size(100_000);
    pop3.next().await.unwrap();
    assert!(pop3.stream().1[0] >= 100_000, "{:?}", pop3.stream().1);

    let (mut client, server) = duplex(1 << 20);
    let mail = "x".repeat(98) + "\n";
    let mail: &'static [u8] = mail.repeat(3000).leak().as_bytes();
    let served = tokio::spawn(async move {
        let mut pop3 = Session::<_, Mail>::new(Noted(server, [0; 2]), &CONFIG).with_write_size(100_000);
        while let Some((event, mut responder)) = pop3.next().await.unwrap() {
            match event {
                server::Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")).unwrap(),
                server::Event::User(user, _) => responder.accept_name(user).unwrap(),
                server::Event::Login(login, _) => {
                    let id = UniqueId::new(b"1").unwrap();
                    let octets = OctetCount::of(mail);
                    responder.accept(login, vec![server::MessageInfo::new(octets, id)]).unwrap();
                }
                server::Event::Fetch(fetch) => _ = pop3.send_message(fetch, mail).await.unwrap(),
                other => responder.decline(other).unwrap(),
            }
        }
        pop3.stream().1[1]
    });
    client.write_all(b"USER mrose\r\nPASS tanstaaf\r\nRETR 1\r\nQUIT\r\n").await.unwrap();
    client.read_to_end(&mut Vec::new()).await.unwrap();
    let largest = served.await.unwrap();
    assert!(largest > 50_000 && largest <= 100_000, "{largest}");
}

const SOON: Duration = Duration::from_secs(10);

/// Runs a server of one session at a time.
async fn run<F: Future<Output = ()> + Send + 'static>(
    session: impl Fn(TcpStream, Shutdown) -> F + Send + 'static,
) -> (std::net::SocketAddr, Shutdown, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
    let grace = Duration::from_millis(200);
    (
        address,
        shutdown.clone(),
        tokio::spawn(async move { pop3_tokio::serve(listener, 1, grace, shutdown, session).await }),
    )
}

/// Returns whether the server sends something within this time.
async fn is_greeted(client: &mut TcpStream, within: Duration) -> bool {
    let mut line = String::new();
    timeout(within, BufReader::new(client).read_line(&mut line))
        .await
        .is_ok_and(|read| read.is_ok_and(|count| count > 0))
}

#[tokio::test]
async fn a_server_runs_no_more_sessions_than_it_may() {
    let (address, shutdown, server) = run(async |socket, _| {
        serve(&mut Session::new(socket, &CONFIG), MESSAGE).await.ok();
    })
    .await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    assert!(is_greeted(&mut first, SOON).await && !is_greeted(&mut second, Duration::from_millis(300)).await);
    drop(first);
    assert!(is_greeted(&mut second, SOON).await);
    shutdown.stop();
    server.await.unwrap();
}

#[tokio::test]
async fn a_response_that_is_being_written_is_completed_after_a_stop() {
    let (client, server) = duplex(8);
    let (shutdown, config) = (Shutdown::new(), &CONFIG);
    let mut pop3 = Session::new(server, config).with_shutdown(shutdown.clone());
    let served = tokio::spawn(async move { serve(&mut pop3, MESSAGE).await.map(drop) });
    let (mut from, mut to) = tokio::io::split(client);
    tokio::spawn(async move { to.write_all(b"USER mrose\r\nPASS tanstaaf\r\nRETR 1\r\n").await });
    let mut said = Vec::new();
    while !said.ends_with(b"octets\r\n") {
        said.push(from.read_u8().await.unwrap());
    }
    shutdown.stop();
    from.read_to_end(&mut said).await.unwrap();
    assert!(said.ends_with(b"\r\n.\r\n"), "{}", said.escape_ascii());
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_that_panics_makes_room_for_another() {
    let (address, shutdown, server) = run(async |mut socket, _| {
        socket.write_all(b"+OK\r\n").await.unwrap();
        panic!("on purpose");
    })
    .await;
    for _ in 0..3 {
        assert!(is_greeted(&mut TcpStream::connect(address).await.unwrap(), SOON).await);
    }
    shutdown.stop();
    server.await.unwrap();
}

#[tokio::test]
async fn a_session_that_does_not_end_is_aborted_after_the_time_of_grace() {
    let (address, shutdown, server) = run(async |mut socket, _| {
        socket.write_all(b"+OK\r\n").await.unwrap();
        sleep(SOON).await;
    })
    .await;
    let mut client = TcpStream::connect(address).await.unwrap();
    assert!(is_greeted(&mut client, SOON).await);
    let began = Instant::now();
    shutdown.stop();
    server.await.unwrap();
    client.read_to_end(&mut Vec::new()).await.ok();
    assert!(began.elapsed() < SOON / 2 && began.elapsed() >= Duration::from_millis(200));
}

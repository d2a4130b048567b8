//! Over sockets, and over pipes in memory with a clock that advances when everything waits.

use pop3_tokio::pop3_proto::client::Event;
use pop3_tokio::pop3_proto::login::LoginError;
use pop3_tokio::pop3_proto::server::{
    self, BodyError, CloseReason, Credentials, Entry, Maildrop, MessageInfo, Refusal, StartTls,
};
use pop3_tokio::pop3_proto::{
    Command, ConnectionError, MessageNumber, OctetCount, ServerConfig, Text, Timer, TlsPolicy, UniqueId,
};
use pop3_tokio::{Connection, Error, Session, Shutdown};
use std::error::Error as _;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::TcpListener;

static CONFIG: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Cleartext);
pub(crate) const MESSAGE: &[u8] = b"Subject: one\n\n.dots\n";
pub(crate) type Mail = Vec<MessageInfo<UniqueId<'static>>>;

pub(crate) fn mail() -> Mail {
    vec![MessageInfo::new(OctetCount::of(MESSAGE), UniqueId::new(b"1").unwrap())]
}

/// Serves until the session is over, or until TLS has to start.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    pop3: &mut Session<S, Mail, &'static ServerConfig<'static>>,
    message: &[u8],
) -> Result<Option<StartTls>, Error> {
    use server::Event;
    while let Some((event, mut responder)) = pop3.next().await? {
        match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
            Event::User(user, _) => responder.accept_name(user)?,
            Event::Login(login, Credentials::Password(given)) if given.expose() == b"tanstaaf" => {
                tokio::task::yield_now().await; // an event and its responder can be held meanwhile
                responder.accept(login, mail())?;
            }
            Event::Fetch(fetch) => _ = pop3.send_message(fetch, message).await?,
            Event::Commit(commit) => responder.removed(commit)?,
            Event::StartTls(start) => return Ok(Some(start)),
            other => responder.decline(other)?,
        }
    }
    Ok(None)
}

async fn fetch<S: AsyncRead + AsyncWrite + Unpin>(mut pop3: Connection<S>) -> Result<Vec<u8>, Error> {
    pop3.log_in("mrose", "tanstaaf").await?;
    pop3.sender().send(Command::Retr(MessageNumber::FIRST))?;
    let mut message = Vec::new();
    while let Some((event, mut sender)) = pop3.next().await? {
        match event {
            Event::Body(_, bytes) => message.extend_from_slice(bytes),
            Event::End(..) => _ = sender.send(Command::Quit)?,
            _ => {}
        }
    }
    Ok(message)
}

fn pair() -> (Connection<DuplexStream>, Session<DuplexStream, Mail, &'static ServerConfig<'static>>) {
    let (client, server) = duplex(64);
    (Connection::new(client, TlsPolicy::Cleartext), Session::new(server, &CONFIG))
}

#[tokio::test]
async fn a_server_of_spawned_tasks_ends_with_its_sessions() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    let session = |socket, shutdown| async {
        let mut pop3 = Session::new(socket, &CONFIG).with_shutdown(shutdown);
        serve(&mut pop3, MESSAGE).await.unwrap();
        pop3.finish().await.unwrap();
    };
    let server = tokio::spawn(pop3_tokio::serve(listener, 2, Duration::from_secs(60), shutdown, session));
    let fetched =
        tokio::spawn(async move { fetch(Connection::connect(address, TlsPolicy::Cleartext).await?).await });
    assert_eq!(fetched.await.unwrap().unwrap(), b"Subject: one\r\n\r\n.dots\r\n");

    let mut idle = Connection::connect(address, TlsPolicy::Cleartext).await.unwrap();
    idle.log_in("mrose", "tanstaaf").await.unwrap();
    stop.stop();
    tokio::time::timeout(Duration::from_secs(20), server)
        .await
        .expect("it does not use up its time of grace")
        .unwrap();
    idle.sender().send(Command::Noop).unwrap();
    assert!(idle.next().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_a_session_that_never_ends() {
    let (client, mut server) = duplex(64);
    let drips = tokio::spawn(async move {
        while server.write_all(b"+").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut pop3 = Connection::new(client, TlsPolicy::Cleartext).with_deadline(Duration::from_secs(20));
    assert!(matches!(pop3.next().await, Err(Error::Deadline)));
    drop(pop3);
    drips.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_deadline_ends_the_session_of_a_busy_client() {
    let (mut client, server) = pair();
    let mut server = server.with_deadline(Duration::from_secs(20));
    let served = tokio::spawn(async move { serve(&mut server, MESSAGE).await.map(drop) });
    client.log_in("mrose", "tanstaaf").await.unwrap();
    loop {
        client.sender().send(Command::Noop).unwrap();
        if client.next().await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(matches!(served.await.unwrap(), Err(Error::Deadline)));
}

/// A maildrop that reports when it is dropped, as one with a lock would.
struct Locked(Mail, Option<tokio::sync::oneshot::Sender<()>>);

impl Drop for Locked {
    fn drop(&mut self) {
        self.1.take().map(|dropped| dropped.send(()));
    }
}

impl Maildrop for Locked {
    fn count(&self) -> u32 {
        Maildrop::count(&self.0)
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        self.0.entry(message)
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        self.0.mark(message)
    }

    fn unmark_all(&mut self) {
        self.0.unmark_all();
    }
}

#[tokio::test]
async fn a_session_that_is_aborted_releases_the_maildrop() {
    let (client, server) = duplex(64);
    let mut client = Connection::new(client, TlsPolicy::Cleartext);
    let (dropped, was_dropped) = tokio::sync::oneshot::channel();
    let served = tokio::spawn(async move {
        let (mut pop3, mut dropped) = (Session::<_, Locked>::new(server, &CONFIG), Some(dropped));
        while let Some((event, mut responder)) = pop3.next().await.unwrap() {
            match event {
                server::Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")).unwrap(),
                server::Event::User(user, _) => responder.accept_name(user).unwrap(),
                server::Event::Login(login, _) => {
                    responder.accept(login, Locked(mail(), dropped.take())).unwrap();
                }
                server::Event::Commit(_) => panic!("without QUIT"),
                other => responder.decline(other).unwrap(),
            }
        }
    });
    client.log_in("mrose", "tanstaaf").await.unwrap();
    client.sender().send(Command::Dele(MessageNumber::FIRST)).unwrap();
    client.next().await.unwrap();
    served.abort();
    was_dropped.await.unwrap();
    client.sender().send(Command::Quit).unwrap();
    assert!(client.next().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn timers_run_by_themselves() {
    let (mut client, mut server) = pair();
    let began = tokio::time::Instant::now();
    let idle = tokio::spawn(async move { serve(&mut server, MESSAGE).await.map(drop).unwrap_err() });
    client.log_in("mrose", "tanstaaf").await.unwrap();
    let error = idle.await.unwrap();
    assert!(matches!(error, Error::Connection(ConnectionError::TimedOut(Timer::Autologout))), "{error:?}");
    assert_eq!(began.elapsed().as_secs(), 600);

    let (silent, _server) = duplex(64);
    let error = Connection::new(silent, TlsPolicy::Cleartext).next().await.map(drop).unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::TimedOut(Timer::Greeting))), "{error:?}");
}

#[tokio::test]
async fn a_refused_login_gives_the_reason_and_the_servers_words() {
    let (mut client, mut server) = pair();
    let served = tokio::spawn(async move { serve(&mut server, MESSAGE).await.map(drop) });
    let error = client.log_in("mrose", "guess").await.unwrap_err();
    assert_eq!(error.to_string(), "the login failed, and the server said: login failed");
    assert!(error.source().unwrap().is::<LoginError>());
    assert!(matches!(client.next().await, Err(Error::NothingDue)));
    client.log_in("mrose", "tanstaaf").await.unwrap();
    drop(client);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_message_of_another_size_closes_the_session() {
    for wrong in [&b"short\n"[..], &[b'x'; 100]] {
        let (client, mut server) = pair();
        let served = tokio::spawn(async move {
            let error = serve(&mut server, wrong).await.map(drop).unwrap_err();
            assert!(matches!(error, Error::Body(BodyError::Size { .. })), "{error:?}");
            let closed =
                matches!(server.next().await, Ok(Some((server::Event::Closed(CloseReason::Aborted), _))));
            assert!(closed && matches!(server.next().await, Ok(None)));
        });
        let error = fetch(client).await.unwrap_err();
        assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error:?}");
        served.await.unwrap();
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_closes_the_session() {
    let (client, mut server) = pair();
    let served = tokio::spawn(async move {
        loop {
            let (event, mut responder) = server.next().await.unwrap().unwrap();
            match event {
                server::Event::Fetch(fetch) => {
                    let store = tokio_test_reader();
                    let error = server.send_message(fetch, store).await.unwrap_err();
                    assert!(matches!(&error, Error::Message(_)) && error.source().is_some());
                    break;
                }
                server::Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")).unwrap(),
                server::Event::User(user, _) => responder.accept_name(user).unwrap(),
                server::Event::Login(login, _) => {
                    responder.accept(login, mail()).unwrap();
                }
                other => responder.decline(other).unwrap(),
            }
        }
        assert!(matches!(server.next().await, Ok(Some((server::Event::Closed(CloseReason::Aborted), _)))));
    });
    let error = fetch(client).await.unwrap_err();
    assert!(matches!(error, Error::Connection(ConnectionError::UnexpectedEof)), "{error:?}");
    served.await.unwrap();
}

/// Returns a store that fails after a part of the message.
fn tokio_test_reader() -> impl tokio::io::AsyncBufRead + Unpin {
    struct Broken(bool);
    impl AsyncRead for Broken {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            if std::mem::replace(&mut self.0, true) {
                return std::task::Poll::Ready(Err(io::Error::other("the disk is gone")));
            }
            buffer.put_slice(b"Subject:");
            std::task::Poll::Ready(Ok(()))
        }
    }
    tokio::io::BufReader::new(Broken(false))
}

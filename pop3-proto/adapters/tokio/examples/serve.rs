//! A server that ends cleanly on ctrl-c: `cargo run -p pop3-tokio --example tokio_serve`. Meanwhile, run
//! `curl pop3://mrose:tanstaaf@127.0.0.1:1100/1`.

use pop3_tokio::pop3_proto::server::{Credentials, Event, MessageInfo};
use pop3_tokio::pop3_proto::{OctetCount, ServerConfig, Text, TlsPolicy, UniqueId};
use pop3_tokio::{Error, Session, Shutdown, serve};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

static CONFIG: ServerConfig<'static> = ServerConfig::new(TlsPolicy::Cleartext); // for loopback: see the other policies
const MAIL: &[u8] = b"Subject: hello\n\nYou have mail.\n";
/// How many clients to serve at once.
const MOST: usize = 1000;
/// How long a session may take in all.
const DEADLINE: Duration = Duration::from_secs(3600);
/// How long sessions may take to end after ctrl-c. Sessions that wait for a command end at once.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:1100").await?;
    println!("listening on {}, until ctrl-c", listener.local_addr()?);
    let shutdown = Shutdown::new();
    let stop = shutdown.clone();
    tokio::spawn(async move {
        tokio::signal::ctrl_c().await.ok();
        stop.stop();
    });
    serve(listener, MOST, GRACE, shutdown, |socket, shutdown| async {
        if let Err(error) = session(socket, shutdown).await {
            report(&error);
        }
    })
    .await;
    println!("all sessions have ended");
    Ok(())
}

async fn session(socket: TcpStream, shutdown: Shutdown) -> Result<(), Error> {
    let mut pop3 = Session::new(socket, &CONFIG).with_shutdown(shutdown).with_deadline(DEADLINE);
    while let Some((event, mut responder)) = pop3.next().await? {
        match event {
            Event::Greet(greet) => responder.greet(greet, Text::from_static("ready"))?,
            Event::User(user, _) => responder.accept_name(user)?,
            Event::Login(login, Credentials::Password(given)) if given.expose() == b"tanstaaf" => {
                let message = MessageInfo::new(OctetCount::of(MAIL), UniqueId::new(b"1")?);
                responder.accept(login, vec![message])?;
            }
            Event::Fetch(fetch) => _ = pop3.send_message(fetch, MAIL).await?,
            other => responder.decline(other)?, // also declines a removal, because the message is in the program
        }
    }
    Ok(pop3.finish().await?)
}

/// Prints an error with its causes.
fn report(error: &dyn std::error::Error) {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    eprintln!("a session failed: {error}: {}", causes.join(": "));
}

//! What runs while the program waits, and what can be seen before an event is taken.

use pop3_tokio::pop3_proto::server::{Event, MessageInfo};
use pop3_tokio::pop3_proto::{ServerConfig, Text, TlsPolicy, UniqueId};
use pop3_tokio::{Connection, Session};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::sync::oneshot;
use tokio::time::timeout;

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

/// USER and PASS arrive together. The response to USER reaches the client while the server looks up the
/// password.
#[tokio::test]
async fn responses_are_written_while_an_answer_is_waited_for() {
    let (mut near, far) = duplex(4096);
    let (found, answer) = oneshot::channel();
    let server = async {
        let mut session: Session<_, Vec<MessageInfo<UniqueId<'static>>>> = Session::new(far, &CONFIG);
        let mut answer = Some(answer);
        while let Some((event, mut responder)) = session.next().await.unwrap() {
            match event {
                Event::Greet(greet) => responder.greet(greet, Text::from_static("ready")).unwrap(),
                Event::User(user, _) => responder.accept_name(user).unwrap(),
                Event::Login(login, _) => {
                    session.wait_for(answer.take().unwrap()).await.unwrap().unwrap();
                    session.responder().accept(login, Vec::new()).unwrap();
                }
                other => responder.decline(other).unwrap(),
            }
        }
    };
    let client = async {
        near.write_all(b"USER mrose\r\nPASS tanstaaf\r\nQUIT\r\n").await.unwrap();
        let mut heard = Vec::new();
        while heard.iter().filter(|byte| **byte == b'\n').count() < 2 {
            heard.push(near.read_u8().await.unwrap());
        }
        found.send(()).unwrap(); // not before
        near.read_to_end(&mut heard).await.unwrap();
        heard.iter().filter(|byte| **byte == b'\n').count()
    };
    let both = async { tokio::join!(server, client).1 };
    let lines = timeout(Duration::from_secs(10), both).await;
    assert_eq!(lines, Ok(4));
}

#[tokio::test]
async fn a_line_that_is_not_a_response_can_be_shown() {
    let (near, mut far) = duplex(64);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n").await.unwrap();
    let mut pop3 = Connection::new(near, TlsPolicy::Cleartext).with_read_size(64 * 1024);
    pop3.ready().await.unwrap();
    assert_eq!(pop3.unread(), b"HTTP/1.1 400 Bad Request\r\n");
    assert!(pop3.next().await.is_err());
}

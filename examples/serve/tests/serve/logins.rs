//! Checks who can log in, with which method, and what other clients learn.

use crate::kit::{LOGIN, NAME, PASSWORD, Server, Site, door, say};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pop3_proto::{ApopTimestamp, Secret, TlsPolicy, apop};
use pop3_proto_serve::scram::{Exchange, ITERATIONS, Progress, Verifier};
use pop3_proto_serve::users::Users;
use pop3_proto_serve::{Guests, Host, config};
use rsasl::config::SASLConfig;
use rsasl::prelude::{Mechname, SASLClient, Session};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const SCRAM: &str = "AUTH SCRAM-SHA-256";

pub(crate) fn plain(authzid: &str, name: &str, password: &str) -> String {
    format!("AUTH PLAIN {}\r\n", BASE64_STANDARD.encode(format!("{authzid}\0{name}\0{password}")))
}

fn scram_client(name: &str, password: &str) -> Session {
    let config = SASLConfig::with_credentials(None, name.into(), password.into()).unwrap();
    SASLClient::new(config).start_suggested(&[Mechname::parse(b"SCRAM-SHA-256").unwrap()]).unwrap()
}

/// Logs in with SCRAM, and returns the server's last response.
pub(crate) async fn scram(stream: &mut TcpStream, name: &str, password: &str) -> String {
    let mut client = scram_client(name, password);
    let mut response = Vec::new();
    client.step(None, &mut response).unwrap();
    let mut answer = say(stream, &format!("{SCRAM} {}\r\n", BASE64_STANDARD.encode(&response)), 1).await;
    while let Some(challenge) = answer.strip_prefix("+ ") {
        let challenge = BASE64_STANDARD.decode(challenge.trim()).unwrap();
        response.clear();
        client.step(Some(&challenge), &mut response).unwrap(); // fails if the server cannot prove itself
        answer = say(stream, &format!("{}\r\n", BASE64_STANDARD.encode(&response)), 1).await;
    }
    answer
}

#[tokio::test]
async fn every_way_in_leads_to_the_same_mail() {
    let site = Site::with(&[b"\none\n"]);
    let server = site.serve().await;
    for login in [LOGIN.to_owned(), plain("", NAME, PASSWORD), plain(NAME, NAME, PASSWORD)] {
        let answer = server.talk_alone(&format!("{login}STAT\r\nQUIT\r\n")).await;
        assert!(answer.contains("+OK 1 7\r\n"), "{login}: {answer}");
    }
    let mut stream = server.connect().await;
    say(&mut stream, "", 1).await;
    assert_eq!(scram(&mut stream, NAME, PASSWORD).await, "+OK maildrop open\r\n");
    assert_eq!(say(&mut stream, "STAT\r\nQUIT\r\n", 2).await, "+OK 1 7\r\n+OK bye\r\n");
}

/// Returns the processor time of this thread, which does not depend on other load.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_get_the_same_response_at_the_same_cost() {
    let site = Site::with(&[]);
    let host = Host::new(
        Users::one(NAME, PASSWORD, &site.maildir()).unwrap(),
        Guests::new(99, 99),
        Some((NAME.into(), PASSWORD.into())),
    );
    let server = Server::start(door(host, site.path())).await;
    let wrong = |name: &str| format!("USER {name}\r\nPASS wrong\r\nQUIT\r\n");
    let mut answers = Vec::new();
    for commands in [wrong(NAME), wrong("nobody"), plain("", NAME, "wrong"), plain("other", NAME, PASSWORD)] {
        let answer = server.talk(&format!("{commands}QUIT\r\n")).await;
        let answer = String::from_utf8(answer).unwrap();
        answers.push(answer.lines().find(|line| line.starts_with("-ERR")).unwrap().to_owned());
    }
    for name in [NAME, "nobody"] {
        let mut stream = server.connect().await;
        say(&mut stream, "", 1).await;
        answers.push(scram(&mut stream, name, "wrong").await.trim_end().to_owned());
        let apop = format!("APOP {name} {}\r\n", "0".repeat(32));
        answers.push(say(&mut stream, &apop, 1).await.trim_end().to_owned());
    }
    assert_eq!(answers, ["-ERR [AUTH] login failed"; 8]);

    let users = Users::one(NAME, PASSWORD, site.path()).unwrap();
    assert!(users.is_right(NAME.as_bytes(), PASSWORD.as_bytes())); // and is remembered
    let time = |name: &[u8], wrong: &str| {
        let start = processor_time();
        assert!(!users.is_right(name, wrong.as_bytes()));
        processor_time() - start
    };
    // The second password is checked twice, the second time prepared.
    for wrong in ["wrong", "wro\u{6e}\u{303}g"] {
        let times = (0..20).map(|_| (time(NAME.as_bytes(), wrong), time(b"nobody", wrong)));
        let (known, unknown) = times.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))).unwrap();
        assert!(known < unknown * 3 / 2 && unknown < known * 3 / 2, "{known:?}, {unknown:?}");
    }
    // An unknown name has its own salt, which stays the same.
    let text = |name: &[u8]| users.verifier(name).to_string();
    assert!(text(b"nobody") == text(b"nobody") && text(b"nobody") != text(b"noone"));
    assert!(text(b"nobody").starts_with(&text(NAME.as_bytes())[.."SCRAM-SHA-256$10000:".len()]));
}

#[tokio::test]
async fn failed_logins_take_longer_and_longer_and_end() {
    let site = Site::with(&[]);
    let server = site.serve().await;
    let start = Instant::now();
    let answer = server.talk(&format!("{}QUIT\r\n", "USER mrose\r\nPASS wrong\r\n".repeat(2))).await;
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(3), "{took:?}"); // 1 + 2
    assert_eq!(String::from_utf8(answer).unwrap().matches("-ERR [AUTH]").count(), 2);
}

#[tokio::test]
async fn outside_tls_passwords_are_refused_unless_that_is_allowed() {
    let site = Site::with(&[]);
    let mut door = site.door();
    door.config = Arc::new(config(TlsPolicy::Required));
    let server = Server::start(door).await;
    let answer =
        server.talk(&format!("CAPA\r\n{LOGIN}{}{SCRAM}\r\nQUIT\r\n", plain("", NAME, PASSWORD))).await;
    let answer = String::from_utf8(answer).unwrap();
    let offers = |what: &str| answer.lines().any(|line| line.split(' ').next() == Some(what));
    assert!(offers("STLS") && !offers("USER") && !offers("SASL"), "{answer}");
    assert_eq!(answer.matches("-ERR").count(), 4, "{answer}");
    assert!(!answer.contains("maildrop open"));
}

#[tokio::test]
async fn apop_is_for_one_user_and_its_timestamp_for_one_connection() {
    let site = Site::with(&[]);
    let users = Users::one(NAME, PASSWORD, &site.maildir()).unwrap();
    let host = Host::new(users, Guests::new(9, 9), Some((NAME.into(), PASSWORD.into())));
    let server = Server::start(door(host, site.path())).await;
    let mut last = None;
    for (name, password, expected) in
        [(NAME, PASSWORD, "+OK"), (NAME, "wrong", "-ERR [AUTH]"), ("other", PASSWORD, "-ERR [AUTH]")]
    {
        let mut stream = server.connect().await;
        let greeting = say(&mut stream, "", 1).await;
        let timestamp = ApopTimestamp::find(greeting.as_bytes()).expect("a timestamp");
        assert_ne!(last.replace(timestamp.as_bytes().to_vec()).as_deref(), Some(timestamp.as_bytes()));
        let digest = apop::digest(timestamp, Secret::new(password.as_bytes()).unwrap()).to_hex();
        let digest = String::from_utf8(digest.into()).unwrap();
        let answer = say(&mut stream, &format!("APOP {name} {digest}\r\n"), 1).await;
        assert!(answer.starts_with(expected), "{name}: {answer}");
    }
}

/// The example of RFC 7677 section 3.
#[test]
fn the_verifier_is_that_of_the_rfc() {
    let verifier = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                    WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
    let read: Verifier = verifier.parse().unwrap();
    assert!(read.is_for(b"pencil") && !read.is_for(b"Pencil"));
    // No other text has the same meaning.
    for (part, other) in
        [("$4096", "$+4096"), ("$4096", "$04096"), ("256$", "256:"), ("==$", "==:"), ("=:", "=$")]
    {
        assert!(verifier.replacen(part, other, 1).parse::<Verifier>().is_err(), "{other}");
    }
}

#[test]
fn no_response_of_a_client_makes_scram_panic() {
    let verifier = Verifier::new(PASSWORD.as_bytes(), ITERATIONS).unwrap();
    let exchange = || {
        let verifier = verifier.clone();
        Exchange::new(move |_| verifier.clone()).unwrap()
    };
    let firsts = [
        "",
        ",",
        "n",
        "n,",
        "n,,",
        "n,,,",
        "n,a,n=x,r=y",
        "n,,n,r=y",
        "n,,n=x,r",
        "p=,,n=x,r=y",
        "y,,n=x,r=\u{e9}",
        "n,,n==,r=y",
        "n,,n=x=2,r=y",
        "n,,n=x=2c,r=y",
    ];
    for first in firsts {
        let mut exchange = exchange();
        for response in [first, "n,,n=x,r=y", ""] {
            let progress = exchange.step(response.as_bytes());
            assert!(matches!(progress, Progress::Failed), "{first}, {response}: {progress:?}");
        }
    }
    let (a, z) = ("A".repeat(44), "A".repeat(43));
    for last in [
        "",
        "c",
        "c=",
        "c=biws",
        "c=biws,",
        "c=biws,r=",
        "c=biws,r=NONCE,",
        "n,,n=x,r=y",
        &format!("c=biws,r=NONCE,p={a}"),
        &format!("c=biws,r=NONCE,p={z}="),
        &format!("c=biws,r=NONCE,p={a}A"),
        "c=biws,r=NONCE,p=",
    ] {
        let mut exchange = exchange();
        let Progress::Challenge(challenge) = exchange.step(b"n,,n=mrose,r=abc") else { panic!() };
        let challenge = String::from_utf8(challenge).unwrap();
        let nonce = challenge.split(',').next().unwrap().strip_prefix("r=").unwrap();
        for response in [&last.replace("NONCE", nonce), "c=biws,r=x,p=y", ""] {
            let progress = exchange.step(response.as_bytes());
            assert!(matches!(progress, Progress::Failed), "{last}, {response}: {progress:?}");
        }
    }
}

//! PostgreSQL is down.

use crate::client::{Client, is_temporary};
use crate::site::{PASSWORD, Site, USER, wait_until};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

#[test]
fn at_a_login_the_answer_is_temporary_and_the_same_node_works_again_later() {
    let mut site = Site::new(30);
    let node = site.node();
    site.postgres.stop();
    let refusal = Client::log_in(&node).err().unwrap();
    assert!(is_temporary(&refusal), "{refusal}");
    site.postgres.start_again();
    wait_until("a login works", || Client::log_in(&node).is_ok());
}

#[test]
fn inside_scram_the_answer_is_temporary() {
    let mut site = Site::new(30);
    let node = site.node();
    let mut before = Client::connect(&node);
    assert_eq!(before.ask("AUTH SCRAM-SHA-256"), "+ ");
    let mut between = Client::connect(&node);
    let mut scram = Scram::new();
    assert_eq!(between.ask("AUTH SCRAM-SHA-256"), "+ ");
    let proof = scram.proof(&between.ask(&scram.first()));
    // The proof is right: when the database is there, it opens the maildrop.
    let mut right = Client::connect(&node);
    let mut other = Scram::new();
    right.ask("AUTH SCRAM-SHA-256");
    let other_proof = other.proof(&right.ask(&other.first()));
    assert!(right.ask(&other_proof).starts_with("+ "));
    assert!(right.ask("").starts_with("+OK"));

    site.postgres.stop();
    let refusal = before.ask(&Scram::new().first());
    assert!(is_temporary(&refusal), "{refusal}");
    // The proof needs no database, and the maildrop does.
    let answer = between.ask(&proof);
    let refusal = if answer.starts_with("+ ") { between.ask("") } else { answer };
    assert!(is_temporary(&refusal), "{refusal}");
}

#[test]
fn messages_are_still_sent() {
    let mut site = Site::new(30);
    site.deliver("Subject: first\n\nHello\n");
    site.deliver("Subject: second\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    site.postgres.stop();
    assert_eq!(client.retrieve(1).unwrap(), "Subject: first\r\n\r\nHello\r\n");
    assert_eq!(client.ask("TOP 2 0").split(' ').next(), Some("+OK"));
    assert_eq!(client.line().unwrap(), "Subject: second");
}

#[test]
fn at_quit_nothing_is_removed_and_the_answer_is_temporary_within_a_second() {
    let mut site = Site::new(30);
    site.deliver("Subject: first\n\nHello\n");
    site.deliver("Subject: second\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    client.ask("DELE 1");
    site.postgres.stop();
    let start = Instant::now();
    let refusal = client.ask("QUIT");
    let time = start.elapsed();
    assert!(is_temporary(&refusal) && refusal.contains("not removed"), "{refusal}");
    // The pauses between the attempts alone take 0.9 s. The rest is for a machine that has other work.
    assert!(time > Duration::from_millis(900) && time < Duration::from_secs(4), "{time:?}");
    site.postgres.start_again();
    assert_eq!(site.messages(), 2);
}

#[test]
fn at_quit_without_marks_nothing_is_to_be_done() {
    let mut site = Site::new(30);
    site.deliver("Subject: hello\n\nHello\n");
    let node = site.node();
    let mut client = Client::log_in(&node).unwrap();
    site.postgres.stop();
    assert_eq!(client.ask("QUIT"), "+OK bye");
}

/// The client's side of SCRAM-SHA-256.
struct Scram {
    first: String,
}

impl Scram {
    fn new() -> Self {
        Scram { first: format!("n={USER},r=fyko+d2lbbFgONRv9qkxdawL") }
    }

    /// Returns the first message, as AUTH sends it.
    fn first(&self) -> String {
        BASE64_STANDARD.encode(format!("n,,{}", self.first))
    }

    /// Returns the second message, from the response to the first.
    fn proof(&mut self, challenge: &str) -> String {
        let challenge = challenge.strip_prefix("+ ").unwrap_or_else(|| panic!("{challenge}"));
        let challenge = String::from_utf8(BASE64_STANDARD.decode(challenge).unwrap()).unwrap();
        let field = |name: &str| challenge.split(',').find_map(|field| field.strip_prefix(name)).unwrap();
        let (nonce, salt) = (field("r="), BASE64_STANDARD.decode(field("s=")).unwrap());
        let iterations: NonZeroU32 = field("i=").parse().unwrap();
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, PASSWORD.as_bytes(), &mut salted);
        let key = mac(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, &key);
        let last = format!("c=biws,r={nonce}");
        let signature = mac(stored.as_ref(), format!("{},{challenge},{last}", self.first).as_bytes());
        let proof: Vec<u8> = key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
        BASE64_STANDARD.encode(format!("{last},p={}", BASE64_STANDARD.encode(proof)))
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

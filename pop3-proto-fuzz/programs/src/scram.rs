//! SCRAM-SHA-256: `serve` with any client, `fetch` with any server, both with somebody between them, and the text of a verifier.
//!
//! The expected messages come from a second implementation of RFC 5802, without rsasl. Nonces are random, so a few bytes of an input stand
//! for what only a program can compute.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pop3_proto::login::Scram as _;
use pop3_proto::{Secret, Text};
use pop3_proto_fetch::scram::Exchange as Client;
use pop3_proto_fuzz::source::Choices;
use pop3_proto_serve::scram::{Exchange as Server, Progress, Verifier};
use ring::{digest, hmac, pbkdf2};
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::LazyLock;

const NAME: &str = "mrose";
const PASSWORD: &str = "tanstaaf";
const SALT: &[u8] = b"a grain of salt";
/// The rounds of the user's verifier. A client takes no fewer.
const ROUNDS: u32 = 4096;

/// The bytes of a message that stand for something else.
const NONCE: u8 = 0xF8;
const HEADER: u8 = 0xF9;
const PROOF: u8 = 0xFA;
const WRONG_PROOF: u8 = 0xFB;

/// The first byte chooses what follows. Messages end at a byte 0xFF.
pub fn run(data: &[u8]) {
    let Some((pick, data)) = data.split_first() else { return };
    match pick % 4 {
        0 => any_client(data),
        1 => any_server(data),
        2 => somebody_between(data),
        _ => any_text(data),
    }
}

/// The keys of a password (RFC 5802 section 3).
struct Keys {
    client: [u8; 32],
    stored: [u8; 32],
    server: [u8; 32],
}

/// The keys in the user's verifier, and others.
static KNOWN: LazyLock<Keys> = LazyLock::new(|| Keys::new(PASSWORD, SALT, ROUNDS));
static OTHER: LazyLock<Keys> = LazyLock::new(|| Keys::new("guess", SALT, ROUNDS));

impl Keys {
    fn new(password: &str, salt: &[u8], rounds: u32) -> Self {
        let rounds = NonZeroU32::new(rounds).expect("at least one");
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut salted);
        let client = hmac(&salted, b"Client Key");
        let stored = digest::digest(&digest::SHA256, &client).as_ref().try_into().expect("32 bytes");
        Keys { client, stored, server: hmac(&salted, b"Server Key") }
    }

    /// Returns the user's verifier.
    fn verifier(&self) -> Verifier {
        let [salt, stored, server] = [SALT, &self.stored, &self.server].map(encoded);
        let text = format!("SCRAM-SHA-256${ROUNDS}:{salt}${stored}:{server}");
        text.parse().expect("a verifier")
    }

    /// Returns the proof of the client and the signature of the server, for the messages that they have exchanged.
    fn proofs(&self, messages: &[u8]) -> ([u8; 32], [u8; 32]) {
        let mut proof = hmac(&self.stored, messages);
        proof.iter_mut().zip(self.client).for_each(|(octet, key)| *octet ^= key);
        (proof, hmac(&self.server, messages))
    }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
    tag.as_ref().try_into().expect("32 bytes")
}

fn encoded(octets: &[u8]) -> String {
    BASE64_STANDARD.encode(octets)
}

fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text).ok()
}

/// Returns a proof as the server compares it: 32 bytes, the last of which may be missing if they are 0.
fn decoded_proof(text: &[u8]) -> Option<[u8; 32]> {
    let mut proof = decoded(text)?;
    let length = proof.len().max(32);
    proof.resize(length, 0);
    proof.try_into().ok()
}

/// Returns the attributes of a message. Each is a letter, `=`, and a value without a comma.
fn attributes(message: &[u8]) -> Option<Vec<&[u8]>> {
    let attributes: Vec<_> = message.split(|octet| *octet == b',').collect();
    attributes.iter().all(|attribute| attribute.get(1) == Some(&b'=')).then_some(attributes)
}

/// Replaces each byte for which there is something else. `stands_for` gets the byte and the text before it.
fn filled(message: &[u8], stands_for: impl Fn(u8, &[u8]) -> Option<String>) -> Vec<u8> {
    let mut text = Vec::new();
    for octet in message {
        match stands_for(*octet, &text) {
            Some(other) => text.extend_from_slice(other.as_bytes()),
            None => text.push(*octet),
        }
    }
    text
}

/// The client's first message.
struct First<'m> {
    /// The part before the name, as the client repeats it later in `c=`.
    header: Vec<u8>,
    /// The user to act for, if the client names one.
    other: Option<&'m str>,
    /// The name as it was sent.
    escaped: &'m str,
    name: String,
    nonce: &'m [u8],
}

impl<'m> First<'m> {
    fn read(message: &'m [u8]) -> Option<Self> {
        let mut parts = message.splitn(3, |octet| *octet == b',');
        let (flag, other, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let rest = attributes(rest)?;
        let other = match other {
            [] => None,
            [_, b'=', other @ ..] => Some(std::str::from_utf8(other).ok()?), // rsasl takes any letter
            _ => return None,
        };
        let escaped = std::str::from_utf8(rest.first()?.strip_prefix(b"n=")?).ok()?;
        let nonce = rest.get(1)?.strip_prefix(b"r=")?;
        let header =
            [flag, b",", &other.map(|other| format!("a={other}")).unwrap_or_default().into_bytes(), b","];
        let is_plain = matches!(flag, b"n" | b"y") && nonce.iter().all(u8::is_ascii_graphic);
        is_plain.then_some(First {
            header: header.concat(),
            other,
            escaped,
            name: unescaped(escaped)?,
            nonce,
        })
    }

    /// Returns the messages that the proofs are for. `last` is the client's last message up to the proof.
    fn messages(&self, challenge: &[u8], last: &[u8]) -> Vec<u8> {
        let first = [b"n=", self.escaped.as_bytes(), b",r=", self.nonce].concat();
        let last = attributes(last).unwrap_or_default();
        let last = last.get(..2).unwrap_or_default().join(&b","[..]); // rsasl leaves extensions out
        [&first[..], challenge, &last].join(&b","[..])
    }

    fn keys(&self) -> Option<&'static Keys> {
        is_user(self.name.as_bytes()).then(|| &*KNOWN)
    }
}

/// Returns the name without its escapes. A `=` must begin one.
fn unescaped(name: &str) -> Option<String> {
    let mut unescaped = String::new();
    let mut rest = name;
    while let Some(letter) = rest.chars().next() {
        let (read, letter) = match letter {
            '=' if rest.starts_with("=2C") => (3, ','),
            '=' if rest.starts_with("=3D") => (3, '='),
            '=' => return None,
            letter => (letter.len_utf8(), letter),
        };
        unescaped.push(letter);
        rest = &rest[read..];
    }
    Some(unescaped)
}

fn is_user(name: &[u8]) -> bool {
    [NAME.as_bytes(), b"a,b=c"].contains(&name)
}

/// Any client: each message gets the response that the second implementation expects.
fn any_client(data: &[u8]) {
    let mut server = Server::new(|name| match is_user(name) {
        true => KNOWN.verifier(),
        false => Verifier::of_nobody(NonZeroU32::new(ROUNDS).expect("not 0"), SALT.to_vec()),
    })
    .expect("a server");
    let mut parts = data.split(|octet| *octet == 0xff);
    let message = parts.next().unwrap_or_default();
    log_in(&mut server, message, &mut parts);
    // Whatever has happened, the exchange is over.
    for response in parts.take(3).chain([&b""[..], message]) {
        assert!(matches!(server.step(response), Progress::Failed), "{}", response.escape_ascii());
    }
}

/// Returns if the server refuses a message, or has verified the client.
fn log_in<'d>(server: &mut Server, message: &[u8], parts: &mut impl Iterator<Item = &'d [u8]>) {
    let first = First::read(message);
    let challenge = match server.step(message) {
        Progress::Challenge(challenge) => challenge,
        Progress::Verified(name) => panic!("{name} is verified without a proof"),
        // Whether `y` is refused depends on the mechanisms that rsasl has.
        Progress::Failed => return assert!(first.is_none_or(|first| first.header.starts_with(b"y"))),
    };
    let first = first.expect("a first message of SCRAM");
    let nonce = challenge_nonce(&challenge, first.nonce);

    let proof = |keys: &Keys, text: &[u8]| {
        let (proof, _) = keys.proofs(&first.messages(&challenge, text.strip_suffix(b",p=")?));
        Some(encoded(&proof))
    };
    let fill = |octet, text: &[u8]| match octet {
        NONCE => Some(nonce.clone()),
        HEADER => Some(encoded(&first.header)),
        PROOF => proof(&KNOWN, text),
        WRONG_PROOF => proof(&OTHER, text),
        _ => None,
    };
    let last = filled(parts.next().unwrap_or_default(), fill);
    let proofs = first.keys().map(|keys| keys.proofs(&first.messages(&challenge, &last)));
    let is_right = proofs.is_some_and(|(proof, _)| {
        let read = attributes(&last).unwrap_or_default();
        let [binding, answered, .., sent] = read[..] else { return false };
        let is_last = !read[2..read.len() - 1].iter().any(|attribute| attribute.starts_with(b"p="));
        binding.strip_prefix(b"c=").and_then(decoded).is_some_and(|header| header == first.header)
            && answered.strip_prefix(b"r=") == Some(nonce.as_bytes())
            && sent.strip_prefix(b"p=").and_then(decoded_proof) == Some(proof)
            && is_last
    });
    let may_act = first.other.is_none_or(|other| other == first.escaped);
    let signed = match server.step(&last) {
        Progress::Challenge(signed) => signed,
        Progress::Verified(name) => panic!("{name} is verified before the end"),
        Progress::Failed => {
            assert!(!is_right || !may_act, "{}", last.escape_ascii());
            let right = filled(&[b"c=", &[HEADER][..], b",r=", &[NONCE], b",p=", &[PROOF]].concat(), fill);
            return assert!(matches!(server.step(&right), Progress::Failed), "right, but too late");
        }
    };
    assert!(is_right && may_act, "accepted: {}", last.escape_ascii());
    let signature = proofs.map(|(_, signature)| format!("v={}", encoded(&signature)));
    assert_eq!(Some(signed), signature.map(String::into_bytes));

    let end = parts.next().unwrap_or_default();
    match server.step(end) {
        Progress::Challenge(_) => panic!("another challenge"),
        Progress::Verified(name) => assert!(end.is_empty() && name == first.name, "{name}"),
        Progress::Failed => assert!(!end.is_empty()),
    }
}

/// Checks the server's challenge, and returns its nonce.
fn challenge_nonce(challenge: &[u8], nonce: &[u8]) -> String {
    let end = format!(",s={},i={ROUNDS}", encoded(SALT));
    let start = challenge.strip_suffix(end.as_bytes()).expect("salt and rounds");
    let all = start.strip_prefix(b"r=").expect("a nonce");
    let own = all.strip_prefix(nonce).expect("the client's nonce");
    assert!(own.len() >= 18 && own.iter().all(u8::is_ascii_graphic), "{}", own.escape_ascii());
    String::from_utf8(all.to_vec()).expect("text")
}

/// Any server: the client proves that it knows the password only to a complete challenge, and trusts only the right signature.
fn any_server(data: &[u8]) {
    let mut parts = data.split(|octet| *octet == 0xff);
    let password = Secret::new(PASSWORD.as_bytes()).expect("printable");
    let mut client = Client::new(Text::from_static(NAME), password);
    let message = client.first().to_vec();
    let first = First::read(&message).expect("a first message of SCRAM");
    assert_eq!((&first.header[..], &first.name[..]), (&b"n,,"[..], NAME));
    let nonce = String::from_utf8(first.nonce.to_vec()).expect("text");

    let fill = |octet| (octet == NONCE).then(|| nonce.clone());
    let challenge = filled(parts.next().unwrap_or_default(), |octet, _| fill(octet));
    if asks_for_many_rounds(&challenge) {
        return;
    }
    let keys = challenge_keys(&challenge, first.nonce);
    let proofs = keys.map(|(keys, signed)| {
        let last = [b"c=biws,r=", &signed[0][2..]].concat();
        let messages = first.messages(&signed.join(&b","[..]), &last);
        (last, keys.proofs(&messages))
    });
    let expected =
        proofs.as_ref().map(|(last, (proof, _))| [&last[..], b",p=", encoded(proof).as_bytes()].concat());
    assert_eq!(client.step(&challenge).map(<[u8]>::to_vec), expected, "{}", challenge.escape_ascii());
    assert_eq!((client.has_sent_proof(), client.is_server_proven()), (expected.is_some(), false));

    let last = filled(parts.next().unwrap_or_default(), |octet, _| match octet {
        PROOF => proofs.as_ref().map(|(_, (_, signature))| encoded(signature)),
        WRONG_PROOF => Some(encoded(&OTHER.server)),
        _ => None,
    });
    let is_right = proofs.is_some_and(|(_, (_, signature))| {
        let attributes = attributes(&last).filter(|_| has_valid_rounds(&last)).unwrap_or_default();
        let right = format!("v={}", encoded(&signature));
        attributes.first().is_some_and(|first| *first == right.as_bytes())
    });
    let accepted = client.step(&last).map(<[u8]>::to_vec);
    assert_eq!(accepted, is_right.then(Vec::new), "{}", last.escape_ascii());
    assert_eq!((client.has_sent_proof(), client.is_server_proven()), (expected.is_some(), is_right));

    for challenge in parts.take(3).chain([&challenge[..], &last]) {
        assert_eq!(client.step(challenge), None, "the exchange is over");
        assert_eq!(client.is_server_proven(), is_right);
    }
    client.first();
    assert!(!client.is_server_proven(), "proven in an earlier exchange");
}

/// Returns the values of the attributes for rounds.
fn rounds(challenge: &[u8]) -> impl Iterator<Item = Option<u32>> {
    let attributes = challenge.split(|octet| *octet == b',');
    let counts = attributes.filter_map(|attribute| attribute.strip_prefix(b"i="));
    counts.map(|count| std::str::from_utf8(count).ok()?.parse().ok())
}

/// Returns whether a run with these rounds would take long.
fn asks_for_many_rounds(challenge: &[u8]) -> bool {
    rounds(challenge).flatten().any(|count| (5001..=1_000_000).contains(&count))
}

fn has_valid_rounds(challenge: &[u8]) -> bool {
    rounds(challenge).all(|count| count.is_some_and(|count| (ROUNDS..=1_000_000).contains(&count)))
}

/// Returns the keys that a challenge asks for, and its attributes that are signed.
fn challenge_keys<'c>(challenge: &'c [u8], nonce: &[u8]) -> Option<(Keys, Vec<&'c [u8]>)> {
    let mut attributes = attributes(challenge).filter(|_| has_valid_rounds(challenge))?;
    attributes.truncate(3); // rsasl leaves extensions out
    let [all, salt, count] = attributes[..] else { return None };
    let own = all.strip_prefix(b"r=")?.strip_prefix(nonce)?;
    let salt = decoded(salt.strip_prefix(b"s=")?)?;
    let count = rounds(count).next()??;
    (!own.is_empty()).then(|| (Keys::new(PASSWORD, &salt, count), attributes))
}

/// The two sides with somebody between them, who changes messages: neither side trusts the other if a part that is signed has changed.
fn somebody_between(data: &[u8]) {
    let mut choices = Choices::new(data);
    let knows_password = choices.below(4) != 1;
    let names = [NAME, "a,b=c", "=2C", "\u{fc}"];
    let name = names[usize::from(choices.below(4))];
    let password = if knows_password { PASSWORD } else { "guess" };
    let secret = Secret::new(password.as_bytes()).expect("printable");
    let mut client = Client::new(Text::new(name.as_bytes()).expect("a name"), secret);
    let mut server = Server::new(|_| KNOWN.verifier()).expect("a server");

    let mut is_changed = false;
    let mut signed = HashSet::new(); // the messages in which something that is signed has changed
    let mut pass = |place: usize, message: &[u8]| {
        let received = edited(message, &mut choices);
        is_changed |= received != message;
        if signed_parts(place, &received) != signed_parts(place, message) {
            signed.insert(place);
        }
        received
    };
    let mut message = client.first().to_vec();
    let mut verified = None;
    for place in [0, 2, 4] {
        let challenge = match server.step(&pass(place, &message)) {
            Progress::Challenge(challenge) => pass(place + 1, &challenge),
            Progress::Verified(name) => {
                verified = Some(name);
                break;
            }
            Progress::Failed => break,
        };
        if asks_for_many_rounds(&challenge) {
            return;
        }
        // Somebody may go on without the client.
        message = client.step(&challenge).unwrap_or_default().to_vec();
    }
    let is_proven = client.is_server_proven();
    if !is_changed {
        assert_eq!((verified.is_some(), is_proven), (knows_password, knows_password));
    }
    if let Some(verified) = &verified {
        assert!(knows_password && *verified == name, "{verified}");
        assert!(signed.is_disjoint(&[0, 1, 2].into()), "verified after a change of {signed:?}");
    }
    if is_proven {
        assert!(
            knows_password && signed.is_disjoint(&[0, 1, 2, 3].into()),
            "proven after a change of {signed:?}"
        );
    }
}

/// Changes a few bytes of a message.
fn edited(message: &[u8], choices: &mut Choices<'_>) -> Vec<u8> {
    let mut message = message.to_vec();
    for _ in 0..choices.below(4) {
        let at = usize::from(choices.byte()) % (message.len() + 1);
        match choices.below(4) {
            0 => drop(message.splice(at..at, choices.octets(16).iter().copied())),
            1 if at < message.len() => message[at] = choices.byte(),
            2 => message.truncate(at),
            _ => {
                let end = message.len().min(at + usize::from(choices.below(4)));
                message.drain(at..end);
            }
        }
    }
    message
}

/// Returns the parts of a message that the proofs protect. rsasl leaves extensions out, which have no meaning.
fn signed_parts(place: usize, message: &[u8]) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = message.split(|octet| *octet == b',').map(<[u8]>::to_vec).collect();
    match place {
        0 => parts.truncate(4),
        1 => parts.truncate(3),
        2 => {
            let proof = parts.iter().find_map(|part| decoded_proof(part.strip_prefix(b"p=")?));
            parts.truncate(2);
            parts.extend(proof.map(Vec::from));
        }
        3 => parts.truncate(1),
        _ => {}
    }
    parts
}

/// The text of a verifier: either it is read and written unchanged, or the error does not quote it.
fn any_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match text.parse::<Verifier>() {
        Ok(verifier) => {
            assert_eq!(verifier.to_string(), text);
            assert_eq!(Some(verifier.shape()), shape(text));
        }
        Err(error) => {
            assert_eq!(error.to_string(), NOT_A_VERIFIER);
            assert_eq!(shape(text), None);
        }
    }
}

pub(crate) const NOT_A_VERIFIER: &str = "not a verifier of SCRAM-SHA-256";

/// Returns the rounds and the length of the salt in the text of a verifier.
pub(crate) fn shape(text: &str) -> Option<(NonZeroU32, usize)> {
    let (rounds, rest) = text.strip_prefix("SCRAM-SHA-256$")?.split_once(':')?;
    let (salt, keys) = rest.split_once('$')?;
    let (stored, server) = keys.split_once(':')?;
    let is_key = |key: &str| decoded(key.as_bytes()).is_some_and(|key| key.len() == 32);
    let count: NonZeroU32 = rounds.parse().ok()?;
    let salt = decoded(salt.as_bytes())?;
    (count.to_string() == rounds && is_key(stored) && is_key(server)).then_some((count, salt.len()))
}

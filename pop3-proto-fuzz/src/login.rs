//! A client's login against any server: which way it takes, and what it shows to whom.

use crate::source::cuts;
use crate::wire::Parts;
use pop3_proto::client::{Client, ClientConfig, Event, Feature, StartTls, TlsRefusal};
use pop3_proto::login::{Login, LoginError, Scram, Way};
use pop3_proto::{
    Base64, ClientConnection, Command, ConnectionError, Secret, State, Text, TlsPolicy, Verb, sasl,
};
use pop3_proto_kit::Cuts;

const PASSWORD: &[u8] = b"tanstaaf77";
const WAYS: [Way; 6] = [Way::ScramSha256, Way::Apop, Way::Plain, Way::User, Way::Oauthbearer, Way::Xoauth2];

/// Runs on a first line with the options and the name of the user, then the bytes of the server.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let options = Options::of(&parts);
    let every: Vec<usize> = (0..parts.wire.len()).collect();
    // Byte by byte, the login sends as soon as it can.
    let expected = play(&options, parts.wire, Cuts::Each(1), &every);
    for cuts in cuts(parts.seed) {
        let played = play(&options, parts.wire, cuts, &expected.gates);
        assert_eq!(played, expected, "law 5: {cuts:?}");
    }
}

struct Options<'a> {
    tls: TlsPolicy,
    /// The program sends CAPA and STLS before it begins the login.
    starts_tls: bool,
    with_initial: bool,
    is_token: bool,
    has_scram: bool,
    only: Option<Way>,
    name: Text<'a>,
}

impl<'a> Options<'a> {
    fn of(parts: &Parts<'a>) -> Self {
        let tls = [TlsPolicy::Cleartext, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Implicit];
        let name = if parts.letters.is_empty() { b"mrose" } else { parts.letters };
        Options {
            tls: tls[usize::from(parts.config & 3)],
            starts_tls: parts.config & 4 != 0,
            with_initial: parts.config & 8 != 0,
            is_token: parts.config & 16 != 0,
            has_scram: parts.config & 32 != 0,
            only: WAYS.get(usize::from(parts.seed % 16)).copied(),
            name: Text::new(name).unwrap_or(Text::from_static("mrose")),
        }
    }

    fn login<'l>(&self, scram: &'l mut Fake) -> Login<'l>
    where
        'a: 'l,
    {
        let secret = Secret::new(PASSWORD).expect("printable");
        let new = if self.is_token { Login::with_token } else { Login::new };
        let mut login = new(self.name, secret);
        if let Some(way) = self.only {
            login = login.only(way);
        }
        if self.with_initial {
            login = login.with_initial_response();
        }
        if self.has_scram { login.with_scram(scram) } else { login }
    }
}

/// A client's side of SCRAM without cryptography.
#[derive(Default)]
struct Fake {
    sent: bool,
    proven: bool,
}

impl Scram for Fake {
    fn first(&mut self) -> &[u8] {
        b"n,,n=mrose,r=x"
    }

    fn step(&mut self, challenge: &[u8]) -> Option<&[u8]> {
        match challenge {
            b"r=xy" => {
                self.sent = true;
                Some(b"p=proof")
            }
            b"v=proof" if self.sent => {
                self.proven = true;
                Some(b"")
            }
            _ => None,
        }
    }

    fn has_sent_proof(&self) -> bool {
        self.sent
    }

    fn is_server_proven(&self) -> bool {
        self.proven
    }
}

/// The end of a login.
#[derive(PartialEq, Debug)]
enum End {
    In(Way),
    Failed(LoginError),
    Fatal(ConnectionError),
    /// The stream ended, or the login waits for something that the program ignores.
    Nothing,
}

/// The parts of a login that are visible from outside.
#[derive(PartialEq, Debug)]
struct Played {
    end: End,
    output: Vec<u8>,
    /// The places in the wire at which something was sent, and the end.
    gates: Vec<usize>,
}

/// Logs in over a stream that has these pieces, and then ends. The client gets the bytes after a gate only once it has sent
/// its line there.
fn play(options: &Options<'_>, wire: &[u8], mut cuts: Cuts, gates: &[usize]) -> Played {
    let mut scram = Fake::default();
    let mut program = Program::new(options, &mut scram);
    let (mut at, mut placed) = (0, Vec::new());
    loop {
        let end = program.poll();
        if program.take_lines(options) || end.is_some() {
            placed.push(at);
        }
        if end.is_some() || program.pop3.is_closed() {
            let Program { pop3, output, tried, .. } = program;
            let end = end.unwrap_or(End::Nothing);
            check_end(&end, &output, pop3.client(), &scram, &tried);
            return Played { end, output, gates: placed };
        }
        let gate = gates.iter().find(|gate| **gate > at).map_or(wire.len(), |gate| *gate);
        let room = program.pop3.recv_buf().spare_mut();
        let count = cuts.next(at, gate - at).min(room.len());
        room[..count].copy_from_slice(&wire[at..at + count]);
        program.pop3.recv_buf().received(count); // 0 is the end of the stream
        at += count;
    }
}

/// A program that logs in.
struct Program<'l> {
    pop3: ClientConnection<Vec<u8>>,
    login: Login<'l>,
    /// Whether CAPA and STLS come first.
    is_before_login: bool,
    start: Option<StartTls>,
    output: Vec<u8>,
    /// The mechanisms and commands with which a login was tried.
    tried: Vec<String>,
    reveals: u32,
    is_stls_refused: bool,
}

impl<'l> Program<'l> {
    fn new(options: &Options<'l>, scram: &'l mut Fake) -> Self {
        Program {
            pop3: ClientConnection::new(ClientConfig::new(options.tls), 1),
            login: options.login(scram),
            is_before_login: options.starts_tls,
            start: None,
            output: Vec::new(),
            tried: Vec::new(),
            reveals: 0,
            is_stls_refused: false,
        }
    }

    /// Handles all events, and returns the end of the login.
    fn poll(&mut self) -> Option<End> {
        loop {
            let Program { pop3, login, is_before_login, start, is_stls_refused, .. } = self;
            let handled = match pop3.poll() {
                Err(fatal) => return Some(End::Fatal(fatal)),
                Ok(None) => return None,
                Ok(Some((event, mut sender))) if *is_before_login => match event {
                    Event::Greeting(_) => sender.send(Command::Capa).map(|_| None).map_err(LoginError::from),
                    Event::End(..) if sender.client().capabilities().has(Feature::Stls) => {
                        sender.send(Command::Stls).map(|_| None).map_err(LoginError::from)
                    }
                    Event::StartTls(token) => {
                        *start = Some(token);
                        Ok(None)
                    }
                    Event::End(..) | Event::Refused(..) => {
                        *is_before_login = false;
                        *is_stls_refused |=
                            matches!(&event, Event::Refused(ticket, _) if ticket.verb == Verb::Stls);
                        login.begin(None, &mut sender).map(|()| None)
                    }
                    Event::NoService(_) | Event::Closed(_) => return Some(End::Nothing),
                    _ => Ok(None),
                },
                Ok(Some((event, mut sender))) => login.handle(event, &mut sender),
            };
            let handled = match self.start.take() {
                Some(token) => {
                    self.is_before_login = false;
                    self.pop3.tls_started(token).expect("the last token");
                    self.login.begin(None, &mut self.pop3.sender()).map(|()| None)
                }
                None => handled,
            };
            match handled {
                Ok(None) => {}
                Ok(Some(way)) => return Some(End::In(way)),
                Err(error) => return Some(End::Failed(error)),
            }
        }
    }

    /// Sends the pending lines after a check, and returns whether there are any.
    fn take_lines(&mut self, options: &Options<'_>) -> bool {
        let pending = self.pop3.pending().to_vec();
        self.pop3.send_buf().clear();
        for line in pending.split_inclusive(|octet| *octet == b'\n') {
            let content = line.strip_suffix(b"\r\n").expect("a complete line");
            assert!(!content.iter().any(u8::is_ascii_control), "{}", content.escape_ascii());
            self.check_line(content, options);
        }
        self.output.extend_from_slice(&pending);
        !pending.is_empty()
    }

    /// Checks that this line may be sent now.
    fn check_line(&mut self, line: &[u8], options: &Options<'_>) {
        let client = self.pop3.client();
        let text = String::from_utf8_lossy(line);
        let mut words = text.split(' ');
        let way = match (words.next(), words.next()) {
            (Some("AUTH"), Some(mechanism)) => WAYS.into_iter().find(|way| is(*way, mechanism)),
            // A build together with `programs` has APOP.
            (Some("APOP"), _) => Some(Way::Apop),
            (Some("USER"), _) if !self.tried.iter().any(|tried| tried == "USER") => Some(Way::User),
            _ => None,
        };
        if let Some(way) = way {
            assert!(!self.tried.contains(&way.to_string()), "{way} is tried twice");
            self.tried.push(way.to_string());
            assert!(options.only.is_none_or(|only| only == way), "{way} was not chosen");
            let is_listed = way.mechanism().is_none_or(|name| client.capabilities().has_mechanism(name));
            assert!(options.only.is_some() || is_listed, "{way} is not listed");
            assert_eq!(options.is_token, matches!(way, Way::Oauthbearer | Way::Xoauth2), "{way}");
            assert!(way != Way::ScramSha256 || options.has_scram);
        }
        if reveals(line) {
            self.reveals += 1;
            let marks = client.capabilities().has(Feature::AuthRespCode);
            assert!(
                self.reveals == 1 || marks,
                "a second guess at a server that does not say why it refuses"
            );
            check_privacy(client, options, self.is_stls_refused, &self.tried);
        }
    }
}

fn is(way: Way, name: &str) -> bool {
    way.mechanism().is_some_and(|mechanism| mechanism.as_bytes() == name.as_bytes())
}

/// Returns whether a line contains the secret, as it is or in base64.
fn reveals(line: &[u8]) -> bool {
    let has_secret = |bytes: &[u8]| bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD);
    let decoded = line.split(|octet| *octet == b' ').filter_map(|word| {
        let mut room = [0; 2048];
        let base64 = Base64::new(word).ok()?;
        sasl::decode(base64, &mut room).ok().map(|bytes| has_secret(bytes))
    });
    has_secret(line) || decoded.into_iter().any(|found| found)
}

/// Checks that the policy allows the secret on this connection.
fn check_privacy(client: &Client, options: &Options<'_>, is_stls_refused: bool, tried: &[String]) {
    let is_bearer = tried.last().is_some_and(|way| way == "OAUTHBEARER");
    let is_allowed = match options.tls {
        _ if client.is_tls() => true,
        _ if is_bearer => false,
        TlsPolicy::Cleartext => true,
        TlsPolicy::Opportunistic => is_stls_refused || !client.capabilities().has(Feature::Stls),
        TlsPolicy::Required | TlsPolicy::Implicit => false,
    };
    assert!(is_allowed, "the secret is sent in cleartext: {:?}", options.tls);
}

/// Checks that the result is what the lines say.
fn check_end(end: &End, output: &[u8], client: &Client, scram: &Fake, tried: &[String]) {
    match end {
        End::In(way) => {
            assert_eq!(client.state(), State::Transaction);
            assert_eq!(tried.last(), Some(&way.to_string()), "the last way");
            assert!(*way != Way::ScramSha256 || scram.proven, "a server that proves nothing");
            assert!(*way != Way::User || output.ends_with(b"PASS tanstaaf77\r\n"));
        }
        End::Failed(LoginError::Refused { way, .. } | LoginError::Distrust(way)) => {
            assert_eq!(tried.last(), Some(&way.to_string()), "the last way");
        }
        End::Failed(LoginError::NoWay(_)) => assert!(tried.is_empty(), "{tried:?}"),
        End::Failed(LoginError::Send(error)) => {
            let is_policy = matches!(error, pop3_proto::client::SendError::Tls(TlsRefusal::Required));
            assert!(!is_policy || !client.is_tls(), "{error:?}");
        }
        _ => {}
    }
    assert!(client.state() != State::Transaction || matches!(end, End::In(_)), "{end:?}");
}

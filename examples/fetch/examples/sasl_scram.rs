//! Logs in with SCRAM-SHA-256 in memory: rsasl implements the mechanism, the machines carry its messages, and the
//! program prints every line.
//!
//! Neither side shows the password to the other, and both prove that they know it. So `+OK` alone is not a login: the client calls
//! `verified` only after checking the server's proof.

use pop3_proto::login::{Login as ClientLogin, LoginError, Way};
use pop3_proto::server::{Ask, Credentials, Login, MessageInfo, Refusal, ServerConfig, Step};
use pop3_proto::{
    Base64, ClientConnection, Input, Mechanism, SendBuf, Server, State, Text, TlsPolicy, UniqueId, sasl,
};
use pop3_proto_basics::sample::{PASSWORD, USER};
use pop3_proto_fetch::Result;
use pop3_proto_fetch::scram::Exchange;
use pop3_proto_serve::scram::{Exchange as ServerExchange, ITERATIONS, Progress, Verifier};

/// This configuration states that the session is inside TLS; the machines leave the encryption to others.
static CONFIG: ServerConfig<'_> =
    ServerConfig::new(TlsPolicy::Implicit).with_sasl(&[Mechanism::SCRAM_SHA_256]);

fn main() -> Result<()> {
    // The server's record of the password. It is not enough to log in.
    let verifier = Verifier::new(PASSWORD.as_bytes(), ITERATIONS)?;

    println!("# the right password");
    assert_eq!(talk(PASSWORD, Host::new(Some(verifier.clone()))?)?, State::Transaction);
    println!("\n# a wrong one");
    assert_eq!(talk("guess", Host::new(Some(verifier))?)?, State::Authorization);
    println!("\n# a server that does not know the password, and sends +OK anyway");
    assert_eq!(talk(PASSWORD, Host::new(None)?)?, State::Authorization);
    Ok(())
}

/// Runs one login and returns the client's state after it.
fn talk(password: &str, mut host: Host) -> Result<State> {
    let mut pop3 = ClientConnection::new(TlsPolicy::Implicit, 1);
    let mut to_client = SendBuf::new(vec![]);
    let (name, password) = (USER.try_into()?, password.try_into()?);
    let mut scram = Exchange::new(name, password);
    let mut login = ClientLogin::new(name, password).only(Way::ScramSha256).with_scram(&mut scram);
    loop {
        print("C", pop3.send_buf().pending());
        host.run(pop3.send_buf(), &mut to_client)?;
        print("S", to_client.pending());
        let received = to_client.pending().len();
        pop3.recv_buf().spare_mut()[..received].copy_from_slice(to_client.pending());
        pop3.recv_buf().received(received);
        to_client.clear();
        while let Some((event, mut sender)) = pop3.poll()? {
            match login.handle(event, &mut sender) {
                Ok(None) => {}
                // The mechanism decides last.
                Err(LoginError::Distrust(_)) => {
                    println!("# the client rejects it");
                    return Ok(State::Authorization);
                }
                Ok(Some(_)) | Err(_) => return Ok(pop3.client().state()),
            }
        }
    }
}

/// The server's side.
struct Host {
    server: Server<Vec<MessageInfo<UniqueId<'static>>>>,
    /// `None` accepts every client, without a proof from either side.
    exchange: Option<ServerExchange>,
}

impl Host {
    fn new(verifier: Option<Verifier>) -> Result<Self> {
        let exchange = verifier.map(|verifier| ServerExchange::new(move |_| verifier.clone())).transpose()?;
        Ok(Host { server: Server::new(&CONFIG, 1), exchange })
    }

    /// Reads the input and writes the responses.
    fn run(&mut self, from_client: &mut SendBuf<Vec<u8>>, to_client: &mut SendBuf<Vec<u8>>) -> Result<()> {
        let mut input = Input::more(from_client.pending());
        loop {
            match self.server.poll(&mut input, to_client)? {
                Step::Ask(Ask::Greet(greet)) => {
                    self.server.greet(greet, Text::from_static("POP3 server ready"), to_client)?;
                }
                Step::Ask(Ask::Login(login, Credentials::Sasl { initial: Some(message), .. }))
                | Step::Ask(Ask::Login(login, Credentials::Response(message))) => {
                    self.answer(login, message, to_client)?;
                }
                Step::NeedInput => break,
                step => return Err(format!("unexpected step {step:?}").into()),
            }
        }
        let read = from_client.pending().len() - input.remaining();
        from_client.sent(read);
        Ok(())
    }

    fn answer(&mut self, login: Login, message: Base64<'_>, to_client: &mut SendBuf<Vec<u8>>) -> Result<()> {
        let mut buffer = vec![0; message.as_bytes().len()];
        let message = sasl::decode(message, &mut buffer)?;
        let credulous = || Progress::Verified(USER.into());
        match self.exchange.as_mut().map_or_else(credulous, |exchange| exchange.step(message)) {
            Progress::Challenge(challenge) => {
                self.server.challenge_message(login, &sasl::Message::new(&challenge), to_client)?;
            }
            Progress::Verified(_) => {
                self.server.accept(login, Vec::new()).map_err(|unanswered| unanswered.why)?;
            }
            Progress::Failed => self.server.refuse(login, Refusal::Credentials)?,
        }
        Ok(())
    }
}

/// Prints the lines with their base64 decoded: in SCRAM neither side shows its secret.
fn print(side: &str, octets: &[u8]) {
    for line in String::from_utf8_lossy(octets).lines() {
        println!("{side}: {line}");
        let word = line.rsplit(' ').next().unwrap_or_default().as_bytes();
        let mut buffer = [0; 256];
        let message = Base64::new(word).ok().and_then(|text| sasl::decode(text, &mut buffer).ok());
        if let Some(message) = message.filter(|message| message.contains(&b'=')) {
            println!("   {}", String::from_utf8_lossy(message));
        }
    }
}

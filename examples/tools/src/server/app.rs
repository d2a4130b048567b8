use crate::Result;
use pop3_proto::server::{Ask, Commit, Fetch, Greet, Login, Maildrop, Refusal, ServerConfig, User};
use pop3_proto::{SendBuf, Server, Text, sasl};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::AsyncBufRead;

/// What a [`Session`](super::Session) asks.
pub trait App: Sized {
    /// The messages of a user who has logged in.
    type Maildrop: Maildrop + Send;
    /// A message as it lies in the store. An error of its cuts the connection, which is the only way to tell the client that the message is
    /// not whole.
    type Message: AsyncBufRead;

    /// Answers a question, at once or later. The maildrop is there from login on. STLS is not asked about.
    fn answer(&mut self, ask: Ask<'_>, maildrop: Option<&mut Self::Maildrop>) -> Reply<Self>;
}

/// An answer, or what to wait for.
pub enum Reply<A: App> {
    Now(Answer<A>),
    Later(Later<A>),
}

/// An answer that takes its time.
pub type Later<A> = Pin<Box<dyn Future<Output = Answer<A>> + Send>>;

/// The answer to a question, with the question's token.
pub enum Answer<A: App> {
    Greet(Greet, String),
    NoService(Greet, Refusal),
    AcceptName(User),
    /// The client is who it says, and this is its maildrop.
    Accept(Login, A::Maildrop),
    /// A message of the SASL mechanism.
    Challenge(Login, Vec<u8>),
    RefuseLogin(Login, Refusal),
    Send(Fetch, A::Message),
    RefuseFetch(Fetch, Refusal),
    /// Whether all that was marked is removed.
    Committed(Commit, bool),
    /// There is no answer: the session ends, and nothing is removed.
    Close,
}

impl<A: App> Answer<A> {
    /// Gives the answer to the machine.
    pub(super) fn give(
        self,
        server: &mut Server<A::Maildrop, Arc<ServerConfig<'static>>>,
        send: &mut SendBuf<Vec<u8>>,
        message: &mut Option<Pin<Box<A::Message>>>,
    ) -> Result<()> {
        match self {
            Answer::Greet(greet, text) => server.greet(greet, Text::new(text.as_bytes())?, send)?,
            Answer::NoService(greet, refusal) => server.refuse(greet, refusal)?,
            Answer::AcceptName(user) => server.accept_name(user)?,
            Answer::Accept(login, maildrop) => {
                server.accept(login, maildrop).map_err(|unanswered| unanswered.why)?;
            }
            Answer::Challenge(login, octets) => {
                server.challenge_message(login, &sasl::Message::new(&octets), send)?;
            }
            Answer::RefuseLogin(login, refusal) => server.refuse(login, refusal)?,
            Answer::Send(fetch, opened) => {
                server.send_body(fetch)?;
                *message = Some(Box::pin(opened));
            }
            Answer::RefuseFetch(fetch, refusal) => server.refuse(fetch, refusal)?,
            Answer::Committed(commit, all_removed) => match all_removed {
                true => server.removed(commit)?,
                false => server.not_removed(commit, Refusal::Temporary)?,
            },
            Answer::Close => server.close(),
        }
        Ok(())
    }
}

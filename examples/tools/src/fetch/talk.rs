use super::failure::Failure;
use crate::client::Connection;
use pop3_proto::client::{Event, SendError};
use pop3_proto::{Command, MessageNumber};
use tokio::io::{AsyncRead, AsyncWrite};

/// Sends a command for each message and shows what is said to them: as many at once as the machine allows, which is 16 where the server
/// announces PIPELINING, else one.
pub(super) async fn run_all<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    command: fn(MessageNumber) -> Command<'static>,
    messages: impl IntoIterator<Item = MessageNumber>,
    mut each: impl FnMut(Event<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut left = messages.into_iter().peekable();
    loop {
        while let Some(message) = left.peek() {
            match connection.handle().send(&command(*message)) {
                Ok(_) => left.next(),
                Err(SendError::QueueFull | SendError::NotPipelined) => break, // not now
                Err(error) => return Err(error.into()),
            };
        }
        if connection.client().is_idle() {
            return Ok(());
        }
        each(connection.next().await?.0)?;
    }
}

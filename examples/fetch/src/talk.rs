use super::connection::Connection;
use super::failure::Failure;
use super::pace::Pace;
use pop3_proto::client::{Event, SendError};
use pop3_proto::{Command, MessageNumber};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// Waits for the next event, and requires progress in it.
pub(super) async fn next<'c, S: AsyncRead + AsyncWrite + Unpin>(
    connection: &'c mut Connection<S>,
    pace: &mut Pace,
) -> Result<Event<'c>, Failure> {
    let (event, _) = connection.next().await?;
    pace.heard(&event, Instant::now())?;
    Ok(event)
}

/// Sends a command for each message and passes the responses on. Sends as many commands at once as the machine allows: 16 if the
/// server announces PIPELINING, else one. `one_by_one` allows one, to make certain which of them breaks a connection.
pub(super) async fn run_all<S: AsyncRead + AsyncWrite + Unpin>(
    connection: &mut Connection<S>,
    command: fn(MessageNumber) -> Command<'static>,
    messages: impl IntoIterator<Item = MessageNumber>,
    one_by_one: bool,
    pace: &mut Pace,
    mut each: impl FnMut(Event<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut left = messages.into_iter().peekable();
    loop {
        while let Some(message) = left.peek().filter(|_| !one_by_one || connection.client().is_idle()) {
            match connection.sender().send(command(*message)) {
                Ok(_) => left.next(),
                Err(SendError::QueueFull | SendError::NotPipelined) => break, // wait for a response first
                Err(error) => {
                    // If the session is over, the server is the cause.
                    if error == SendError::Over {
                        next(connection, pace).await?;
                    }
                    return Err(error.into());
                }
            };
        }
        if connection.client().is_idle() {
            return Ok(());
        }
        each(next(connection, pace).await?)?;
    }
}

//! The login of a client, with a password and with a token.

use crate::see;
use core::hint::black_box;
use pop3_proto::login::{Login, LoginError, Scram, Way, WhyNot};
use pop3_proto::{ApopTimestamp, ClientConfig, ClientConnection, Secret, Text, TlsPolicy};

/// Repeats its input.
struct Echo<'e>(&'e [u8]);

impl Scram for Echo<'_> {
    fn first(&mut self) -> &[u8] {
        self.0
    }

    fn step(&mut self, challenge: &[u8]) -> Option<&[u8]> {
        Some(self.0).filter(|_| challenge == self.0)
    }

    fn has_sent_proof(&self) -> bool {
        black_box(true)
    }

    fn is_server_proven(&self) -> bool {
        black_box(true)
    }
}

#[inline(never)]
pub(crate) fn log_in(data: &[u8]) {
    let (Ok(name), Ok(secret)) = (Text::new(data), Secret::new(data)) else { return };
    let config = ClientConfig::new(black_box(TlsPolicy::Opportunistic));
    let Ok(mut pop3) = ClientConnection::with_buffers(config, 1, [0; 1024], [0; 512]) else { return };
    let mut scram = Echo(data);
    let mut login = match black_box(data.len()) {
        0 => Login::new(name, secret),
        1 => Login::with_token(name, secret),
        2 => Login::with_token(name, secret).with_server(name, 110),
        3 => Login::new(name, secret).only(black_box(Way::Plain)),
        4 => Login::new(name, secret).with_initial_response(),
        _ => Login::new(name, secret).with_scram(&mut scram),
    };
    see(login.begin(ApopTimestamp::new(data).ok(), &mut pop3.sender()).is_ok());
    for _ in 0..black_box(9) {
        let mut count = 0;
        pop3.recv_buf().spare_mut().iter_mut().zip(data).for_each(|(to, byte)| {
            *to = *byte;
            count += 1;
        });
        pop3.recv_buf().received(count);
        if let Ok(Some((event, mut sender))) = pop3.poll() {
            match login.handle(event, &mut sender) {
                Err(LoginError::NoWay(obstacles)) => see(obstacles.of(Way::User) == Some(WhyNot::DoesNotFit)),
                result => see(result.is_ok()),
            }
        }
        see(login.tried().last());
        pop3.send_buf().clear();
    }
}

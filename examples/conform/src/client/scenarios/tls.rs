//! STLS. The client was told to use it, so nothing but CAPA, STLS and QUIT may be outside.

use crate::check::Edit;
use crate::client::broken::Flaw;
use crate::client::watch::unannounced;
use crate::client::{Expect, Scenario, Tls};

const fn stls(id: &'static str, rows: &'static [&'static str], asks: &'static str) -> Scenario {
    Scenario::new(id, rows, asks).tls(Tls::Stls)
}

pub(super) static SCENARIOS: &[Scenario] = &[
    stls("stls.base", &["2595.2.3.a", "8314.5.b"], "the login is inside TLS").broken(&[Flaw::NoTls]),
    stls("stls.refused", &["2595.2.3.a", "8314.5.b"], "STLS is refused: no password may follow")
        .twist(Edit::Say { to: "STLS", instead: "-ERR not now\r\n" })
        .expect(Expect::Error)
        .no_password()
        .broken(&[Flaw::FallsBack]),
    stls(
        "stls.absent",
        &["2595.2.3.a", "8314.5.b"],
        "STLS is not announced, and refused: no password may follow",
    )
    .code(|turn| match () {
        () if turn.is("CAPA") => turn.replace("STLS\r\n", ""),
        () if turn.is("STLS") => turn.say(b"-ERR unknown command\r\n"),
        () => turn.through(),
    })
    .expect(Expect::Error)
    .no_password()
    .broken(&[Flaw::FallsBack]),
    stls("stls.closed", &["2595.2.3.a", "8314.5.d"], "the stream ends in place of the response to STLS")
        .twist(Edit::Say { to: "STLS", instead: "" })
        .expect(Expect::Error)
        .no_password()
        .broken(&[Flaw::FallsBack, Flaw::ExitsZero]),
    stls("stls.no_handshake", &["2595.2.3.a", "8314.5.d"], "the stream ends after the response to STLS")
        .code(|turn| {
            turn.through_unless("STLS", |turn| {
                turn.say(b"+OK begin TLS\r\n");
                turn.hang_up();
            });
        })
        .expect(Expect::Error)
        .no_password()
        .broken(&[Flaw::FallsBack]),
    stls("stls.untrusted", &["2595.2.4.a"], "the certificate is not trusted: no password may follow")
        .tls(Tls::Untrusted)
        .twist(Edit::Answer { to: "STLS", old: "TLS", new: "TLS now" })
        .expect(Expect::Error)
        .no_password()
        .broken(&[Flaw::TrustsAll]),
    stls(
        "stls.other_name",
        &["2595.2.4.a", "7817.3.a"],
        "the certificate is trusted, and names another host: no password may follow",
    )
    .tls(Tls::OtherName)
    .twist(Edit::Answer { to: "STLS", old: "TLS", new: "TLS now" })
    .expect(Expect::Error)
    .no_password()
    .broken(&[Flaw::TrustsAnyName, Flaw::TrustsAll]),
    stls(
        "stls.injected",
        &["2595.4.e", "2595.sec.b"],
        "a refusal after the response to STLS, in the same segment",
    )
    .twist(Edit::Answer { to: "STLS", old: "\r\n", new: "\r\n-ERR injected\r\n" })
    .expect(Expect::Discarded)
    .broken(&[Flaw::KeepsBuffer]),
    stls(
        "stls.injected_ok",
        &["2595.4.e", "2595.sec.b"],
        "responses after that to STLS: to USER, PASS, STAT and LIST",
    )
    .twist(Edit::Answer {
        to: "STLS",
        old: "\r\n",
        new: "\r\n+OK\r\n.\r\n+OK\r\n+OK\r\n+OK 0 0\r\n+OK\r\n.\r\n",
    })
    .expect(Expect::Discarded)
    .broken(&[Flaw::KeepsBuffer]),
    stls(
        "stls.capabilities",
        &["2595.4.j"],
        "PIPELINING is announced before TLS, and not inside: the client forgets it",
    )
    .code(|turn| {
        turn.memory.count += u64::from(turn.is("tls"));
        match turn.is("CAPA") && turn.memory.count == 0 {
            true => turn.replace("PIPELINING\r\n", "PIPELINING\r\nPIPELINING\r\n"),
            false => turn.through(),
        }
    })
    .harm(unannounced)
    .broken(&[Flaw::KeepsCapa]),
];

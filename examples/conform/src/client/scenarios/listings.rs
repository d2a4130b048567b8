//! Listings and capabilities.

use crate::check::Edit;
use crate::client::broken::Flaw;
use crate::client::serve::{Exchange, Session};
use crate::client::{Expect, Scenario};

/// RETR or DELE of a message that LIST did not list.
fn unlisted(session: &Session, index: usize, exchange: &Exchange) -> Option<String> {
    let number = exchange.number()?;
    let start = format!("\n{number} ");
    let lists: Vec<&Exchange> = session
        .exchanges
        .iter()
        .take(index)
        .filter(|other| other.text().eq_ignore_ascii_case("LIST"))
        .collect();
    let listed = lists.iter().any(|list| String::from_utf8_lossy(&list.answer).contains(&start));
    let is_about_one = matches!(exchange.verb().as_str(), "RETR" | "DELE" | "TOP");
    // A client may list in another session.
    (is_about_one && !listed && !lists.is_empty())
        .then(|| format!("{}: this message is not listed", exchange.text()))
}

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "list.status_text",
        &["1939.5.list.i"],
        "the status line of LIST has other numbers than its rows",
    )
    .code(|turn| {
        turn.through_unless("LIST", |turn| {
            let answer = turn.pass();
            let end = answer.iter().position(|byte| *byte == b'\r').unwrap_or(0);
            turn.say(b"+OK 1 messages (20 octets)");
            turn.say(&answer[end..]);
        });
    })
    .broken(&[Flaw::TrustsStatusText]),
    Scenario::new("list.more_words", &["1939.5.list.g"], "words after the size")
        .twist(Edit::Answer { to: "LIST", old: "\r\n2 ", new: " and more\r\n2 " })
        .broken(&[Flaw::StrictRows]),
    Scenario::new("list.spacing", &["ROB.11"], "several spaces and tabs in rows")
        .twist(Edit::Answer { to: "LIST", old: "\r\n2 ", new: "\r\n2  \t" })
        .broken(&[Flaw::StrictRows]),
    Scenario::new("list.overflow", &["ROB.8"], "a row with a number over 32 bits")
        .twist(Edit::Answer { to: "LIST", old: "\r\n.\r\n", new: "\r\n4294967305 100\r\n.\r\n" })
        .expect(Expect::Harmless)
        .harm(unlisted)
        .broken(&[Flaw::WrapsNumbers]),
    Scenario::new("list.refused", &["1939.3.k"], "LIST is refused")
        .code(|turn| match turn.is("LIST*") || turn.is("UIDL*") || turn.is("STAT") {
            true => turn.say(b"-ERR the mailbox cannot be read\r\n"),
            false => turn.through(),
        })
        .expect(Expect::Error)
        .broken(&[Flaw::ExitsZero]),
    Scenario::new(
        "list.empty",
        &["1939.3.v"],
        "an empty mailbox: listings have no row before the terminator",
    )
    .mail(|world| world.truncate(0))
    .code(|turn| match turn.is("LIST") || turn.is("UIDL") {
        true => super::instead(turn, b"+OK nothing is here\r\n.\r\n"),
        false => turn.through(),
    })
    .broken(&[Flaw::EmptyListing]),
    Scenario::new("list.endless", &["ROB.23"], "a listing of many megabytes, and then the end of the stream")
        .flood("LIST", "+OK\r\n", "7 1\r\n")
        .broken(&[Flaw::ExitsZero]),
    Scenario::new("stat.more_words", &["1939.5.stat.d"], "words after the numbers of STAT")
        .code(|turn| {
            turn.through_unless("STAT", |turn| turn.replace("\r\n", " octets in all\r\n"));
        })
        .broken(&[Flaw::StrictRows]),
    Scenario::new("uidl.unsupported", &["2449.7.a"], "the server does not know UIDL")
        .code(|turn| match () {
            () if turn.is("UIDL*") => turn.say(b"-ERR unknown command\r\n"),
            () if turn.is("CAPA") => turn.replace("UIDL\r\n", ""),
            () => turn.through(),
        })
        .broken(&[Flaw::NeedsUidl]),
    Scenario::new(
        "uidl.odd",
        &["ROB.10", "ROB.12"],
        "rows of UIDL without a unique-id, with spaces, and with octets that are not ASCII",
    )
    .twist(Edit::Say {
        to: "UIDL",
        instead: "+OK\r\n1\r\n2 with a space\r\n\r\n3 caf\u{e9}\r\n+OK 4\r\n.\r\n",
    })
    .expect(Expect::Harmless)
    .broken(&[Flaw::CrashesAtRows]),
    Scenario::new("uidl.path", &["1939.7.uidl.e"], "unique-ids that look like paths")
        .twist(Edit::Say {
            to: "UIDL",
            instead: "+OK\r\n1 ../one\r\n2 ../../two\r\n3 a/../../three\r\n.\r\n",
        })
        .expect(Expect::Harmless)
        .broken(&[Flaw::UidlIsPath]),
    Scenario::new("uidl.disagrees", &["ROB.10"], "UIDL lists other messages than LIST")
        .twist(Edit::Say { to: "UIDL", instead: "+OK\r\n3 id-3\r\n9 id-9\r\n.\r\n" })
        .expect(Expect::Harmless)
        .broken(&[Flaw::CrashesAtRows]),
    Scenario::new("capa.refused", &["2449.5.d", "2449.7.a"], "the server does not know CAPA")
        .twist(Edit::Say { to: "CAPA", instead: "-ERR unknown command\r\n" })
        .broken(&[Flaw::NeedsCapa]),
    Scenario::new("capa.user", &["2449.7.a"], "USER is the only capability")
        .twist(Edit::Say { to: "CAPA", instead: "+OK\r\nUSER\r\n.\r\n" })
        .broken(&[Flaw::NeedsCapa]),
    Scenario::new(
        "capa.empty",
        &["2449.5.m"],
        "a list without capabilities: the client logs in, or does not because USER is missing",
    )
    .twist(Edit::Say { to: "CAPA", instead: "+OK\r\n.\r\n" })
    .expect(Expect::Error)
    .broken(&[Flaw::EmptyListing]),
    Scenario::new(
        "capa.odd",
        &["2449.5.l", "2449.5.e"],
        "unknown capabilities, in any letter case, with arguments",
    )
    .twist(Edit::Answer {
        to: "CAPA",
        old: "\r\n.\r\n",
        new: "\r\nX-Kit=yes\r\nimplementation kit/1.0 (test)\r\nx-empty \r\nUnheard-Of a b c\r\n.\r\n",
    })
    .broken(&[Flaw::CapitalsOnly]),
];

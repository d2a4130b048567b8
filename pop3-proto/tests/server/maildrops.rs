//! The trait `Maildrop`: its forms, and an implementation that refuses.

use super::*;
use pop3_proto::MessageNumber;
use pop3_proto::server::Entry;
use std::cell::Cell;

/// Four messages; message 2 may be refused, and message 3 cannot be deleted.
#[derive(Default)]
struct Picky {
    marked: [bool; 4],
    /// The reason why message 2 is refused.
    refusal: Option<Refusal>,
    /// The number of calls of `entry`.
    entries: Cell<u32>,
}

impl Maildrop for Picky {
    fn count(&self) -> u32 {
        4
    }

    fn entry(&self, message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        self.entries.set(self.entries.get() + 1);
        let id = UniqueId::new(&b"abcd"[message.index()..=message.index()]).unwrap();
        match self.refusal {
            Some(refusal) if message.get() == 2 => Err(refusal),
            _ => Ok(Entry { octets: 10, id, marked: self.marked[message.index()] }),
        }
    }

    fn mark(&mut self, message: MessageNumber) -> Result<(), Refusal> {
        if message.get() == 3 {
            return Err(Refusal::Permanent);
        }
        self.marked[message.index()] = true;
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.marked = [false; 4];
    }
}

fn picky(config: ServerConfig<'static>, refusal: Refusal) -> Host<Picky> {
    Host::over(config, Picky { refusal: Some(refusal), ..Picky::default() }, &["12345678"; 4]).login()
}

#[test]
fn a_refused_entry_is_in_no_total_and_no_listing() {
    let mut host = picky(CLEAR, Refusal::NeedsUtf8);
    assert_eq!(host.say("STAT\r\n"), "+OK 3 30\r\n");
    assert_eq!(host.say("LIST\r\n"), "+OK scan listing follows\r\n1 10\r\n3 10\r\n4 10\r\n.\r\n");
    assert_eq!(host.say("UIDL\r\n"), "+OK unique-id listing follows\r\n1 a\r\n3 c\r\n4 d\r\n.\r\n");
    host.say("DELE 1\r\nDELE 2\r\n");
    assert_eq!(host.say("STAT\r\n"), "+OK 2 20\r\n");
    assert_eq!(host.say("RSET\r\nSTAT\r\n"), "+OK all messages are unmarked\r\n+OK 3 30\r\n");
}

/// A message that cannot be served was never marked.
#[test]
fn r1939_6_d_a_refused_entry_is_not_removed() {
    for refusal in [Refusal::NeedsUtf8, Refusal::Temporary] {
        let mut host = picky(CLEAR, refusal);
        host.say("DELE 1\r\nDELE 2\r\nQUIT\r\n");
        assert_eq!(host.removed, [1]);
    }
}

/// At login no message is marked, whatever another session left.
#[test]
fn r1939_6_d_a_mark_of_another_session_removes_nothing() {
    let maildrop = Picky { marked: [true; 4], ..Picky::default() };
    let mut host = Host::over(CLEAR, maildrop, &["12345678"; 4]).login();
    assert_eq!(host.say("STAT\r\n"), "+OK 4 40\r\n");
    host.say("DELE 4\r\nQUIT\r\n");
    assert_eq!(host.removed, [4]);
}

/// A login takes as long for a million messages as for one.
#[test]
fn law_10_stat_asks_for_no_entry() {
    let mut host = picky(CLEAR, Refusal::NeedsUtf8);
    let entries = |host: &Host<Picky>| host.server().maildrop().unwrap().entries.take();
    assert_eq!(entries(&host), 4, "each once, at login");
    for (line, octets) in [("DELE 1\r\n", 20), ("RSET\r\n", 30), ("LIST\r\nUIDL\r\n", 30)] {
        host.say(line);
        entries(&host);
        assert_eq!(host.say("STAT\r\n"), format!("+OK {} {octets}\r\n", octets / 10));
        assert_eq!(entries(&host), 0, "{line}");
    }
}

/// `Picky` would panic, because an application may index by the number in a question.
#[test]
fn r1939_5_d_a_maildrop_is_never_asked_for_a_number_beyond_its_count() {
    let mut host = picky(PATIENT, Refusal::NeedsUtf8);
    for number in [5, 6, 1000, u32::MAX] {
        for line in ["LIST n", "UIDL n", "RETR n", "TOP n 0", "DELE n"] {
            let line = line.replace('n', &number.to_string());
            assert_eq!(host.say(format!("{line}\r\n")), "-ERR no such message\r\n", "{line}");
        }
    }
    assert_eq!(host.say("LIST\r\nUIDL\r\n").matches("\r\n").count(), 10);
}

/// Also 6856.5.a: LIST, TOP and RETR have the code too.
#[test]
fn a_refused_entry_is_refused_with_its_reason() {
    for (refusal, answer) in [
        (Refusal::NeedsUtf8, "-ERR [UTF8] this message needs UTF8 mode\r\n"),
        (Refusal::Temporary, "-ERR [SYS/TEMP] temporary failure, try again later\r\n"),
        (Refusal::Permanent, "-ERR [SYS/PERM] permanent fault, ask for help\r\n"),
        (Refusal::NoSuchMessage, "-ERR no such message\r\n"),
    ] {
        let mut host = picky(CLEAR, refusal);
        for line in ["LIST 2", "UIDL 2", "RETR 2", "TOP 2 0", "DELE 2"] {
            assert_eq!(host.say(format!("{line}\r\n")), answer, "{line}");
        }
        assert_eq!(host.asked, [] as [&str; 0]);
    }
    let mut host = picky(CLEAR.without_resp_codes(), Refusal::NeedsUtf8);
    assert_eq!(host.say("RETR 2\r\n"), "-ERR this message needs UTF8 mode\r\n");
}

/// A message that can be read so many times.
struct Fading(Cell<u32>);

impl Maildrop for Fading {
    fn count(&self) -> u32 {
        1
    }

    fn entry(&self, _message: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let left = self.0.get().checked_sub(1).ok_or(Refusal::Temporary)?;
        self.0.set(left);
        Ok(Entry { octets: 10, id: UniqueId::new(b"a").unwrap(), marked: false })
    }

    fn mark(&mut self, _message: MessageNumber) -> Result<(), Refusal> {
        Err(Refusal::Permanent)
    }

    fn unmark_all(&mut self) {}
}

/// The maildrop accepted the command, and refuses the message when the response is written.
#[test]
fn a_message_that_fades_before_the_response_is_refused() {
    let mut host = Host::over(CLEAR, Fading(Cell::new(1000)), &["12345678"]).login();
    for (line, row) in [("LIST 1\r\n", "+OK 1 10\r\n"), ("UIDL 1\r\n", "+OK 1 a\r\n")] {
        assert_eq!(host.say(line), row);
        host.server().maildrop().unwrap().0.set(1);
        assert_eq!(host.say(line), "-ERR temporary failure, try again later\r\n");
        host.server().maildrop().unwrap().0.set(1000);
    }
}

#[test]
fn a_message_that_may_not_be_deleted_stays_unmarked_and_counted() {
    let mut host = picky(CLEAR, Refusal::NeedsUtf8);
    for _ in 0..2 {
        assert_eq!(host.say("DELE 3\r\n"), "-ERR [SYS/PERM] permanent fault, ask for help\r\n");
    }
    assert_eq!(host.say("STAT\r\nLIST 3\r\n"), "+OK 3 30\r\n+OK 3 10\r\n");
    assert!(host.marked().is_empty());
}

/// A slice without heap, a borrowed slice, and a `Vec` that owns its unique-ids give the same session.
#[test]
fn every_form_of_maildrop_serves_the_same_session() {
    let lines =
        "STAT\r\nDELE 1\r\nLIST\r\nUIDL\r\nRETR 2\r\nTOP 2 0\r\nDELE 3\r\nSTAT\r\nRSET\r\nDELE 2\r\nQUIT\r\n";
    let messages = ["abc", "A: b\r\n\r\n1\r\n", "x"];
    let mut owned = Host::over(CLEAR, infos(&messages), &messages).login();
    let expected = owned.say(lines);
    assert_eq!(expected.matches("+OK").count(), 11);
    assert!(expected.ends_with("+OK bye\r\n"));
    assert_eq!(owned.removed, [2]);

    let ids = [b"id-1", b"id-2", b"id-3"];
    let mut borrowed: Vec<MessageInfo<UniqueId<'_>>> = messages
        .iter()
        .zip(&ids)
        .map(|(message, id)| {
            MessageInfo::new(OctetCount::of(message.as_bytes()), UniqueId::new(*id).unwrap())
        })
        .collect();
    let mut host = Host::over(CLEAR, &mut borrowed[..], &messages).login();
    assert_eq!(host.say(lines), expected);
    drop(host);
    assert_eq!(borrowed.iter().map(MessageInfo::is_marked).collect::<Vec<_>>(), [false, true, false]);
    let mut host = Host::over(CLEAR, &mut borrowed, &messages).login();
    assert_eq!(host.say(lines), expected);
}

/// The shortest answer of a maildrop to a number that it does not have.
#[test]
fn a_slice_refuses_numbers_that_it_does_not_hold() {
    let mut infos = infos(&["a"]);
    let two = MessageNumber::new(2).unwrap();
    assert_eq!(infos.count(), 1);
    assert_eq!(infos.entry(two), Err(Refusal::NoSuchMessage));
    assert_eq!(infos.mark(two), Err(Refusal::NoSuchMessage));
    assert_eq!(infos.mark(MessageNumber::FIRST), Ok(()));
    assert!(infos.entry(MessageNumber::FIRST).unwrap().marked && infos[0].is_marked());
    assert_eq!((infos[0].octets(), infos[0].id().clone()), (3, UniqueId::new(b"id-1").unwrap().into()));
    infos.unmark_all();
    assert!(!infos[0].is_marked());
}

#[test]
fn the_maildrop_is_there_from_login_on_and_comes_back_at_the_end() {
    let mut host = Host::three(CLEAR);
    host.say("USER mrose\r\n");
    assert!(host.server().maildrop().is_none() && host.pop3.responder().maildrop().is_none());
    host.say("PASS a\r\n");
    assert!(host.server().maildrop().is_some() && host.pop3.responder().maildrop().is_some());
    host.say("QUIT\r\n");
    assert!(host.server().maildrop().is_none(), "the connection has dropped it, and its lock");
    let mut server = machine(CLEAR, three(), [LOGIN, "QUIT\r\n"].concat());
    assert!(server.maildrop().is_some() && server.maildrop_mut().is_some());
    assert_eq!(server.into_maildrop().unwrap().len(), 3);
}

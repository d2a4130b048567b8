//! LIST and UIDL: RFC 1939 sections 5 and 7.

use super::*;

const LIST: &str = "+OK scan listing follows\r\n";
const UIDL: &str = "+OK unique-id listing follows\r\n";

fn with_ids(ids: &[&[u8]]) -> Infos {
    ids.iter().map(|id| MessageInfo::new(1, UniqueId::new(id).unwrap().into())).collect()
}

/// Also 1939.5.list.g, quirk 7: two numbers and nothing else.
#[test]
fn r1939_5_list_b_one_message() {
    let mut host = Host::three(CLEAR).login();
    assert_eq!(host.say("LIST 2\r\n"), "+OK 2 200\r\n");
    assert_eq!(host.say("LIST 3\r\n"), "+OK 3 5\r\n");
}

/// Also 1939.5.list.a, 1939.5.list.g.
#[test]
fn r1939_5_list_c_all_messages() {
    let mut host = Host::three(CLEAR).login();
    assert_eq!(host.say("LIST\r\n"), format!("{LIST}1 120\r\n2 200\r\n3 5\r\n.\r\n"));
}

/// Also quirk 8: with the complete terminator.
#[test]
fn r1939_5_list_d_an_empty_listing_is_not_a_refusal() {
    let mut empty = Host::new(CLEAR, &[""; 0]).login();
    let mut marked = Host::new(CLEAR, &["a"]).login();
    marked.say("DELE 1\r\n");
    for host in [&mut empty, &mut marked] {
        assert_eq!(host.say("LIST\r\n"), format!("{LIST}.\r\n"));
        assert_eq!(host.say("UIDL\r\n"), format!("{UIDL}.\r\n"));
        assert_eq!(host.say("LIST 1\r\nUIDL 1\r\n"), "-ERR no such message\r\n".repeat(2));
    }
}

/// Also 1939.5.list.e, 1939.7.uidl.j.
#[test]
fn quirk_46_marked_messages_leave_gaps() {
    let mut host = Host::new(CLEAR, &["a"; 12]).login();
    for number in [1, 2, 7, 12] {
        host.say(format!("DELE {number}\r\n"));
    }
    let left = [3, 4, 5, 6, 8, 9, 10, 11];
    let rows: String = left.iter().map(|number| format!("{number} 3\r\n")).collect();
    assert_eq!(host.say("LIST\r\n"), format!("{LIST}{rows}.\r\n"));
    let rows: String = left.iter().map(|number| format!("{number} id-{number}\r\n")).collect();
    assert_eq!(host.say("UIDL\r\n"), format!("{UIDL}{rows}.\r\n"));
    host.say("RSET\r\n");
    assert_eq!(host.say("LIST\r\n").matches("\r\n").count(), 14);
}

/// Also quirk 14, AMB.13: a row has its number, without padding.
#[test]
fn r1939_7_uidl_b_one_message() {
    assert_eq!(Host::three(CLEAR).login().say("UIDL 2\r\n"), "+OK 2 id-2\r\n");
}

/// Also 1939.7.uidl.a, 1939.7.uidl.d.
#[test]
fn r1939_7_uidl_c_all_messages() {
    assert_eq!(
        Host::three(CLEAR).login().say("UIDL\r\n"),
        format!("{UIDL}1 id-1\r\n2 id-2\r\n3 id-3\r\n.\r\n")
    );
}

/// Also quirk 13: an id outside that range is not a `UniqueId`, so it cannot be listed.
#[test]
fn r1939_7_uidl_e_ids_of_1_to_70_octets_are_sent_unchanged() {
    let longest = [b'~'; 70];
    let odd: &[&[u8]] = &[b"!", b".", b"..", b"../../etc/passwd", b"%n%s", b"1", b"[IN-USE]", &longest];
    let mut host = Host::over(CLEAR, with_ids(odd), &["x"; 8]).login();
    let rows: String = odd.iter().zip(1..).map(|(id, n)| format!("{n} {}\r\n", id.escape_ascii())).collect();
    assert_eq!(host.say("UIDL\r\n"), format!("{UIDL}{rows}.\r\n"));
    assert_eq!(host.say("UIDL 8\r\n"), format!("+OK 8 {}\r\n", "~".repeat(70)));
    for bad in [b"".as_slice(), &[b'x'; 71], b"a b", b"a\tb", b"a\r\nb", b"\x7f", b"\x80", b"\0"] {
        assert!(UniqueId::new(bad).is_err(), "{}", bad.escape_ascii());
    }
}

/// The application decides whether two copies of a message share a unique-id; the server does not identify messages
/// by it.
#[test]
fn quirk_12_a_unique_id_twice() {
    let mut host = Host::over(CLEAR, with_ids(&[b"a", b"a", b"A"]), &["x"; 3]).login();
    assert_eq!(host.say("UIDL\r\n"), format!("{UIDL}1 a\r\n2 a\r\n3 A\r\n.\r\n"));
    host.say("DELE 1\r\n");
    assert_eq!(host.say("UIDL\r\n"), format!("{UIDL}2 a\r\n3 A\r\n.\r\n"));
}

/// Also 1939.7.uidl.f: in all sessions, whether they reached UPDATE or not.
#[test]
fn r1939_7_uidl_f_the_same_in_the_next_session() {
    let mut infos = infos(&["a", "b"]);
    for end in ["", "QUIT\r\n"] {
        let mut host: Host<&mut [MessageInfo<OwnedUniqueId>]> =
            Host::over(CLEAR, &mut infos[..], &["a", "b"]).login();
        assert_eq!(host.say("UIDL\r\n"), format!("{UIDL}1 id-1\r\n2 id-2\r\n.\r\n"));
        host.last(end);
    }
}

/// Also 1939.4.l: numbers are only digits, of any size.
#[test]
fn r1939_4_l_sizes_of_64_bits() {
    let id = || OwnedUniqueId::from(UniqueId::new(b"a").unwrap());
    let sizes = [0, 4_294_967_296, 9_000_000_000_000_000_000];
    let infos: Infos = sizes.iter().map(|octets| MessageInfo::new(*octets, id())).collect();
    let mut host = Host::over(CLEAR, infos, &["x"; 3]).login();
    assert_eq!(host.say("LIST\r\n"), format!("{LIST}1 0\r\n2 4294967296\r\n3 9000000000000000000\r\n.\r\n"));
    assert_eq!(host.say("STAT\r\n"), "+OK 3 9000000004294967296\r\n");
    let full: Infos = [u64::MAX, u64::MAX].iter().map(|octets| MessageInfo::new(*octets, id())).collect();
    let mut host = Host::over(CLEAR, full, &["x"; 2]).login();
    assert_eq!(host.say("STAT\r\n"), format!("+OK 2 {}\r\n", u64::MAX));
    assert_eq!(host.say("DELE 1\r\nDELE 2\r\nSTAT\r\n").lines().last(), Some("+OK 0 0"));
}

#[test]
fn the_first_line_of_a_listing_holds_no_data() {
    let mut host = Host::three(CLEAR).login();
    for line in ["LIST", "UIDL", "CAPA"] {
        let answer = host.say(format!("{line}\r\n"));
        assert!(!answer.lines().next().unwrap().bytes().any(|octet| octet.is_ascii_digit()), "{answer}");
    }
}

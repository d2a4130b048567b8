//! Attacks on a server that is open to everyone.

use super::*;
use pop3_proto::{AnswerError, State};

/// Returns the answers and the questions of a server that receives these bytes first.
fn attack(octets: &[u8]) -> (Host, String) {
    let mut host = Host::three(CLEAR);
    assert_eq!(host.say(""), "+OK ready\r\n");
    let answer = String::from_utf8(host.exchange(octets, false)).unwrap();
    (host, answer)
}

fn refusals(answer: &str) -> usize {
    assert!(answer.lines().all(|line| line.starts_with("-ERR ")), "{answer}");
    answer.lines().count()
}

/// A hostile page sends a browser here. The server never reads the commands in the body of its request.
#[test]
fn sec_http_a_request_uses_the_error_budget_up() {
    let request = b"POST / HTTP/1.1\r\nHost: pop.example.com:110\r\nUser-Agent: x\r\nAccept: */*\r\nOrigin: null\r\n\
                    Content-Type: text/plain\r\nContent-Length: 60\r\n\r\nUSER mrose\r\nPASS tanstaaf\r\nDELE 1\r\nQUIT\r\n";
    let (host, answer) = attack(request);
    assert_eq!(refusals(&answer), 5);
    assert!(answer.ends_with("-ERR too many bad commands\r\n"));
    assert_eq!((host.end, host.asked.len()), (Some(Ok(CloseReason::BadCommands)), 1));
}

#[test]
fn sec_imap_spoken_to_the_port() {
    let (host, answer) = attack(b"a1 LOGIN mrose tanstaaf\r\na2 SELECT INBOX\r\na3 STORE 1 +FLAGS \\Deleted\r\na4 EXPUNGE\r\na5 LOGOUT\r\n");
    assert_eq!(refusals(&answer), 5);
    assert_eq!((host.end, host.asked.len()), (Some(Ok(CloseReason::BadCommands)), 1));
}

/// Binary data, with and without line ends, in one piece or byte by byte.
#[test]
fn sec_tls_client_hello_on_the_cleartext_port() {
    for fill in [b'A', b'\n', b'\r', 0, 0x80] {
        let mut hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec();
        hello.resize(517, fill);
        let (mut host, answer) = attack(&hello);
        refusals(&answer);
        assert!(host.unread().len() <= host.server().min_recv_buf() || host.end.is_some());
        assert_eq!((host.server().state() == State::Authorization, host.asked.len()), (fill != b'\n', 1));
        let (mut octets, _) = attack(b"");
        let each: Vec<u8> = hello.iter().flat_map(|octet| octets.exchange(&[*octet], false)).collect();
        assert_eq!(String::from_utf8(each).unwrap(), answer);
    }
}

/// Also ROB.6: the server keeps none of the line.
#[test]
fn sec_endless_line_is_skipped_in_constant_space() {
    for login in [false, true] {
        let mut host = if login { Host::three(CLEAR).login() } else { attack(b"").0 };
        let piece = vec![b'A'; 1 << 16];
        for _ in 0..256 {
            assert_eq!(host.exchange(&piece, false), b"");
            assert_eq!(host.unread().len(), 0);
        }
        assert_eq!(host.say("\nQUIT\r\n"), "-ERR line too long\r\n+OK bye\r\n");
    }
}

/// Also ROB.16: before login, and in total.
#[test]
fn rob_16_bad_commands_are_counted() {
    // `RETR 0` names no message, and is not a useful command before login.
    for bad in ["X\r\n", "\r\n", "STAT x\r\n", "RETR\r\n", "RETR 0\r\n", "USER\r\n", "\n", "NOOP\0\r\n"] {
        let (mut host, _) = attack(b"");
        for _ in 0..4 {
            assert_eq!(refusals(&host.say(bad)), 1);
            assert_eq!(host.end, None);
        }
        assert_eq!(host.say([bad, "QUIT\r\n"].concat()), "-ERR too many bad commands\r\n");
        assert_eq!((host.end, host.unread()), (Some(Ok(CloseReason::BadCommands)), b"QUIT\r\n".as_slice()));
    }
    let (mut host, _) = attack(&b"X\r\n".repeat(4));
    host.say("USER mrose\r\nPASS a\r\n");
    assert_eq!(refusals(&host.say("X\r\n".repeat(15))), 15);
    assert_eq!(host.end, None);
    assert_eq!(host.say("NOOP\r\nX\r\n"), "+OK no operation\r\n-ERR too many bad commands\r\n");
    assert_eq!(host.end, Some(Ok(CloseReason::BadCommands)));
}

/// A number without a message is not a bad command, because clients ask for messages that they marked.
#[test]
fn rob_16_a_missing_message_is_not_a_bad_command() {
    let mut host = Host::three(CLEAR).login();
    assert_eq!(host.say("RETR 9\r\nDELE 0\r\n".repeat(200)), "-ERR no such message\r\n".repeat(400));
    assert_eq!(host.say("STAT\r\n"), "+OK 3 325\r\n");
}

/// Also ROB.8: letters, or no argument, instead of a number, and numbers of any length.
#[test]
fn sec_numbers_letters_or_no_argument_instead_of_a_number() {
    let mut host = Host::three(PATIENT).login();
    for argument in [
        "", " ", " a", " 1a", " a1", " -1", " +1", " 1.", " 1 a", " a 1", " \u{b2}", " %n", " 1;1", " '1'",
        " 1\u{0}", " \u{0}1", " 1\r",
    ] {
        for keyword in ["RETR", "DELE", "TOP", "TOP 1"] {
            let answer = host.say(format!("{keyword}{argument}\r\n"));
            assert_eq!(answer, "-ERR syntax error\r\n", "{keyword}{argument}");
        }
    }
    for digits in [10, 20, 39, 77, 200, 247] {
        let number = "9".repeat(digits);
        for line in ["RETR n", "DELE n", "LIST n", "UIDL n", "TOP n 1"] {
            assert_eq!(host.say(format!("{}\r\n", line.replace('n', &number))), "-ERR no such message\r\n");
        }
    }
    assert_eq!((host.marked().len(), host.asked.len()), (0, 0));
}

/// Such lines overflowed fixed buffers in old servers.
#[test]
fn sec_long_arguments_get_one_answer() {
    for octets in [41, 71, 127, 128, 240, 247, 248, 249, 255, 256, 511, 512, 513, 1024, 4096, 65_536] {
        let x = "x".repeat(octets);
        for login in [false, true] {
            for line in [
                "USER n",
                "PASS n",
                "APOP n n",
                "APOP a n",
                "AUTH n",
                "AUTH PLAIN n",
                "LIST n",
                "UIDL n",
                "RETR n",
                "DELE n",
                "TOP n n",
                "CAPA n",
                "n",
                "n n",
                "LANG n",
            ] {
                let mut host = if login { Host::three(PATIENT).login() } else { Host::three(PATIENT) };
                host.say("");
                let answer = host.say(format!("{}\r\n", line.replace('n', &x)));
                assert_eq!(answer.matches("\r\n").count(), 1, "{line} of {octets}");
                assert!(host.say("QUIT\r\n").starts_with("+OK bye"));
            }
        }
    }
}

/// Also ROB.19: in a name, a password and every other argument.
#[test]
fn sec_nul_and_cr_in_every_argument_are_refused() {
    for octet in ["\0", "\r", "\r\r", "\0DELE 1", "\rDELE 1"] {
        for line in [
            "USER a?b",
            "USER ?",
            "USER ?a",
            "USER a?",
            "PASS a?b",
            "PASS ?",
            "APOP a?b c4c9334bac560ecc979e58001b3e22fb",
            "APOP a c4c9334bac560ecc979e58001b3e22f?",
            "AUTH PL?AIN",
            "AUTH PLAIN A?==",
            "AUTH PLAIN\r\n?",
            "LANG e?n",
            "XTND a?b",
            "X?",
            "?",
            "LIST 1?",
            "LIST ?1",
            "UIDL 1?",
            "RETR 1?",
            "DELE 1?",
            "DELE ?1",
            "TOP 1? 1",
            "TOP 1 1?",
            "STAT?",
            "QUIT?",
            "QUIT ?",
        ] {
            static PLAIN: &[pop3_proto::Mechanism<'static>] = &[pop3_proto::Mechanism::PLAIN];
            for login in [false, true] {
                let mut host = Host::three(PATIENT.with_sasl_cleartext(PLAIN).with_other_commands());
                host.say(if login { "USER mrose\r\nPASS a\r\n" } else { "USER mrose\r\n" });
                let asked = host.asked.len() + usize::from(line == "AUTH PLAIN\r\n?" && !login);
                let answer = host.say(format!("{}\r\n", line.replace('?', octet)));
                assert!(answer.lines().last().unwrap().starts_with("-ERR "), "{line:?}, {octet:?}: {answer}");
                assert_eq!((host.asked.len(), host.end), (asked, None), "{line:?}, {octet:?}");
                assert!(!login || host.marked().is_empty());
            }
        }
    }
}

/// Every attempt has its own token, and a failed attempt leaves no state.
#[test]
fn sec_retry_a_failed_login_leaves_no_state() {
    let (mut host, _) = attack(b"");
    host.refuse_login = Some(Refusal::Credentials);
    host.say("USER one\r\nPASS a\r\n");
    host.refuse_login = None;
    assert_eq!(host.say("PASS b\r\n"), "-ERR not in this state\r\n");
    assert_eq!(host.say("USER two\r\nPASS c\r\n"), "+OK send PASS\r\n+OK maildrop open\r\n");
    assert_eq!(host.asked[1..], ["User one", "Password a", "User two", "Password c"]);
}

/// Also law 9: no name, password or text of a client is in the Debug output of the crate's values.
#[test]
fn rob_21_no_debug_shows_a_password() {
    let mut server = machine(CLEAR, three(), "USER mrose\r\n");
    let mut input = Input::more(b"PASS tanstaaf\r\nSTAT\r\n");
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    let step = server.poll(&mut input, &mut out).unwrap();
    let shown = format!("{step:?} {step:#?} {server:?} {input:?} {out:?}");
    assert!(shown.contains("Secret(..)") && !shown.contains("tanstaaf"), "{shown}");
    let Step::Ask(Ask::Login(login, _)) = step else { panic!() };
    server.close();
    let back = server.accept(login, infos(&["a"])).unwrap_err();
    assert_eq!(format!("{back:?}"), "Unaccepted { why: Stale, .. }");
    assert_eq!(AnswerError::from(back), AnswerError::Stale);
}

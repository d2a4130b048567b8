//! Unknown commands, which the application answers, and bodies after a fatal error.

use super::CLEAR;
use pop3_proto::server::{Ask, BodyError, CloseReason, MessageInfo, Refusal, ServerConfig, Step};
use pop3_proto::{ConnectionError, Input, SendBuf, Server, Text, UniqueId};
use std::time::Duration;

type Infos = Vec<MessageInfo<UniqueId<'static>>>;

/// Polls until the machine waits, and refuses or answers each unknown command.
fn run(
    server: &mut Server<Infos, ServerConfig<'_>>,
    input: &[u8],
    sink: &mut SendBuf<Vec<u8>>,
    serve: bool,
) -> Option<CloseReason> {
    let mut input = Input::more(input);
    loop {
        match server.poll(&mut input, sink).unwrap() {
            Step::Ask(Ask::Greet(token)) => server.greet(token, Text::EMPTY, sink).unwrap(),
            Step::Ask(Ask::User(token, _)) => server.accept_name(token).unwrap(),
            Step::Ask(Ask::Login(token, _)) => {
                let infos = vec![MessageInfo::new(3, UniqueId::new(b"a").unwrap())];
                server.accept(token, infos).unwrap();
            }
            Step::Ask(Ask::Fetch(token)) => {
                assert_eq!(token.octets(), 3);
                let octets = token.octets();
                server.send_body_of(token, octets).unwrap();
            }
            Step::Ask(Ask::Other(token, keyword, arguments)) => {
                let arguments = arguments.unwrap().expose();
                assert_eq!((keyword.as_bytes(), arguments), (&b"XTND"[..], &b"list of it"[..]));
                if serve {
                    server.other(token, Text::from_static("listed"), sink).unwrap();
                } else {
                    server.refuse(token, Refusal::UnknownCommand).unwrap();
                }
            }
            Step::Closed(why) => return Some(why),
            Step::NeedInput | Step::NeedBody => return None,
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn rob_40_a_command_of_the_hosts_own_is_answered() {
    let (mut server, mut sink) = (Server::new(CLEAR.with_other_commands(), 1), SendBuf::new(vec![]));
    assert_eq!(run(&mut server, b"XTND list of it\r\n", &mut sink, true), None);
    assert_eq!(sink.pending(), b"+OK \r\n+OK listed\r\n");
}

#[test]
fn rob_16_a_command_that_the_host_refuses_counts_as_bad() {
    let (mut server, mut sink) = (Server::new(CLEAR.with_other_commands(), 1), SendBuf::new(vec![]));
    let line = b"XTND list of it\r\n";
    assert_eq!(run(&mut server, &line.repeat(4), &mut sink, false), None);
    assert_eq!(run(&mut server, line, &mut sink, false), Some(CloseReason::BadCommands));
    assert!(sink.pending().ends_with(b"-ERR unknown command\r\n"));
}

#[test]
fn law_6_after_a_fatal_error_no_message_is_open() {
    let (mut server, mut sink) = (Server::new(CLEAR, 1), SendBuf::new(vec![]));
    run(&mut server, b"USER a\r\nPASS b\r\nRETR 1\r\n", &mut sink, false);
    // The sink stays full, and the output timer runs out.
    let mut small = SendBuf::new([]);
    assert_eq!(server.write_body(b"abc", &mut small), Ok(0));
    server.tick(Duration::ZERO).unwrap();
    assert!(matches!(server.tick(Duration::from_secs(1000)), Err(ConnectionError::TimedOut(_))));
    assert_eq!(server.write_body(b"abc", &mut sink), Err(BodyError::NoBody));
    assert_eq!(server.body_slice(&mut &b"abc"[..]), Err(BodyError::NoBody));
    assert_eq!(server.finish_body(), Err(BodyError::NoBody));
}

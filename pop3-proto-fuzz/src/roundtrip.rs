//! Values that a program can make: to bytes, to the same value, to the same bytes.

use crate::command::there_and_back;
use crate::response::{capability_there_and_back, response_there_and_back};
use crate::source::Choices;
use crate::wire::{Watched, encoded};
use pop3_proto::{
    ApopDigest, Base64, BufferFull, Capability, Command, Expire, Keyword, LanguageRange, Mechanism,
    Mechanisms, MessageNumber, OtherCapability, Response, ResponseCode, Secret, Sink, StatusText, Text, Verb,
};

/// Runs on choices, each of which makes a value.
pub fn run(data: &[u8]) {
    let mut choices = Choices::new(data);
    while !choices.is_empty() {
        match choices.below(3) {
            0 => {
                if let Some(command) = command(&mut choices) {
                    there_and_back(&command);
                    all_or_nothing(|out| command.encode(out));
                }
            }
            1 => {
                if let Some((response, verb)) = response(&mut choices) {
                    response_there_and_back(&response, verb);
                    all_or_nothing(|out| response.encode(out));
                }
            }
            _ => capability(&mut choices),
        }
    }
}

/// Checks that nothing is written if the buffer is one byte too small, and that the error reports the missing
/// size.
fn all_or_nothing(encode: impl Fn(&mut dyn Sink) -> Result<(), BufferFull>) {
    let wire = encoded(&encode);
    let mut buffer = vec![0; wire.len().saturating_sub(1)];
    let capacity = buffer.len();
    let mut sink = Watched::slice(&mut buffer);
    assert_eq!(encode(&mut sink), Err(BufferFull { needed: wire.len(), capacity }));
    assert_eq!(sink.pending().len(), 0);
}

fn command<'a>(choices: &mut Choices<'a>) -> Option<Command<'a>> {
    let verb = *Verb::ALL.get(usize::from(choices.below(Verb::ALL.len() as u8)))?;
    Some(match verb {
        Verb::User => Command::User(name(choices)?),
        Verb::Pass => Command::Pass(Secret::new(choices.octets(255)).ok()?),
        Verb::Apop => {
            let mut digest = [0; 16];
            digest.fill_with(|| choices.byte());
            Command::Apop { name: name(choices)?, digest: ApopDigest::new(digest) }
        }
        Verb::Auth => {
            let mechanism = mechanism(choices)?;
            let initial = if choices.flag() { Some(Base64::new(choices.octets(64)).ok()?) } else { None };
            Command::Auth { mechanism, initial }
        }
        Verb::AuthList => Command::AuthList,
        Verb::Stls => Command::Stls,
        Verb::Utf8 => Command::Utf8,
        Verb::Capa => Command::Capa,
        Verb::Lang => Command::Lang(Some(LanguageRange::new(choices.octets(12)).ok()?)),
        Verb::LangList => Command::Lang(None),
        Verb::Stat => Command::Stat,
        Verb::List => Command::List(message(choices)),
        Verb::Retr => Command::Retr(message(choices)?),
        Verb::Dele => Command::Dele(message(choices)?),
        Verb::Noop => Command::Noop,
        Verb::Rset => Command::Rset,
        Verb::Top => Command::Top { message: message(choices)?, lines: choices.number() },
        Verb::Uidl => Command::Uidl(message(choices)),
        Verb::Quit => Command::Quit,
        Verb::Other => {
            let keyword = Keyword::new(choices.octets(12)).ok()?;
            let arguments = if choices.flag() { Some(Secret::new(choices.octets(255)).ok()?) } else { None };
            Command::Other { keyword, arguments }
        }
        _ => return None,
    })
}

/// Not empty, because no command contains an empty name.
fn name<'a>(choices: &mut Choices<'a>) -> Option<Text<'a>> {
    Text::new(choices.octets(255)).ok().filter(|name| !name.is_empty())
}

fn message(choices: &mut Choices<'_>) -> Option<MessageNumber> {
    u32::try_from(choices.number()).ok().and_then(|number| MessageNumber::new(number).ok())
}

fn mechanism<'a>(choices: &mut Choices<'a>) -> Option<Mechanism<'a>> {
    match choices.below(4) {
        0 => Some(Mechanism::PLAIN),
        1 => Some(Mechanism::OAUTHBEARER),
        _ => Mechanism::new(choices.octets(20)).ok(),
    }
}

fn response<'a>(choices: &mut Choices<'a>) -> Option<(Response<'a>, Option<Verb>)> {
    let verb = Verb::ALL.get(usize::from(choices.byte())).copied();
    let kind = choices.below(3);
    if kind == 2 {
        return Some((Response::Continue(Text::new(choices.octets(255)).ok()?), Some(Verb::Auth)));
    }
    let code = if choices.flag() { Some(ResponseCode::new(choices.octets(32)).ok()?) } else { None };
    let text = Text::new(choices.octets(255)).ok()?;
    let status = StatusText::new(code, text).ok()?;
    assert_eq!((status.code(), status.text()), (code, text));
    Some((if kind == 0 { Response::Ok(status) } else { Response::Err(status) }, verb))
}

fn capability(choices: &mut Choices<'_>) {
    let names = [mechanism(choices), mechanism(choices), mechanism(choices)];
    let names: Vec<Mechanism<'_>> = names.into_iter().flatten().collect();
    let amount = choices.number() as u32;
    let user = choices.flag();
    let capability = match choices.below(16) {
        0 => Capability::Top,
        1 => Capability::User,
        2 | 3 => Capability::Sasl(Mechanisms::new(&names)),
        4 => Capability::RespCodes,
        5 => Capability::LoginDelay { seconds: amount, user },
        6 => Capability::Pipelining,
        7 => Capability::Expire { policy: Expire::Days(amount), user },
        8 => Capability::Expire { policy: Expire::Never, user },
        9 => Capability::Uidl,
        10 => {
            let Some(words) = name(choices) else { return };
            Capability::Implementation(words)
        }
        11 => Capability::Stls,
        12 => Capability::AuthRespCode,
        13 => Capability::Utf8 { user },
        14 => Capability::Lang,
        _ => return other_capability(choices),
    };
    capability_there_and_back(&capability);
    all_or_nothing(|out| capability.encode(out));
}

/// A tag that the crate knows is read as that capability. Any other tag is returned unchanged.
fn other_capability(choices: &mut Choices<'_>) {
    let (Ok(tag), Ok(arguments)) = (Text::new(choices.octets(40)), Text::new(choices.octets(255))) else {
        return;
    };
    let Ok(other) = OtherCapability::new(tag, arguments) else { return };
    let wire = encoded(|out| Capability::Other(other).encode(out));
    assert!(wire.len() <= 512 && !wire.starts_with(b"."), "a row of a listing");
    match Capability::parse(wire.strip_suffix(b"\r\n").unwrap_or(&wire)) {
        Ok(Capability::Other(again)) => assert_eq!(again, other),
        Ok(known) => capability_there_and_back(&known),
        Err(error) => panic!("{error}"),
    }
}

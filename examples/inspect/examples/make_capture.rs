//! Writes the sample capture to stdout, or the dialogue of a file in the notation of `pop3_proto::script`:
//! `make_capture [--pcapng] [DIALOGUE] > FILE.pcap`.

use inspect::make::{CLIENT, Capture, SERVER, Talk, sample};
use pop3_proto::script::Script;
use pop3_proto::tap::Side;
use std::error::Error;
use std::io::Write;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut pcapng, mut dialogue) = (false, None);
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--pcapng" => pcapng = true,
            path if !path.starts_with('-') && dialogue.is_none() => {
                dialogue = Some(std::fs::read_to_string(path)?);
            }
            _ => return Err("usage: make_capture [--pcapng] [DIALOGUE] > FILE.pcap".into()),
        }
    }
    let capture = match dialogue {
        Some(text) => from_dialogue(&text)?,
        None => sample(),
    };
    let file = if pcapng { capture.pcapng() } else { capture.pcap() };
    std::io::stdout().write_all(&file)?;
    Ok(())
}

fn from_dialogue(text: &str) -> Result<Capture, Box<dyn Error>> {
    let mut talk = Talk::new("192.0.2.1:50000", "192.0.2.110:110");
    talk.open();
    for line in Script::parse(text)?.lines() {
        let side = if line.from == Side::Client { CLIENT } else { SERVER };
        talk.say(side, line.octets);
    }
    talk.close();
    let mut capture = Capture::new();
    capture.add(talk);
    Ok(capture)
}

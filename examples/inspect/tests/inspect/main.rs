//! Captures that are made here, and what is reported of them.

mod bounds;
mod captures;
mod clients;
mod evasion;
mod extract;
mod program;
mod secrets;
mod tcp;

use inspect::make::{Capture, Talk};
use inspect::{Format, Inspector, Options, Store, capture};
use serde_json::Value;

pub(crate) const SERVER: &str = "192.0.2.110:110";
pub(crate) const CLIENT: &str = "192.0.2.1:50000";

pub(crate) fn talk() -> Talk {
    let mut talk = Talk::new(CLIENT, SERVER);
    talk.open();
    talk
}

/// A connection that is logged in.
pub(crate) fn logged_in() -> Talk {
    let mut talk = talk();
    talk.server("+OK ready\r\n")
        .client("USER mrose\r\n")
        .server("+OK\r\n")
        .client("PASS tanstaaf\r\n")
        .server("+OK\r\n");
    talk
}

pub(crate) fn capture_of(talk: Talk) -> Capture {
    let mut capture = Capture::new();
    capture.add(talk);
    capture
}

/// Everything that is reported.
pub(crate) struct Log {
    pub(crate) text: String,
    pub(crate) records: Vec<Value>,
}

pub(crate) fn inspect(talk: Talk) -> Log {
    inspect_with(&capture_of(talk), Options::default(), None)
}

pub(crate) fn inspect_with(packets: &Capture, options: Options, store: Option<Store>) -> Log {
    inspect_file(&packets.pcap(), options, store)
}

pub(crate) fn inspect_file(file: &[u8], options: Options, store: Option<Store>) -> Log {
    let text = written(file, options, Format::Json, store);
    let records = text.lines().map(|line| serde_json::from_str(line).expect("a JSON object")).collect();
    Log { text, records }
}

pub(crate) fn written(file: &[u8], options: Options, format: Format, store: Option<Store>) -> String {
    let mut log = Vec::new();
    let mut inspector = Inspector::new(options, &mut log, format, store);
    let (flows, total) = (inspector.options().flows, inspector.options().total_bytes);
    let result = capture::read(file, 1 << 20, |link, time, bytes| {
        inspector.packet(link, time, bytes)?;
        assert!(inspector.flows() <= flows && inspector.buffered() <= total);
        Ok(())
    });
    result.expect("a capture");
    inspector.finish().expect("a vector");
    String::from_utf8(log).expect("UTF-8")
}

impl Log {
    /// The transactions as `COMMAND arguments: outcome`.
    pub(crate) fn transactions(&self) -> Vec<String> {
        let all = self.records.iter().filter(|record| record["event_type"] == "pop3");
        all.map(|record| {
            let request = &record["pop3"]["request"];
            let words: Vec<&str> =
                request["args"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let command = request["command"].as_str().unwrap_or("greeting");
            let guess = if record["pop3"]["guess"] == true { " (guess)" } else { "" };
            let text = [&[command], &words[..]].concat().join(" ");
            format!("{text}: {}{guess}", record["pop3"]["outcome"].as_str().expect("an outcome"))
        })
        .collect()
    }

    /// The names of deviations, without those of a login in cleartext.
    pub(crate) fn anomalies(&self) -> Vec<&str> {
        let all = self.records.iter().filter_map(|record| record["anomaly"]["event"].as_str());
        all.filter(|event| !event.starts_with("LOGIN_")).collect()
    }

    /// The octets of the message that a transaction delivered.
    pub(crate) fn octets(&self, number: u64) -> Option<u64> {
        let mut all = self.records.iter().filter(|record| record["event_type"] == "pop3");
        all.find(|record| record["tx_id"] == number)?["pop3"]["response"]["octets"].as_u64()
    }

    pub(crate) fn files(&self) -> Vec<&Value> {
        self.records.iter().map(|record| &record["fileinfo"]).filter(|file| !file.is_null()).collect()
    }
}

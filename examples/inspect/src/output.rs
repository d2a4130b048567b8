//! Where records go: a stream of lines, and a folder for messages.

use crate::record::{Anomaly, Record};
use crate::store::Store;
use crate::time::Time;
use std::io::{self, Write};
use std::net::SocketAddr;

/// What lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// The dialogue, for people.
    Text,
}

/// How much was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Packets.
    pub packets: u64,
    /// Packets that are parts of larger ones, and were not read.
    pub fragments: u64,
    /// Connections.
    pub flows: u64,
    /// Connections that speak POP3.
    pub sessions: u64,
    /// Commands with what became of them, and greetings.
    pub transactions: u64,
    /// Complete messages.
    pub messages: u64,
    /// Deviations.
    pub anomalies: u64,
}

/// Where records go.
pub(crate) struct Output<'w> {
    writer: &'w mut dyn Write,
    pub(crate) format: Format,
    pub(crate) store: Option<Store>,
    pub(crate) totals: Totals,
    failed: Option<io::Error>,
}

/// The connection that a record is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Who {
    pub(crate) flow: u64,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) app_proto: Option<&'static str>,
}

impl<'w> Output<'w> {
    pub(crate) fn new(writer: &'w mut dyn Write, format: Format, store: Option<Store>) -> Self {
        Output { writer, format, store, totals: Totals::default(), failed: None }
    }

    /// Returns the first error of the stream, once.
    pub(crate) fn result(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.result()?;
        self.writer.flush()
    }

    /// A record without its contents.
    pub(crate) fn record<'r>(&self, who: &Who, time: Time, event_type: &'static str) -> Record<'r> {
        Record {
            timestamp: time.to_string(),
            flow_id: who.flow,
            pcap_cnt: self.totals.packets,
            event_type,
            src_ip: who.client.ip(),
            src_port: who.client.port(),
            dest_ip: who.server.ip(),
            dest_port: who.server.port(),
            proto: "TCP",
            app_proto: who.app_proto,
            tx_id: None,
            pop3: None,
            fileinfo: None,
            anomaly: None,
        }
    }

    pub(crate) fn write(&mut self, record: &Record<'_>) {
        if self.format == Format::Json {
            let written = serde_json::to_writer(&mut self.writer, record).map_err(io::Error::from);
            let written = written.and_then(|()| self.writer.write_all(b"\n"));
            self.keep(written.err());
        }
    }

    pub(crate) fn anomaly(&mut self, who: &Who, time: Time, anomaly: Anomaly) {
        self.totals.anomalies += 1;
        match self.format {
            Format::Json => {
                let mut record = self.record(who, time, "anomaly");
                record.anomaly = Some(anomaly);
                self.write(&record);
            }
            Format::Text => {
                let side = anomaly.side.map_or(String::new(), |side| format!(" ({side})"));
                let bytes = anomaly.bytes.map_or(String::new(), |bytes| format!(", {bytes} bytes"));
                self.line(who, &format!("! {}{side}{bytes}", anomaly.event));
            }
        }
    }

    /// Writes a line of the dialogue.
    pub(crate) fn line(&mut self, who: &Who, text: &str) {
        if self.format == Format::Text {
            // A terminal must not obey what a server sent.
            let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            let line = format!("{} > {}  {text}\n", who.client, who.server);
            let error = self.writer.write_all(line.as_bytes()).err();
            self.keep(error);
        }
    }

    fn keep(&mut self, error: Option<io::Error>) {
        self.failed = self.failed.take().or(error);
    }
}

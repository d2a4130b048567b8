//! A message in a response to RETR.

use crate::output::{Output, Who};
use crate::record::FileInfo;
use crate::store::{Part, Store};
use crate::time::Time;
use pop3_proto::tap::{Outcome, Transaction};
use sha2::{Digest, Sha256};

pub(crate) struct Message {
    number: u32,
    size: u64,
    digest: Sha256,
    /// The file, or why there is none; `None` if messages are not stored.
    part: Option<Result<Part, &'static str>>,
}

impl Message {
    pub(crate) fn new(number: u32, store: Option<&mut Store>) -> Self {
        Message { number, size: 0, digest: Sha256::new(), part: store.map(Store::begin) }
    }

    pub(crate) fn write(&mut self, octets: &[u8], store: Option<&mut Store>) {
        self.size += octets.len() as u64;
        self.digest.update(octets);
        if let (Some(Ok(part)), Some(store)) = (&mut self.part, store) {
            store.write(part, octets);
        }
    }

    /// Reports it. It is complete if its transaction is, and if clients agree on its end.
    pub(crate) fn end(
        self,
        who: &Who,
        transaction: Option<&Transaction>,
        time: Time,
        output: &mut Output<'_>,
    ) {
        let number = transaction.map_or(0, |transaction| transaction.number);
        let name = format!("{:016x}-{number}.eml", who.flow);
        let ambiguous = transaction.is_some_and(|transaction| transaction.is_ambiguous);
        let ended = transaction.is_some_and(|transaction| transaction.outcome == Outcome::Ok);
        let stored = match (self.part, &mut output.store) {
            (Some(Ok(part)), Some(store)) if ended && !ambiguous => Some(store.finish(part, &name)),
            (Some(Ok(part)), Some(store)) => {
                store.abandon(part);
                Some(Err(if ended { "ambiguous" } else { "incomplete" }))
            }
            (Some(Err(reason)), _) => Some(Err(reason)),
            _ => None,
        };
        output.totals.messages += u64::from(ended);
        let digest = self.digest.finalize();
        let mut record = output.record(who, time, "fileinfo");
        record.tx_id = Some(number);
        record.fileinfo = Some(FileInfo {
            filename: &name,
            state: if ended { "CLOSED" } else { "TRUNCATED" },
            stored: stored == Some(Ok(())),
            reason: stored.and_then(Result::err),
            size: self.size,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            gaps: !ended,
            ambiguous,
            guess: transaction.is_some_and(|transaction| transaction.is_guess),
            message: self.number,
        });
        output.write(&record);
    }
}

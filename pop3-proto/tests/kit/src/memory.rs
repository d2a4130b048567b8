use pop3_proto::{SendBuf, Sink, Storage};

/// The memory of a buffer, of a fixed size or growing up to a limit.
#[derive(Clone, Debug)]
pub struct Memory {
    bytes: Vec<u8>,
    limit: usize,
    /// The smallest number of bytes to grow by.
    step: usize,
}

impl Memory {
    /// Memory like an array or a slice.
    pub fn fixed(size: usize) -> Self {
        Memory { bytes: vec![0; size], limit: size, step: 0 }
    }

    /// Memory like a `Vec`, which grows to at most `limit` bytes.
    pub const fn growing(limit: usize) -> Self {
        Memory { bytes: Vec::new(), limit, step: 0 }
    }

    /// Memory like a `Vec` that grows to this size at its first use, and never again.
    pub const fn at_once(size: usize) -> Self {
        Memory { bytes: Vec::new(), limit: size, step: size }
    }
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for Memory {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Storage for Memory {
    fn grow(&mut self, length: usize) {
        let length = length.max(self.step).min(self.limit).max(self.bytes.len());
        match self.bytes.is_empty() {
            true => self.bytes = vec![0; length], // untouched pages cost no memory
            false => self.bytes.resize(length, 0),
        }
    }

    fn limit(&self) -> usize {
        self.limit
    }
}

/// Leaves no room in a send buffer, and returns the pending bytes. A call that needs room then fails (law 4).
pub(crate) fn crowd(send: &mut SendBuf<Memory>) -> Vec<u8> {
    let pending = send.pending().to_vec();
    send.put(&[&vec![b'?'; send.room()]]).unwrap();
    pending
}

/// Makes the room available again, and checks that no byte was written in between.
pub(crate) fn uncrowd(send: &mut SendBuf<Memory>, pending: &[u8]) {
    let (before, added) = send.pending().split_at(pending.len());
    assert!(before == pending && added == vec![b'?'; added.len()], "law 4: a call without room wrote");
    send.clear();
    send.put(&[pending]).unwrap();
}

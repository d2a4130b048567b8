use pop3_proto::{SendBuf, Sink};

/// A sink that a driver sends from.
pub(crate) trait Pipe: Sink {
    fn pending(&self) -> &[u8];
    fn sent(&mut self, count: usize);
}

impl Pipe for SendBuf<&mut [u8]> {
    fn pending(&self) -> &[u8] {
        SendBuf::pending(self)
    }

    fn sent(&mut self, count: usize) {
        SendBuf::sent(self, count);
    }
}

impl Pipe for SendBuf<Vec<u8>> {
    fn pending(&self) -> &[u8] {
        SendBuf::pending(self)
    }

    fn sent(&mut self, count: usize) {
        SendBuf::sent(self, count);
    }
}

/// A kind of sink, and how many octets it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Slice(usize),
    Heap(usize),
}

impl Size {
    /// The memory of an `Slice`, to be handed to [`pipe`](Self::pipe).
    pub(crate) fn buffer(self) -> Vec<u8> {
        match self {
            Size::Slice(octets) => vec![0; octets],
            Size::Heap(_) => Vec::new(),
        }
    }

    pub(crate) fn pipe(self, buffer: &mut [u8]) -> Box<dyn Pipe + '_> {
        match self {
            Size::Slice(_) => Box::new(SendBuf::new(buffer)),
            Size::Heap(octets) => Box::new(SendBuf::with_limit(vec![], octets)),
        }
    }
}

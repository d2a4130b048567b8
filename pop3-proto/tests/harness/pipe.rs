use pop3_proto::{Out, Outbox, Sink};

/// A sink that a driver sends from.
pub(crate) trait Pipe: Sink {
    fn pending(&self) -> &[u8];
    fn sent(&mut self, count: usize);
}

impl Pipe for Out<'_> {
    fn pending(&self) -> &[u8] {
        Out::pending(self)
    }

    fn sent(&mut self, count: usize) {
        Out::sent(self, count);
    }
}

impl Pipe for Outbox {
    fn pending(&self) -> &[u8] {
        Outbox::pending(self)
    }

    fn sent(&mut self, count: usize) {
        Outbox::sent(self, count);
    }
}

/// A kind of sink, and how many octets it holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Out(usize),
    Outbox(usize),
}

impl Size {
    /// The memory of an `Out`, to be handed to [`pipe`](Self::pipe).
    pub(crate) fn buffer(self) -> Vec<u8> {
        match self {
            Size::Out(octets) => vec![0; octets],
            Size::Outbox(_) => Vec::new(),
        }
    }

    pub(crate) fn pipe(self, buffer: &mut [u8]) -> Box<dyn Pipe + '_> {
        match self {
            Size::Out(_) => Box::new(Out::new(buffer)),
            Size::Outbox(octets) => Box::new(Outbox::with_limit(octets)),
        }
    }
}

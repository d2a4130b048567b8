/// A source of bytes with your own buffer, so [`send_message`](crate::Session::send_message) can read from it.
///
/// ```
/// use embedded_io::BufRead;
/// use pop3_embedded::Buffered;
///
/// let mut buffer = [0; 4]; // use at least 512 bytes in practice
/// let mut flash = Buffered::new(&b"Subject: one"[..], &mut buffer);
/// assert_eq!(flash.fill_buf(), Ok(&b"Subj"[..]));
/// flash.consume(2);
/// assert_eq!(flash.fill_buf(), Ok(&b"bj"[..]));
/// ```
#[derive(Debug)]
pub struct Buffered<'b, S> {
    source: S,
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
}

impl<'b, S> Buffered<'b, S> {
    /// Reads from `source` through `buffer`. An empty buffer is always at its end.
    pub const fn new(source: S, buffer: &'b mut [u8]) -> Self {
        Buffered { source, buffer, start: 0, end: 0 }
    }

    /// Returns the source. Bytes in the buffer are lost.
    pub fn into_source(self) -> S {
        self.source
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn take(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Copies the buffered bytes, and returns how many.
    fn copy(&mut self, to: &mut [u8]) -> usize {
        let count = to.iter_mut().zip(self.held()).map(|(to, byte)| *to = *byte).count();
        self.take(count);
        count
    }
}

impl<S: embedded_io::ErrorType> embedded_io::ErrorType for Buffered<'_, S> {
    type Error = S::Error;
}

macro_rules! buffered {
    ($io:ident $([$async:tt $await:tt])?) => {
        impl<S: $io::Read> $io::Read for Buffered<'_, S> {
            $($async)? fn read(&mut self, to: &mut [u8]) -> Result<usize, S::Error> {
                $io::BufRead::fill_buf(self)$(.$await)??;
                Ok(self.copy(to))
            }
        }

        impl<S: $io::Read> $io::BufRead for Buffered<'_, S> {
            $($async)? fn fill_buf(&mut self) -> Result<&[u8], S::Error> {
                if self.start >= self.end {
                    // This comes before the read, which may fail or be dropped.
                    (self.start, self.end) = (0, 0);
                    self.end = self.source.read(self.buffer)$(.$await)??;
                }
                Ok(self.held())
            }

            fn consume(&mut self, count: usize) {
                self.take(count);
            }
        }
    };
}

buffered!(embedded_io);
buffered!(embedded_io_async [async await]);

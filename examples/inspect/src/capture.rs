//! Files of packets: pcap with microseconds or nanoseconds, and pcapng.

use crate::packet::Link;
use crate::time::Time;
use pcap_parser::{Block, PcapBlockOwned, PcapError, create_reader};
use std::fmt;
use std::io::{self, Read};

/// Why a capture cannot be read further.
#[derive(Debug)]
pub enum CaptureError {
    /// It is neither pcap nor pcapng.
    Format,
    /// A block is damaged.
    Damaged,
    /// It ends within a packet.
    Truncated,
    /// A block is larger than the limit.
    TooLarge,
    /// It cannot be read, or the output cannot be written.
    Io(io::Error),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CaptureError::Format => "neither pcap nor pcapng",
            CaptureError::Damaged => "damaged capture: packets before the damage are reported",
            CaptureError::Truncated => "capture ends within a packet: packets before it are reported",
            CaptureError::TooLarge => "block exceeds the limit: use --block-bytes",
            CaptureError::Io(_) => "cannot read the capture, or write the output",
        })
    }
}

impl std::error::Error for CaptureError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CaptureError::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for CaptureError {
    fn from(error: io::Error) -> Self {
        CaptureError::Io(error)
    }
}

/// Interfaces of a section of pcapng that are remembered.
const MOST_INTERFACES: usize = 4096;

/// How to read the packets of an interface.
#[derive(Clone, Copy)]
struct Interface {
    link: Link,
    /// Units of time in a second.
    resolution: u64,
    /// Seconds that are added.
    offset: i64,
}

/// Reads a capture, and gives each packet to `packet`. Blocks of more than `block_bytes` are refused.
///
/// # Errors
/// [`CaptureError`]; the packets before the error have been given.
pub fn read(
    reader: impl Read + Send,
    block_bytes: usize,
    mut packet: impl FnMut(Link, Time, &[u8]) -> io::Result<()>,
) -> Result<(), CaptureError> {
    const FIRST: usize = 128 << 10;
    let mut capacity = FIRST.min(block_bytes.max(64));
    let mut blocks =
        create_reader(capacity, Patient(reader)).map_err(|error| failed(&error, CaptureError::Format))?;
    let mut state = State { interfaces: Vec::new(), nanoseconds: false };
    loop {
        match blocks.next() {
            Ok((length, block)) => {
                state.block(&block, &mut packet)?;
                blocks.consume(length);
            }
            Err(PcapError::Eof) => return Ok(()),
            Err(PcapError::Incomplete(_)) => {
                // At the end of the stream nothing more comes, whatever the reader thinks.
                let before = blocks.data().len();
                blocks.refill().map_err(|_| CaptureError::Io(io::ErrorKind::Other.into()))?;
                if blocks.data().len() == before && blocks.reader_exhausted() {
                    return if before == 0 { Ok(()) } else { Err(CaptureError::Truncated) };
                }
            }
            Err(PcapError::BufferTooSmall) => {
                capacity *= 2;
                if capacity > block_bytes || !blocks.grow(capacity) {
                    return Err(CaptureError::TooLarge);
                }
            }
            Err(error) => return Err(failed(&error, CaptureError::Damaged)),
        }
    }
}

fn failed<I>(error: &PcapError<I>, other: CaptureError) -> CaptureError {
    match error {
        PcapError::UnexpectedEof | PcapError::Eof | PcapError::Incomplete(_) => CaptureError::Truncated,
        PcapError::ReadError => CaptureError::Io(io::ErrorKind::Other.into()),
        PcapError::BufferTooSmall => CaptureError::TooLarge,
        _ => other,
    }
}

struct State {
    interfaces: Vec<Interface>,
    nanoseconds: bool,
}

impl State {
    fn block(
        &mut self,
        block: &PcapBlockOwned<'_>,
        packet: &mut impl FnMut(Link, Time, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.nanoseconds = header.is_nanosecond_precision();
                // The upper bits are about the frame check sequence.
                let link = Link(header.network.0 & 0xFFFF);
                self.interfaces = vec![Interface { link, resolution: 1_000_000, offset: 0 }];
                Ok(())
            }
            PcapBlockOwned::Legacy(frame) => {
                let Some(interface) = self.interfaces.first() else { return Ok(()) };
                let unit = if self.nanoseconds { 1 } else { 1000 };
                let time = Time::new(frame.ts_sec.into(), u64::from(frame.ts_usec) * unit);
                packet(interface.link, time, frame.data)
            }
            PcapBlockOwned::NG(Block::SectionHeader(_)) => {
                self.interfaces.clear();
                Ok(())
            }
            PcapBlockOwned::NG(Block::InterfaceDescription(block)) => {
                if self.interfaces.len() < MOST_INTERFACES {
                    self.interfaces.push(Interface {
                        link: Link(block.linktype.0),
                        resolution: block.ts_resolution().unwrap_or(1_000_000).max(1),
                        offset: block.ts_offset(),
                    });
                }
                Ok(())
            }
            PcapBlockOwned::NG(Block::EnhancedPacket(block)) => {
                let Some(interface) = self.interfaces.get(block.if_id as usize) else { return Ok(()) };
                let units = u64::from(block.ts_high) << 32 | u64::from(block.ts_low);
                let data = block.data.get(..block.caplen as usize).unwrap_or(block.data);
                packet(interface.link, interface.time(units), data)
            }
            PcapBlockOwned::NG(Block::SimplePacket(block)) => {
                let Some(interface) = self.interfaces.first() else { return Ok(()) };
                let data = block.data.get(..block.origlen as usize).unwrap_or(block.data);
                packet(interface.link, Time::default(), data)
            }
            PcapBlockOwned::NG(_) => Ok(()),
        }
    }
}

impl Interface {
    fn time(&self, units: u64) -> Time {
        let seconds = (units / self.resolution).saturating_add_signed(self.offset);
        let parts = u128::from(units % self.resolution) * 1_000_000_000 / u128::from(self.resolution);
        Time::new(seconds, parts as u64)
    }
}

/// Reads at least a header at first: a pipe may give less at once.
struct Patient<R>(R);

impl<R: Read> Read for Patient<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const HEADER: usize = 32;
        let mut filled = 0;
        while filled < buffer.len().min(HEADER) {
            match self.0.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

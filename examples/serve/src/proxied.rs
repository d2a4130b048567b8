//! The PROXY protocol, versions 1 and 2: a load balancer tells the client's address before the client's bytes.
//! <https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt>

use ipnet::IpNet;
use proxy_header::{Error, ParseConfig, ProxyHeader};
use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the header may take. A load balancer sends it at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest header of version 2. Those with a client's certificate have a few hundred bytes.
const MOST: usize = 4096;
/// The longest header of version 1, by its definition.
const MOST_V1: usize = 107;
const CONFIG: ParseConfig = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };

/// The load balancers that tell the client's address. The default is none.
#[derive(Clone, Default, Debug)]
pub struct Proxies(Arc<[IpNet]>);

impl Proxies {
    /// Takes the networks of the load balancers. Any other program there can claim any address, so they must be trusted.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Proxies(networks.into_iter().collect())
    }

    /// Returns whether this peer is a load balancer.
    pub(crate) fn has(&self, peer: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&peer.to_canonical()))
    }
}

/// Reads the header that a load balancer sends, and no byte after it. Returns the address that counts.
pub(crate) async fn client(stream: &mut TcpStream, balancer: IpAddr) -> io::Result<IpAddr> {
    match timeout(PATIENCE, read_header(stream)).await {
        Ok(client) => Ok(client?.unwrap_or(balancer).to_canonical()),
        Err(_) => Err(fault("the PROXY header is missing or incomplete")),
    }
}

/// Reads a header, and returns the client's address, as [`Header::client`] has it.
///
/// It looks at bytes before it reads them, so it reads only those of the header.
async fn read_header(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let (mut bytes, mut read) = (vec![0; MOST], 0);
    loop {
        let seen = read + stream.peek(&mut bytes[read..]).await?;
        if seen == read {
            return Err(fault("the stream ended before the PROXY header was complete"));
        }
        let header = header(&bytes[..seen])?;
        let end = header.map_or(seen, |header| header.length);
        let rest = bytes.get_mut(read..end).ok_or_else(|| fault(NOT_A_HEADER))?;
        stream.read_exact(rest).await?;
        read = end;
        if let Some(header) = header {
            return Ok(header.client);
        }
    }
}

/// A complete header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The client's address. `None` if the load balancer speaks for itself, or if the client has no address.
    pub client: Option<IpAddr>,
    /// How many bytes the header has.
    pub length: usize,
}

/// Returns the header at the start of the bytes that have arrived. Returns `None` if it is incomplete.
///
/// # Errors
/// Returns an error if no bytes after these can complete a header that is short enough.
pub fn header(start: &[u8]) -> io::Result<Option<Header>> {
    match parse(start) {
        // A longer one would be accepted only if it arrives at once.
        Ok(header) if header.length <= most(start) => Ok(Some(header)),
        Err(Error::BufferTooShort) if start.len() < most(start) => Ok(None),
        _ => Err(fault(NOT_A_HEADER)),
    }
}

const NOT_A_HEADER: &str = "not a PROXY header";

/// The start of a header of version 2 in which the load balancer speaks for itself, as for a health check.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20";

fn parse(start: &[u8]) -> Result<Header, Error> {
    if let (true, Some(length)) = (start.starts_with(LOCAL), length_v2(start)) {
        // Any family and any addresses are allowed, and ignored (section 2.2). The crate refuses some.
        let header = Header { client: None, length };
        return if start.len() < length { Err(Error::BufferTooShort) } else { Ok(header) };
    }
    let (header, length) = ProxyHeader::parse(start, CONFIG)?;
    let client = header.proxied_address().map(|address| address.source.ip());
    Ok(Header { client, length })
}

/// Returns how long the header that begins with these bytes can be.
fn most(start: &[u8]) -> usize {
    match start {
        [b'P', ..] => MOST_V1,
        _ => length_v2(start).map_or(MOST, |length| length.min(MOST)),
    }
}

/// Returns the length of a header of version 2, if its first 16 bytes have arrived.
fn length_v2(start: &[u8]) -> Option<usize> {
    let length = start.get(14..16)?.try_into().ok()?;
    Some(16 + usize::from(u16::from_be_bytes(length)))
}

fn fault(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

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

/// Reads a header, and returns the client's address. Returns `None` if the load balancer speaks for itself, or if the client has no address.
///
/// It looks at bytes before it reads them, so it reads only those of the header.
async fn read_header(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let (mut bytes, mut read) = (vec![0; MOST], 0);
    loop {
        let seen = read + stream.peek(&mut bytes[read..]).await?;
        if seen == read {
            return Err(fault("the stream ended before the PROXY header was complete"));
        }
        let client = |header: &ProxyHeader<'_>| header.proxied_address().map(|address| address.source.ip());
        let parsed = ProxyHeader::parse(&bytes[..seen], CONFIG).map(|(header, end)| (client(&header), end));
        let (client, end) = match parsed {
            // A longer one would be accepted only if it arrives at once.
            Ok((client, end)) if end <= most(&bytes) => (Some(client), end),
            Err(Error::BufferTooShort) if seen < most(&bytes[..seen]) => (None, seen),
            _ => return Err(fault("not a PROXY header")),
        };
        let rest = bytes.get_mut(read..end).ok_or_else(|| fault("not a PROXY header"))?;
        stream.read_exact(rest).await?;
        read = end;
        if let Some(client) = client {
            return Ok(client);
        }
    }
}

/// Returns how long the header that begins with these bytes can be.
fn most(start: &[u8]) -> usize {
    match start {
        [b'P', ..] => MOST_V1,
        [_, _, _, _, _, _, _, _, _, _, _, _, _, _, high, low, ..] => {
            MOST.min(16 + usize::from(u16::from_be_bytes([*high, *low])))
        }
        _ => MOST,
    }
}

fn fault(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

//! From the bytes of a packet to a TCP segment.

use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use std::net::{IpAddr, SocketAddr};

/// How packets of a capture begin: the numbers of <https://www.tcpdump.org/linktypes.html>.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link(pub i32);

impl Link {
    /// BSD loopback: the address family in four bytes.
    pub const NULL: Link = Link(0);
    /// Ethernet, perhaps with VLAN tags.
    pub const ETHERNET: Link = Link(1);
    /// IP without anything before it.
    pub const RAW: Link = Link(101);
    /// OpenBSD loopback: like [`NULL`](Self::NULL).
    pub const LOOP: Link = Link(108);
    /// Linux, from all interfaces.
    pub const LINUX_SLL: Link = Link(113);
    /// IPv4.
    pub const IPV4: Link = Link(228);
    /// IPv6.
    pub const IPV6: Link = Link(229);
    /// Linux, from all interfaces, second version.
    pub const LINUX_SLL2: Link = Link(276);
}

/// A TCP segment.
#[derive(Clone, Debug)]
pub struct Segment<'p> {
    /// Who sent it.
    pub from: SocketAddr,
    /// The destination.
    pub to: SocketAddr,
    /// The sequence number of the first byte, or of SYN.
    pub sequence: u32,
    /// The sequence number of the next byte that the sender expects.
    pub acknowledgement: Option<u32>,
    /// It opens a connection.
    pub syn: bool,
    /// The sender has finished.
    pub fin: bool,
    /// The connection is broken off.
    pub rst: bool,
    /// Some of the bytes are urgent, and may not be part of the stream that the receiver reads.
    pub urgent: bool,
    /// The bytes, as far as they were captured.
    pub bytes: &'p [u8],
    /// The checksum is wrong, so a receiver ignores the segment. `None` if the packet is cut.
    pub checksum: Option<bool>,
}

/// What a packet is.
#[derive(Debug)]
pub enum Packet<'p> {
    /// A TCP segment.
    Tcp(Segment<'p>),
    /// A part of an IP packet between these addresses. Parts are not put together.
    Fragment(IpAddr, IpAddr),
    /// Not TCP, or not a packet that can be read.
    Other,
}

impl<'p> Packet<'p> {
    /// Reads a packet of a capture.
    #[must_use]
    pub fn read(link: Link, bytes: &'p [u8]) -> Self {
        match sliced(link, bytes) {
            Some(packet) => Self::from_sliced(packet),
            None => Packet::Other,
        }
    }

    fn from_sliced(packet: LaxSlicedPacket<'p>) -> Self {
        let (from, to): (IpAddr, IpAddr) = match &packet.net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into())
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into())
            }
            _ => return Packet::Other,
        };
        let payload = packet.net.as_ref().and_then(LaxNetSlice::ip_payload_ref);
        if payload.is_some_and(|payload| payload.fragmented) {
            return Packet::Fragment(from, to);
        }
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return Packet::Other };
        let is_cut = payload.is_some_and(|payload| payload.incomplete);
        let sum = match &packet.net {
            _ if is_cut => None,
            Some(LaxNetSlice::Ipv4(ip)) => {
                tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).ok()
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                tcp.calc_checksum_ipv6(ip.header().source(), ip.header().destination()).ok()
            }
            _ => None,
        };
        Packet::Tcp(Segment {
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            acknowledgement: tcp.ack().then(|| tcp.acknowledgment_number()),
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            urgent: tcp.urg() && tcp.urgent_pointer() > 0,
            bytes: tcp.payload(),
            checksum: sum.map(|sum| sum == tcp.checksum()),
        })
    }
}

fn sliced(link: Link, bytes: &[u8]) -> Option<LaxSlicedPacket<'_>> {
    // A header of fixed length with the type of what follows.
    let typed = |header: usize, at: usize| {
        let kind = bytes.get(at..at + 2)?;
        let kind = EtherType(u16::from_be_bytes([kind[0], kind[1]]));
        Some(LaxSlicedPacket::from_ether_type(kind, bytes.get(header..)?))
    };
    match link {
        Link::ETHERNET => LaxSlicedPacket::from_ethernet(bytes).ok(),
        Link::LINUX_SLL => typed(16, 14),
        Link::LINUX_SLL2 => typed(20, 0),
        Link::NULL | Link::LOOP => LaxSlicedPacket::from_ip(bytes.get(4..)?).ok(),
        // 12 and 14 are raw IP on some systems.
        Link::RAW | Link::IPV4 | Link::IPV6 | Link(12 | 14) => LaxSlicedPacket::from_ip(bytes).ok(),
        _ => None,
    }
}

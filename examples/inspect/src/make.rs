//! Captures of made-up dialogues: every packet is written here, so no capture of real people is needed.
//!
//! ```
//! use inspect::make::{Capture, Talk};
//!
//! let mut talk = Talk::new("192.0.2.1:50000", "192.0.2.110:110");
//! talk.open().server("+OK ready\r\n").client("QUIT\r\n").server("+OK bye\r\n").close();
//! let mut capture = Capture::new();
//! capture.add(talk);
//! assert!(capture.pcap().len() > 500);
//! ```

use crate::packet::Link;
use crate::time::Time;
use etherparse::{PacketBuilder, PacketBuilderStep, TcpHeader, VlanId};
use std::net::{IpAddr, SocketAddr};

/// A packet and when it is sent.
pub type Packet = (Time, Vec<u8>);

/// A connection between two addresses, packet by packet.
#[derive(Clone, Debug)]
pub struct Talk {
    ends: [SocketAddr; 2],
    /// The sequence numbers of the next bytes of client and server.
    next: [u32; 2],
    time: Time,
    largest: usize,
    link: Link,
    vlan: bool,
    packets: Vec<Packet>,
}

/// The client's number in a [`Talk`].
pub const CLIENT: usize = 0;
/// The server's number.
pub const SERVER: usize = 1;

/// What a segment has besides its bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Flags {
    /// It opens the connection.
    pub syn: bool,
    /// The sender has finished.
    pub fin: bool,
    /// The connection is broken off.
    pub rst: bool,
    /// All of it is urgent.
    pub urgent: bool,
    /// It acknowledges nothing.
    pub no_ack: bool,
    /// Its checksum is wrong.
    pub bad_checksum: bool,
}

impl Talk {
    /// Returns a connection without packets.
    ///
    /// # Panics
    /// If an address is not one.
    #[must_use]
    pub fn new(client: &str, server: &str) -> Self {
        let end = |text: &str| text.parse().expect("an address and a port");
        Talk {
            ends: [end(client), end(server)],
            next: [1_000_000, u32::MAX - 100], // the server's wraps
            time: Time::new(1_700_000_000, 0),
            largest: 1460,
            link: Link::ETHERNET,
            vlan: false,
            packets: Vec::new(),
        }
    }

    /// Sets the link layer of packets, by default [`Link::ETHERNET`].
    #[must_use]
    pub fn with_link(self, link: Link) -> Self {
        Talk { link, ..self }
    }

    /// Puts a VLAN tag into every packet.
    #[must_use]
    pub fn with_vlan(self) -> Self {
        Talk { vlan: true, ..self }
    }

    /// Sets the greatest length of a segment, by default 1460 bytes.
    #[must_use]
    pub fn with_largest(self, largest: usize) -> Self {
        Talk { largest, ..self }
    }

    /// Sets when the next packet is sent.
    #[must_use]
    pub fn at(self, time: Time) -> Self {
        Talk { time, ..self }
    }

    /// Opens the connection.
    pub fn open(&mut self) -> &mut Self {
        self.raw(CLIENT, 0, b"", Flags { syn: true, no_ack: true, ..Flags::default() });
        self.next[CLIENT] = self.next[CLIENT].wrapping_add(1);
        self.raw(SERVER, 0, b"", Flags { syn: true, ..Flags::default() });
        self.next[SERVER] = self.next[SERVER].wrapping_add(1);
        self.acknowledge(CLIENT)
    }

    /// The client sends this, and the server acknowledges it.
    pub fn client(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.say(CLIENT, bytes.as_ref())
    }

    /// The server sends this, and the client acknowledges it.
    pub fn server(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.say(SERVER, bytes.as_ref())
    }

    /// One side sends this, and the other acknowledges it.
    pub fn say(&mut self, side: usize, bytes: &[u8]) -> &mut Self {
        for part in bytes.chunks(self.largest) {
            self.raw(side, 0, part, Flags::default());
            self.skip(side, part.len());
        }
        self.acknowledge(1 - side)
    }

    /// Sends a segment that begins this number of bytes after the next one. The next byte stays the same.
    pub fn raw(&mut self, side: usize, ahead: i32, bytes: &[u8], flags: Flags) -> &mut Self {
        let sequence = self.next[side].wrapping_add_signed(ahead);
        let mut tcp = TcpHeader::new(self.ends[side].port(), self.ends[1 - side].port(), sequence, 65_000);
        (tcp.syn, tcp.fin, tcp.rst, tcp.ack) = (flags.syn, flags.fin, flags.rst, !flags.no_ack);
        tcp.acknowledgment_number = if flags.no_ack { 0 } else { self.next[1 - side] };
        (tcp.urg, tcp.urgent_pointer) = (flags.urgent, if flags.urgent { bytes.len() as u16 } else { 0 });
        let mut packet = Vec::new();
        self.headers(side).tcp_header(tcp).write(&mut packet, bytes).expect("a packet");
        if flags.bad_checksum {
            // 16 bytes into the TCP header, which has no options.
            let at = packet.len() - bytes.len() - 4;
            packet[at] ^= 0xFF;
        }
        self.packets.push((self.time, self.framed(packet)));
        self.time.0 += 1_000_000;
        self
    }

    /// Counts bytes of a side as sent, for a capture that lacks them.
    pub fn skip(&mut self, side: usize, bytes: usize) -> &mut Self {
        self.next[side] = self.next[side].wrapping_add(bytes as u32);
        self
    }

    /// One side acknowledges everything.
    pub fn acknowledge(&mut self, side: usize) -> &mut Self {
        self.raw(side, 0, b"", Flags::default())
    }

    /// Both sides finish.
    pub fn close(&mut self) -> &mut Self {
        for side in [CLIENT, SERVER] {
            self.raw(side, 0, b"", Flags { fin: true, ..Flags::default() });
            self.skip(side, 1);
        }
        self.acknowledge(CLIENT)
    }

    /// Returns the packets, to change their order or to remove some.
    pub fn packets(&mut self) -> &mut Vec<Packet> {
        &mut self.packets
    }

    /// A packet up to its IP header.
    fn headers(&self, side: usize) -> PacketBuilderStep<etherparse::IpHeaders> {
        let link = || PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let tag = || link().single_vlan(VlanId::try_new(7).unwrap_or_default());
        let kind = (self.link == Link::ETHERNET, self.vlan);
        match (self.ends[side].ip(), self.ends[1 - side].ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => match kind {
                (true, true) => tag().ipv4(from.octets(), to.octets(), 64),
                (true, false) => link().ipv4(from.octets(), to.octets(), 64),
                _ => PacketBuilder::ipv4(from.octets(), to.octets(), 64),
            },
            (from, to) => {
                let (from, to) = (v6(from), v6(to));
                match kind {
                    (true, true) => tag().ipv6(from, to, 64),
                    (true, false) => link().ipv6(from, to, 64),
                    _ => PacketBuilder::ipv6(from, to, 64),
                }
            }
        }
    }

    fn framed(&self, packet: Vec<u8>) -> Vec<u8> {
        let is_v4 = self.ends[0].is_ipv4();
        let kind: [u8; 2] = if is_v4 { [0x08, 0x00] } else { [0x86, 0xDD] };
        let header = match self.link {
            Link::NULL => vec![if is_v4 { 2 } else { 30 }, 0, 0, 0],
            Link::LOOP => vec![0, 0, 0, if is_v4 { 2 } else { 30 }],
            Link::LINUX_SLL => [&[0; 14][..], &kind].concat(),
            Link::LINUX_SLL2 => [&kind[..], &[0; 18]].concat(),
            _ => vec![],
        };
        [header, packet].concat()
    }
}

fn v6(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// Packets of connections.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    link: Option<Link>,
    packets: Vec<Packet>,
}

impl Capture {
    /// Returns a capture without packets.
    #[must_use]
    pub fn new() -> Self {
        Capture::default()
    }

    /// Adds the packets of a connection, in the order of their times.
    pub fn add(&mut self, talk: Talk) -> &mut Self {
        self.link.get_or_insert(talk.link);
        self.packets.extend(talk.packets);
        self.packets.sort_by_key(|(time, _)| *time);
        self
    }

    /// Returns the packets.
    #[must_use]
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// Returns how packets begin.
    #[must_use]
    pub fn link(&self) -> Link {
        self.link.unwrap_or(Link::ETHERNET)
    }

    /// Returns a file of pcap with microseconds.
    #[must_use]
    pub fn pcap(&self) -> Vec<u8> {
        self.legacy(0xA1B2_C3D4, 1000)
    }

    /// Returns a file of pcap with nanoseconds.
    #[must_use]
    pub fn pcap_nanoseconds(&self) -> Vec<u8> {
        self.legacy(0xA1B2_3C4D, 1)
    }

    fn legacy(&self, magic: u32, unit: u64) -> Vec<u8> {
        let mut file = Vec::new();
        let link = self.link().0 as u32;
        [magic, 0x0004_0002, 0, 0, 262_144, link].iter().for_each(|word| file.extend(word.to_le_bytes()));
        for (time, packet) in &self.packets {
            let (seconds, parts) = (time.0 / 1_000_000_000, time.0 % 1_000_000_000 / unit);
            let length = packet.len() as u32;
            [seconds as u32, parts as u32, length, length]
                .iter()
                .for_each(|word| file.extend(word.to_le_bytes()));
            file.extend(packet);
        }
        file
    }

    /// Returns a file of pcapng, in the order of bytes of large machines, with nanoseconds.
    #[must_use]
    pub fn pcapng(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut block = |kind: u32, body: &[&[u8]]| {
            let mut body = body.concat();
            body.resize(body.len().next_multiple_of(4), 0);
            let length = (body.len() as u32 + 12).to_be_bytes();
            [&kind.to_be_bytes()[..], &length, &body, &length].iter().for_each(|part| file.extend(*part));
        };
        block(0x0A0D_0D0A, &[&0x1A2B_3C4Du32.to_be_bytes(), &[0, 1, 0, 0], &[0xFF; 8]]);
        let link = (self.link().0 as u16).to_be_bytes();
        // The option if_tsresol: 9 digits; then the end of options.
        block(1, &[&link, &[0, 0], &262_144u32.to_be_bytes(), &[0, 9, 0, 1, 9, 0, 0, 0], &[0; 4]]);
        for (time, packet) in &self.packets {
            let length = (packet.len() as u32).to_be_bytes();
            block(6, &[&[0; 4], &time.0.to_be_bytes(), &length, &length, packet]);
        }
        file
    }
}

/// Returns a small capture that shows what the program does: a session with a refused login, messages and pipelining, one with
/// AUTH in two steps, one that goes on inside TLS, and one that somebody has tampered with.
#[must_use]
pub fn sample() -> Capture {
    let mut capture = Capture::new();
    for talk in [mailbox(), sasl(), stls(), tampered()] {
        capture.add(talk);
    }
    capture
}

fn mailbox() -> Talk {
    let mut talk = Talk::new("192.0.2.1:50001", "192.0.2.110:110").with_largest(60);
    talk.open()
        .server("+OK POP3 server ready\r\n")
        .client("CAPA\r\n")
        .server("+OK\r\nUSER\r\nSTLS\r\nPIPELINING\r\n.\r\n")
        .client("USER mrose\r\nPASS tanstaff\r\n")
        .server("+OK\r\n-ERR [AUTH] wrong password tanstaff\r\n")
        .client("USER mrose\r\nPASS tanstaaf\r\n")
        .server("+OK\r\n+OK 2 messages\r\n")
        .client("STAT\r\nUIDL\r\nRETR 1\r\nRETR 2\r\nDELE 1\r\n")
        .server("+OK 2 99\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n")
        .server("+OK 50 octets\r\nFrom: <a@example.org>\r\nSubject: one\r\n\r\n..\r\nA dot.\r\n.\r\n")
        .server("+OK 49 octets\r\nFrom: <b@example.org>\r\nSubject: two\r\n\r\nGoodbye.\r\n.\r\n+OK\r\n")
        .client("QUIT\r\n")
        .server("+OK bye\r\n")
        .close();
    talk
}

fn sasl() -> Talk {
    let mut talk = Talk::new("[2001:db8::1]:50002", "[2001:db8::110]:110").at(Time::new(1_700_000_010, 0));
    talk.open()
        .server("+OK ready\r\n")
        .client("AUTH LOGIN\r\n")
        .server("+ VXNlcm5hbWU6\r\n")
        .client("bXJvc2U=\r\n")
        .server("+ UGFzc3dvcmQ6\r\n")
        .client("dGFuc3RhYWY=\r\n")
        .server("+OK\r\n")
        .client("TOP 1 0\r\n")
        .server("+OK\r\nSubject: dots\r\n...\r\n.\r\n")
        .client("QUIT\r\n")
        .server("+OK\r\n")
        .close();
    talk
}

fn stls() -> Talk {
    let mut talk = Talk::new("192.0.2.3:50003", "192.0.2.110:110").at(Time::new(1_700_000_020, 0));
    talk.open()
        .server("+OK ready\r\n")
        .client("STLS\r\n")
        .server("+OK begin\r\n")
        .client(b"\x16\x03\x01\x00\x05hello")
        .server(b"\x16\x03\x03\x00\x05hello")
        .close();
    talk
}

fn tampered() -> Talk {
    let mut talk = Talk::new("192.0.2.4:50004", "192.0.2.110:110").at(Time::new(1_700_000_030, 0));
    talk.open().server("+OK ready\r\n").client("USER mrose\r\nPASS tanstaaf\r\n").server("+OK\r\n+OK\r\n");
    talk.client("RETR 1\r\n");
    let (real, fake) =
        (b"+OK\r\nSubject: invoice\r\n\r\npay A\r\n.\r\n", b"+OK\r\nSubject: invoice\r\n\r\npay B\r\n.\r\n");
    talk.raw(SERVER, 0, fake, Flags::default()).say(SERVER, real);
    talk.client("RETR 2\r\n")
        .server("+OK 9 octets\r\nSubject: c\r\n\n.\nhidden\r\n.\r\n")
        .client("QUIT\r\n")
        .server("+OK\r\n");
    talk.close();
    talk
}

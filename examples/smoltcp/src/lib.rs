//! A client and a server over smoltcp, a TCP/IP stack in user space, on its loopback device. It uses no socket of the operating
//! system, and its clock is a number.
//!
//! - [`ends`]: a client and a server, each on a TCP socket, which never block
//! - [`shuffle`]: the loopback device with a short MTU, which swaps packets
//! - [`run`]: the loop of the stack, the two ends, and the time

pub mod ends;
mod shuffle;

use ends::{Fetcher, Keeper};
use pop3_proto::server::ServerConfig;
use smoltcp::iface::{self, Interface, SocketSet};
use smoltcp::phy::FaultInjector;
use smoltcp::socket::tcp;
use smoltcp::time::{Duration as Span, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// Any error. The examples only print it.
pub type Error = Box<dyn std::error::Error>;

/// The faults of the network.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// How many bytes a socket buffers in each direction, and so the largest window.
    pub window: usize,
    /// The same seed loses and swaps the same packets.
    pub seed: u32,
    /// How many of 100 packets are lost when they are sent, and as many again when they are received.
    pub lost: u8,
    /// How many of 100 packets overtake the previous packet.
    pub swapped: u8,
    /// How many of 100 packets arrive with a flipped bit, which the checksums detect.
    pub corrupted: u8,
}

/// The result of a session.
#[derive(Clone, Debug)]
pub struct Report {
    /// The messages that the client fetched, in order.
    pub fetched: Vec<Vec<u8>>,
    /// How many messages are left on the server.
    pub left: usize,
    /// The time at which it was over.
    pub end: Duration,
    /// Packets that reached the device, and how many of them were swapped.
    pub packets: u32,
    pub swapped: u32,
}

/// Runs one session, in which the client fetches and deletes these messages.
pub fn run(
    network: Network,
    config: &'static ServerConfig<'_>,
    messages: &[Vec<u8>],
) -> Result<Report, Error> {
    let activity = Rc::new(Cell::new(0));
    let shuffle = shuffle::Shuffle::new(network.seed, network.swapped, Rc::clone(&activity));
    let mut device = FaultInjector::new(shuffle, network.seed);
    device.set_drop_chance(network.lost);
    device.set_corrupt_chance(network.corrupted);

    let mut now = Instant::ZERO;
    let mut stack = Interface::new(iface::Config::new(HardwareAddress::Ip), &mut device, now);
    let here = IpAddress::v4(127, 0, 0, 1);
    stack.update_ip_addrs(|addresses| _ = addresses.push(IpCidr::new(here, 8)));
    let mut sockets = SocketSet::new(Vec::new());
    let mut add = || {
        let buffer = || tcp::SocketBuffer::new(vec![0; network.window]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        // Commands and responses are small, and each is sent when it is complete.
        socket.set_nagle_enabled(false);
        // This release of smoltcp does not probe a closed window. If the packet that opens it again is lost, both sides would wait
        // forever. The response to a keep-alive packet contains the window too.
        socket.set_keep_alive(Some(Span::from_secs(1)));
        sockets.add(socket)
    };
    let (near, far) = (add(), add());
    sockets.get_mut::<tcp::Socket<'_>>(far).listen(110)?;
    sockets.get_mut::<tcp::Socket<'_>>(near).connect(stack.context(), (here, 110), 49152)?;

    let mut client = Fetcher::new()?;
    let mut server = Keeper::new(config, messages)?;
    while !(client.is_done() && server.is_done()) {
        let before = activity.get();
        stack.poll(now, &mut device, &mut sockets);
        let mut moved = activity.get() != before;
        moved |= client.turn(sockets.get_mut(near))?;
        moved |= server.turn(sockets.get_mut(far))?;
        // `tick` takes the time before each wait, and returns when to call it again. Nothing waits here: the clock is set to the time of
        // the next event.
        let at = Duration::from_millis(now.total_millis().try_into()?);
        let timers = [client.tick(at)?, server.tick(at)?];
        if moved {
            continue;
        }
        let wake = timers.into_iter().flatten().map(|moment| Span::from(moment.saturating_sub(at)));
        let delay = wake
            .chain(stack.poll_delay(now, &sockets))
            .min()
            .ok_or("the session is stuck: no packet or timer is pending")?;
        now += delay.max(Span::from_millis(1));
    }
    let shuffle = device.into_inner();
    Ok(Report {
        fetched: client.into_messages(),
        left: server.left(),
        end: Duration::from_millis(now.total_millis().try_into()?),
        packets: shuffle.packets,
        swapped: shuffle.swapped,
    })
}

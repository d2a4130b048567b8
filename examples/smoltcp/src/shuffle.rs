//! The loopback device with a short MTU, which swaps packets, because smoltcp's fault injector loses and corrupts packets but
//! keeps their order.

use smoltcp::phy::{ChecksumCapabilities, Device, DeviceCapabilities, Loopback, Medium, RxToken};
use smoltcp::time::Instant;
use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

/// So short that a window of 512 bytes is more than one packet.
const MTU: usize = 200;

pub(crate) struct Shuffle {
    loopback: Loopback,
    queue: VecDeque<Vec<u8>>,
    random: u32,
    chance: u8,
    /// How often a packet was sent or received. It is shared, because the fault injector hides its device, and nothing else shows that a
    /// packet is on its way while all sockets are idle.
    activity: Rc<Cell<u32>>,
    pub(crate) packets: u32,
    pub(crate) swapped: u32,
}

impl Shuffle {
    pub(crate) fn new(seed: u32, chance: u8, activity: Rc<Cell<u32>>) -> Self {
        let loopback = Loopback::new(Medium::Ip);
        Shuffle { loopback, queue: VecDeque::new(), random: seed, chance, activity, packets: 0, swapped: 0 }
    }

    fn chance(&mut self) -> bool {
        // A linear congruential generator, whose high bits are good enough here.
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 16) % 100 < self.chance.into()
    }
}

impl Device for Shuffle {
    type RxToken<'a> = Packet;
    type TxToken<'a> = <Loopback as Device>::TxToken<'a>;

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = self.loopback.capabilities();
        capabilities.max_transmission_unit = MTU;
        // The loopback device turns them off, but a corrupted packet is lost only if they are checked.
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities
    }

    fn receive(&mut self, now: Instant) -> Option<(Packet, Self::TxToken<'_>)> {
        while let Some((token, _)) = self.loopback.receive(now) {
            self.packets += 1;
            let packet = token.consume(<[u8]>::to_vec);
            let place = self.queue.len();
            let swap = self.chance() && place > 0;
            self.swapped += u32::from(swap);
            self.queue.insert(place - usize::from(swap), packet);
        }
        let packet = Packet(self.queue.pop_front()?);
        self.activity.set(self.activity.get() + 1);
        Some((packet, self.loopback.transmit(now)?))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        self.activity.set(self.activity.get() + 1);
        self.loopback.transmit(now)
    }
}

pub(crate) struct Packet(Vec<u8>);

impl RxToken for Packet {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smoltcp::phy::TxToken;

    #[test]
    fn packets_are_swapped_and_all_arrive() {
        for (chance, order) in [(0, [1, 2, 3]), (100, [2, 3, 1])] {
            let mut device = Shuffle::new(1, chance, Rc::default());
            for octet in 1..=3 {
                device.transmit(Instant::ZERO).unwrap().consume(1, |packet| packet[0] = octet);
            }
            let received =
                order.map(|_| device.receive(Instant::ZERO).unwrap().0.consume(|packet| packet[0]));
            assert_eq!(received, order);
            assert!(device.receive(Instant::ZERO).is_none());
        }
    }
}

//! Limits how many connections there may be, in all and from one address.
//!
//! ```
//! use pop3_proto_basics::guests::Guests;
//! use std::net::{IpAddr, Ipv4Addr};
//!
//! let (guests, address) = (Guests::new(300, 1), IpAddr::V4(Ipv4Addr::LOCALHOST));
//! let guest = guests.welcome(address);
//! assert!(guest.is_some() && guests.welcome(address).is_none());
//! drop(guest); // keeps it until the connection ends
//! assert!(guests.welcome(address).is_some());
//! ```

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// The connections that are open now.
#[derive(Debug)]
pub struct Guests {
    most: usize,
    most_of_one: usize,
    here: Arc<Mutex<Here>>,
}

#[derive(Default, Debug)]
struct Here {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A connection that counts while it lasts.
#[derive(Debug)]
#[must_use = "the connection counts until this is dropped"]
pub struct Guest {
    address: IpAddr,
    here: Arc<Mutex<Here>>,
}

impl Guests {
    /// Allows `most` connections in all, and `most_of_one` from one address.
    #[must_use]
    pub fn new(most: usize, most_of_one: usize) -> Self {
        Guests { most, most_of_one, here: Arc::default() }
    }

    /// Counts a connection from this address. Returns `None` if there are too many, in all or from this address.
    pub fn welcome(&self, address: IpAddr) -> Option<Guest> {
        let address = network(address);
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let from_there = here.by_address.get(&address).copied().unwrap_or(0);
        (here.all < self.most && from_there < self.most_of_one).then(|| {
            here.all += 1;
            here.by_address.insert(address, from_there + 1);
            Guest { address, here: Arc::clone(&self.here) }
        })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.all -= 1;
        match here.by_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(here.by_address.remove(&self.address)),
        }
    }
}

/// Returns the part of an address that identifies a client. For IPv6 it is the first half, because one client
/// has all addresses that begin with it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

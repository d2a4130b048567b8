//! The parts that a board provides: an entry, a panic handler, a serial port. On the host the C library takes its place, with
//! standard input and output for the port. It provides no allocator, and this program needs none.

use core::convert::Infallible;
use core::time::Duration;
use embedded_io::{ErrorType, Read, Write};
use pop3_proto::server::MessageInfo;
use pop3_proto::{MessageNumber, OctetCount, Secret, Text, UniqueId};
use pop3_proto_bare_metal::{Account, Mailbox, Store};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    port::exit(101)
}

#[cfg(not(target_os = "none"))]
mod port {
    #[link(name = "c")]
    unsafe extern "C" {
        pub(super) safe fn getchar() -> i32;
        pub(super) safe fn putchar(octet: i32) -> i32;
        pub(super) safe fn fflush(stream: usize) -> i32;
        pub(super) safe fn exit(code: i32) -> !;
    }

    /// The start-up files of a C program call this.
    // Nothing else in the program has this name.
    #[unsafe(no_mangle)]
    extern "C" fn main() -> i32 {
        i32::from(!crate::run())
    }
}

/// A Cortex-M3, with Linux's system calls in place of a board's registers, so the programs run under qemu-user.
#[cfg(target_os = "none")]
mod port {
    use core::arch::asm;

    fn call(number: u32, mut first: u32, second: *mut u8, third: u32) -> u32 {
        // SAFETY: read(2), write(2) and exit(2) access only their arguments, which are one byte of the caller's or nothing.
        // The number goes in r7, which the compiler reserves.
        unsafe {
            asm!(
                "mov {kept}, r7", "mov r7, {number}", "svc 0", "mov r7, {kept}",
                kept = out(reg) _, number = in(reg) number,
                inout("r0") first, in("r1") second, in("r2") third,
            );
        }
        first
    }

    pub(super) fn getchar() -> i32 {
        let mut octet = 0;
        if call(3, 0, &mut octet, 1) == 1 { octet.into() } else { -1 }
    }

    pub(super) fn putchar(octet: i32) -> i32 {
        let mut byte = octet as u8;
        call(4, 1, &mut byte, 1);
        octet
    }

    pub(super) fn fflush(_: usize) -> i32 {
        0
    }

    pub(super) fn exit(code: i32) -> ! {
        loop {
            call(1, code as u32, core::ptr::null_mut(), 0);
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        exit(i32::from(!crate::run()))
    }
}

/// The serial port.
pub(crate) struct Serial;

impl ErrorType for Serial {
    type Error = Infallible;
}

impl Read for Serial {
    /// Reads a byte at a time, as from a port without a buffer. A negative result means that the other side
    /// is gone.
    fn read(&mut self, to: &mut [u8]) -> Result<usize, Infallible> {
        match (u8::try_from(port::getchar()), to.first_mut()) {
            (Ok(octet), Some(to)) => {
                *to = octet;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

impl Write for Serial {
    fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        for octet in from {
            port::putchar((*octet).into());
        }
        Ok(from.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        port::fflush(0); // flushes all streams
        Ok(())
    }
}

/// Returns a fixed time, because this board has no clock, so no timer ever runs out.
pub(crate) fn now() -> Duration {
    Duration::ZERO
}

/// Returns the user of the device.
pub(crate) fn account() -> Option<Account<'static>> {
    let name = const { Text::from_static("mrose") };
    Some(Account { name, password: Secret::new(b"tanstaaf").ok()? })
}

/// The messages of the device.
const MESSAGES: [&[u8]; 2] = [
    b"Subject: temperature\n\n21.5 degrees\n.\n..two dots\n",
    b"Subject: alarm\r\n\r\nThe door was open for nine minutes.\r\n",
];

/// The same messages, as a client receives them.
const FETCHED: [&[u8]; 2] = [b"Subject: temperature\r\n\r\n21.5 degrees\r\n.\r\n..two dots\r\n", MESSAGES[1]];

/// Returns their rows for the listing.
pub(crate) fn slots() -> Option<[MessageInfo<UniqueId<'static>>; 2]> {
    let [one, two] = MESSAGES;
    Some([
        MessageInfo::new(OctetCount::of(one), UniqueId::new(b"1").ok()?),
        MessageInfo::new(OctetCount::of(two), UniqueId::new(b"2").ok()?),
    ])
}

/// The messages, until they are removed.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) removed: [bool; 2],
}

impl Mailbox for Memory {
    fn knows(&self, name: &[u8]) -> bool {
        name == b"mrose"
    }

    fn admits(&self, password: &[u8]) -> bool {
        password == b"tanstaaf"
    }

    fn message(&self, message: MessageNumber) -> Option<&[u8]> {
        MESSAGES.get(message.index()).copied()
    }

    fn remove(&mut self, message: MessageNumber) -> bool {
        self.removed.get_mut(message.index()).map(|removed| *removed = true).is_some()
    }
}

/// Compares the received bytes with the expected ones, and so needs no room for them.
#[derive(Default)]
pub(crate) struct Compare {
    /// How many bytes of each message were as expected.
    good: [usize; 2],
    pub(crate) bad: bool,
}

impl Store for Compare {
    fn add(&mut self, message: MessageNumber, octets: &[u8]) {
        let place = message.index();
        let (Some(due), Some(good)) = (FETCHED.get(place), self.good.get_mut(place)) else { return };
        self.bad |= due.get(*good..*good + octets.len()) != Some(octets);
        *good += octets.len();
    }

    fn complete(&mut self, message: MessageNumber) -> bool {
        let place = message.index();
        self.bad |= FETCHED.get(place).map(|due| due.len()) != self.good.get(place).copied();
        !self.bad
    }
}

//! The code that needs a heap, and a heap to link with. It never frees memory, because only the link matters.

use super::{CONFIG, see};
use core::alloc::{GlobalAlloc, Layout};
use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};
use pop3_proto::server::{Ask, MessageInfo, Step, UserPolicy};
use pop3_proto::{AsUniqueId, Command, OwnedUniqueId, RecvBuf, SendBuf, Server, Sink, Text, UniqueId};

extern crate alloc;

struct Bump {
    memory: [u8; Self::SIZE],
    used: AtomicUsize,
}

impl Bump {
    const SIZE: usize = 1 << 16;
}

#[global_allocator]
static HEAP: Bump = Bump { memory: [0; Bump::SIZE], used: AtomicUsize::new(0) };

// `handle_alloc_error` panics, and would look like the crate's own panic. So the program ends here if memory is
// exhausted.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = self.used.fetch_add(layout.size().wrapping_add(layout.align()), Ordering::Relaxed);
        let at = (&raw const self.memory).cast::<u8>().cast_mut().wrapping_add(used);
        // `align_offset` would keep a panic for an alignment that is not a power of two.
        let at = at.wrapping_add(at.addr().wrapping_neg() & layout.align().wrapping_sub(1));
        if used > Self::SIZE / 2 || layout.size() > Self::SIZE / 4 || at.is_null() {
            abort();
        }
        at
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[link(name = "c")]
unsafe extern "C" {
    safe fn abort() -> !;
}

#[inline(never)]
pub(crate) fn buffers(data: &[u8]) {
    let mut send = SendBuf::with_limit(alloc::vec::Vec::new(), black_box(600));
    for _ in 0..black_box(9) {
        see(send.put(&[data, b"\r\n", black_box(data)]).is_ok());
        see((send.room(), send.capacity(), send.pending()));
        send.sent(black_box(5));
        send.shrink();
    }
    let mut recv = RecvBuf::new(alloc::vec::Vec::new());
    for _ in 0..black_box(9) {
        recv.append(data);
        let spare = recv.spare_mut();
        spare.iter_mut().zip(data).for_each(|(to, octet)| *to = *octet);
        recv.received(data.len());
        recv.consume(black_box(3));
        see(Command::decode(recv.unread(), &pop3_proto::Limits::DEFAULT));
        recv.shrink();
    }
}

/// Compiled for the smallest size, this keeps the panic of exhausted memory, which must not hide another panic.
#[inline(never)]
fn owned(id: UniqueId<'_>) -> OwnedUniqueId {
    OwnedUniqueId::from(id)
}

#[inline(never)]
pub(crate) fn a_maildrop(data: &[u8]) {
    let Ok(id) = UniqueId::new(data) else { return };
    let owned = owned(id);
    see(OwnedUniqueId::try_from(data.to_vec()).is_ok_and(|other| other == owned));
    see((owned.as_unique_id(), owned.cmp(&owned)));
    let mut slots = alloc::vec::Vec::new();
    slots.push(MessageInfo::new(black_box(120), owned));
    let mut server: Server<alloc::vec::Vec<MessageInfo<OwnedUniqueId>>> = Server::new(&CONFIG, black_box(1));
    let mut send = SendBuf::new(alloc::vec::Vec::new());
    let mut recv = RecvBuf::new(alloc::vec::Vec::new());
    for _ in 0..black_box(9) {
        recv.append(data);
        match recv.with(|input| server.poll(input, &mut send)) {
            Ok(Step::Ask(Ask::Greet(token))) => see(server.greet(token, Text::EMPTY, &mut send).is_ok()),
            Ok(Step::Ask(Ask::User(token, _))) => see(server.accept_name(token).is_ok()),
            Ok(Step::Ask(Ask::Login(token, _))) => {
                let slots = core::mem::take(&mut slots);
                see(server.accept_with(token, slots, UserPolicy::default()).is_ok());
            }
            Ok(Step::Ask(Ask::Commit(token))) => see(server.removed(token).is_ok()),
            other => see(other.is_ok()),
        }
        send.sent(black_box(9));
    }
}

#[cfg(feature = "test-util")]
#[inline(never)]
pub(crate) fn scripts(data: &[u8]) {
    use pop3_proto::script::{Cuts, Script};

    let Ok(script) =
        core::str::from_utf8(data).map_err(drop).and_then(|text| Script::parse(text).map_err(drop))
    else {
        return;
    };
    script.lines().for_each(see);
    script.notes().for_each(see);
    let cuts = Cuts::singles(black_box(9)).chain(Cuts::pairs(black_box(9)));
    for (cuts, client) in cuts.zip([true, false].into_iter().cycle()) {
        let peer = if client { script.client() } else { script.server() };
        let mut peer = peer.cut(cuts).lost_after(black_box(100));
        for _ in 0..black_box(9) {
            see((peer.octets(), peer.pending(), peer.expected()));
            if let Err(mismatch) = peer.received(data) {
                see((mismatch.line(), mismatch.expected(), mismatch.came()));
            }
            if peer.awaits_tls() {
                see(peer.tls_started().is_ok());
            }
            peer.sent(black_box(3));
        }
        see((peer.closes(), peer.is_done(), peer.finish().is_ok()));
    }
}

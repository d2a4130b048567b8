//! A client that sends commands and does not read the responses must not make the server's memory grow.

use pop3_proto::server::{Ask, MessageInfo, ServerConfig, Step};
use pop3_proto::{Input, SendBuf, Server, Text, TlsPolicy, UniqueId};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The system's allocator, which counts the bytes in use now and the maximum so far.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn more(octets: usize) {
    let now = NOW.fetch_add(octets, Ordering::Relaxed) + octets;
    MOST.fetch_max(now, Ordering::Relaxed);
}

// An allocator needs unsafe code, which the library itself forbids. Growing goes through `alloc`, so the old and the new
// allocation are both counted while both exist.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: the caller keeps the contract, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Returns the greatest growth of memory while `run` runs.
fn growth(run: impl FnOnce()) -> usize {
    let before = NOW.load(Ordering::Relaxed);
    MOST.store(before, Ordering::Relaxed);
    run();
    MOST.load(Ordering::Relaxed) - before
}

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
const MESSAGES: usize = 1_000_000;

type Session = Server<Vec<MessageInfo<UniqueId<'static>>>>;

/// Continues until the machine waits for the client, either for input or for room.
fn advance(server: &mut Session, input: &mut Input<'_>, send: &mut SendBuf<Vec<u8>>) -> bool {
    loop {
        match server.poll(input, send).unwrap() {
            Step::NeedInput => return true,
            Step::NeedSpace(full) => {
                assert!(!full.never_fits());
                return false;
            }
            Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), send).unwrap(),
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
            Step::Ask(Ask::Login(login, _)) => {
                let slot = MessageInfo::new(1000, UniqueId::new(b"id").unwrap());
                server.accept(login, vec![slot; MESSAGES]).unwrap();
            }
            step => panic!("{step:?}"),
        }
    }
}

#[test]
fn four_kib_of_list_over_a_million_messages_stay_below_64_kib() {
    let mut server: Session = Server::new(&CONFIG, 1);
    let mut send = SendBuf::new(vec![]);
    assert!(advance(&mut server, &mut Input::more(b"USER u\r\nPASS p\r\n"), &mut send));
    send.clear();
    send.shrink();

    let commands = b"LIST\r\n".repeat(4096 / 6);
    let mut input = Input::more(&commands);
    let grown = growth(|| {
        for _ in 0..1000 {
            assert!(!advance(&mut server, &mut input, &mut send), "a listing of a million rows went through");
        }
    });
    // The send buffer at its limit, plus the previous one of half the size while it is copied.
    assert!(grown <= 2 * SendBuf::<Vec<u8>>::LIMIT, "{grown}");
    // The server read one of these commands. The rest wait in the caller's buffer, so TCP makes the client wait.
    assert_eq!(input.remaining(), commands.len() - 6);

    // If the client does read, every listing arrives complete, and memory does not grow.
    let (mut rows, mut ends) = (0, 0);
    let mut before = Vec::with_capacity(1024);
    let grown = growth(|| {
        while ends < 3 {
            advance(&mut server, &mut input, &mut send);
            for octet in send.pending() {
                before.push(*octet);
                if *octet == b'\n' {
                    match &before[..] {
                        b".\r\n" => ends += 1,
                        [b'1'..=b'9', ..] => rows += 1,
                        _ => {}
                    }
                    before.clear();
                }
            }
            send.clear();
        }
    });
    assert_eq!(rows / MESSAGES, 3);
    assert!(grown < 64 * 1024, "{grown}");
}

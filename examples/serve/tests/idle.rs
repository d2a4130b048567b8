//! Checks that a waiting connection holds no buffers, by counting each one's bytes on the heap.

#![allow(unsafe_code)] // a counting allocator needs unsafe code

use pop3_proto::TlsPolicy;
use pop3_proto_serve::users::{self, Users};
use pop3_proto_serve::{Door, Guests, Host, Shutdown, config};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CONNECTIONS: usize = 50;
const MESSAGES: usize = 20;
/// The limit for each connection: the task with session and machine, the timer, and 20 messages of about 50
/// bytes each.
const MOST: usize = 3 * 1024;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, octets: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(octets, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[tokio::test]
async fn a_connection_that_waits_holds_no_buffers() {
    let folder = tempfile::tempdir().unwrap();
    let (file, mail) = (folder.path().join("users"), |user| folder.path().join(format!("mail/{user}")));
    users::add(&file, "model", "sekret", &mail(0)).unwrap();
    let line = std::fs::read_to_string(&file).unwrap();
    let verifier = line.split('\t').nth(1).unwrap();
    let lines = (0..CONNECTIONS).map(|user| format!("u{user}\t{verifier}\t{}\n", mail(user).display()));
    std::fs::write(&file, lines.collect::<String>()).unwrap();
    for user in 0..CONNECTIONS {
        users::make_maildir(&mail(user)).unwrap();
        for number in 0..MESSAGES {
            let path = mail(user).join(format!("cur/{}.M{number}P1.example:2,S", 1_700_000_000 + number));
            std::fs::write(path, "A line of text like any other.\n".repeat(1000)).unwrap();
        }
    }
    let host = Host::new(Users::read(&file).unwrap(), Guests::new(CONNECTIONS, CONNECTIONS), None);
    let config = Arc::new(config(TlsPolicy::Cleartext));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), Shutdown::new());
    shutdown.spawn(
        listener,
        Door { host: Arc::new(host), config, acceptor: None, implicit: false, proxies: Default::default() },
    );

    // Runs a client on another thread. It buffers nothing when it is done.
    let connect = |user: usize| {
        tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).unwrap();
            write!(stream, "USER u{user}\r\nPASS sekret\r\nRETR 1\r\nRETR 20\r\nNOOP\r\n").unwrap();
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            assert!(lines.take_while(|line| line != "+OK no operation").count() > 2_000);
            stream
        })
    };
    let mut streams = Vec::with_capacity(CONNECTIONS);
    streams.push(connect(0).await.unwrap()); // allocates the part that all share
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = HELD.load(Ordering::Relaxed);
    for user in 1..CONNECTIONS {
        streams.push(connect(user).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let each = (HELD.load(Ordering::Relaxed) - before) / (CONNECTIONS - 1);
    assert!(each < MOST, "{each} bytes for each connection");
    assert!(each > MESSAGES * 24, "{each} bytes cannot be all");
}

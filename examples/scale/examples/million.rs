//! Runs a million sessions, each with client and server, in one process and one thread. They log in, idle for a simulated hour,
//! a tenth of them fetches a message, and all quit.
//!
//! `cargo run --release --example million -- 1000000`; the default is 100,000 sessions. It fails if a response is not the
//! expected one, if the machines of a session are larger than the limit, or if a machine allocates.

use fastrand::Rng;
use indicatif::{BinaryBytes, HumanCount, ProgressBar, ProgressStyle};
use pop3_proto::{Client, Server};
use pop3_proto_scale::crowd::Crowd;
use pop3_proto_scale::mail::Marks;
use pop3_proto_scale::session::{Session, Shared};
use pop3_proto_scale::{Result, heap};
use std::convert::Infallible;
use std::time::Duration;
use std::time::Instant;

/// The maximum size of both machines of a session together, in bytes.
const MOST: usize = 400;

const TO_SERVER: usize = 1024;
const TO_CLIENT: usize = 16 * 1024;
const HOUR: Duration = Duration::from_secs(3600);

fn main() -> Result<()> {
    let count: u32 = match std::env::args().nth(1) {
        None => 100_000,
        Some(count) => count.parse().map_err(|_| "usage: million [SESSIONS]")?,
    };
    let (mut to_server, mut to_client) = ([0; TO_SERVER], [0; TO_CLIENT]);
    let shared = Shared::new(&mut to_server, &mut to_client, count);
    let before = heap::live();
    let mut crowd = Crowd::new(shared);
    let mut rng = Rng::with_seed(1939);
    println!("{:<24}{:>12}{:>10}{:>14}", "phase", "turns", "seconds", "a second");

    phase("log in", count.into(), |bar| crowd.log_in(|| bar.inc(1)))?;
    phase("idle for an hour", HOUR.as_secs() / 60, |bar| crowd.idle(HOUR, || bar.inc(1)))?;
    let tenth = count as usize / 10;
    phase("fetch, a random tenth", tenth as u64, |bar| crowd.fetch(tenth, &mut rng, || bar.inc(1)))?;
    let live = heap::live() - before;
    phase("quit", count.into(), |bar| crowd.quit(|| bar.inc(1)))?;

    let machines = sizes(live / i64::from(count.max(1)));
    println!("buffers, shared by all: {}", HumanCount((TO_SERVER + TO_CLIENT) as u64));
    println!("marked messages removed: {}", HumanCount(crowd.removed().into()));
    println!("allocations in the sessions' turns: {}", crowd.allocations());
    if let Some(octets) = peak() {
        println!("peak memory of the process: {}", BinaryBytes(octets));
    }
    let right = crowd.removed() as usize == tenth && crowd.allocations() == 0 && machines <= MOST;
    if right { Ok(()) } else { Err("the figures differ from the expected ones".into()) }
}

/// Runs a phase, with a progress bar if stderr is a terminal, and prints how long its turns took.
fn phase(name: &'static str, steps: u64, run: impl FnOnce(&ProgressBar) -> Result<u64>) -> Result<()> {
    let style = ProgressStyle::with_template("{msg:24} {wide_bar} {human_pos} of {human_len}")?;
    let bar = ProgressBar::new(steps).with_style(style).with_message(name);
    let start = Instant::now();
    let turns = run(&bar)?;
    let seconds = start.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let rate = HumanCount((turns as f64 / seconds) as u64).to_string();
    println!("{name:<24}{:>12}{seconds:>10.2}{rate:>14}", HumanCount(turns).to_string());
    Ok(())
}

/// Prints the sizes of a session's parts. Returns the bytes of both machines.
fn sizes(on_the_heap: i64) -> usize {
    let (client, server) = (size_of::<Client>(), size_of::<Server<Infallible>>());
    let with_maildrop = size_of::<Server<Marks>>();
    println!("\noctets a session");
    for (name, octets) in [
        ("client machine", client),
        ("server machine", server),
        ("maildrop", with_maildrop - server),
        ("driver", size_of::<Session>() - client - with_maildrop),
        ("together", size_of::<Session>()),
    ] {
        println!("  {name:<20}{octets:>4}");
    }
    println!("  {:<20}{on_the_heap:>4}", "counted on the heap");
    println!("both machines: {}, limit {MOST}", client + server);
    client + server
}

/// Returns the peak memory of the process, if the system reports it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

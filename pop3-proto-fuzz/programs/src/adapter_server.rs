//! The servers of the adapters against any bytes of a client, next to a connection without an adapter.

use crate::drivers::{Async, Blocking, Embedded, Played, Tokio, schedules};
use pop3_adapter_suite::{Adapter as _, Config, Ended, Link, Reference, Schedule, ServerProgram};
use pop3_proto::{ServerConfig, StuffMode};
use pop3_proto_fuzz::server;
use pop3_proto_fuzz::wire::{Parts, walls};
use std::sync::LazyLock;

/// Runs on a first line with the configuration, then the bytes of the client, in which 0xFE means a finished TLS handshake.
pub fn run(data: &[u8]) {
    let parts = Parts::of(data);
    let (wire, walls) = walls(parts.wire);
    let config = &CONFIGS[usize::from(parts.config) % CONFIGS.len()];
    let play = |server: Server, schedule, retries| {
        let link = Link::to_bytes(&wire, Some(&walls), schedule);
        let mut program = ServerProgram { retries, ..ServerProgram::default() };
        let ended = server(link.clone(), config, &mut program);
        Played::new(program.log, ended, &link)
    };
    let expected = play(Reference::server, Schedule::default(), 0);
    for (name, server) in ADAPTERS {
        for (schedule, retries) in schedules(parts.seed) {
            compare(&play(server, schedule, retries), &expected, &format!("{name}, {schedule:?}"));
        }
    }
}

type Server = fn(Link, Config, &mut ServerProgram) -> Ended;

const ADAPTERS: [(&str, Server); 4] = [
    ("blocking", Blocking::server),
    ("tokio", Tokio::server),
    ("embedded", Embedded::server),
    ("embedded, async", Async::server),
];

/// The messages of the suite have lines that end in LF.
static CONFIGS: LazyLock<[ServerConfig<'static>; 32]> = LazyLock::new(|| {
    std::array::from_fn(|octet| server::config(octet as u8).with_bodies(StuffMode::Convert))
});

fn compare(played: &Played, expected: &Played, place: &str) {
    assert_eq!((&played.log, &played.ended), (&expected.log, &expected.ended), "{place}");
    let (written, all) = (&played.written, &expected.written);
    match expected.ended {
        // How many responses were written before depends on how the bytes arrived.
        Ended::Connection(_) => assert!(written.starts_with(all) || all.starts_with(written), "{place}"),
        _ => assert_eq!(written, all, "{place}"),
    }
}

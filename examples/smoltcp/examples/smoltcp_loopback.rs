//! A client and a server in one process over smoltcp's loopback device, with windows of 512 bytes: first over a perfect network, then
//! over one that loses, swaps and corrupts packets. Every message arrives complete both times; the second run takes longer.
//!
//! `smoltcp_loopback [SEED]`: another seed loses other packets.

use pop3_proto::TlsPolicy;
use pop3_proto::server::ServerConfig;
use pop3_proto_smoltcp::{Error, Network, run};

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

fn main() -> Result<(), Error> {
    let seed = std::env::args().nth(1).map_or(Ok(1), |seed| seed.parse())?;
    let messages = messages();
    let octets: usize = messages.iter().map(Vec::len).sum();
    println!("{} messages of {octets} octets", messages.len());
    let calm = Network { window: 512, seed, lost: 0, swapped: 0, corrupted: 0 };
    let wild = Network { lost: 10, swapped: 20, corrupted: 5, ..calm };
    let mut ends = Vec::new();
    for (name, network) in [("calm", calm), ("wild", wild)] {
        let report = run(network, &CONFIG, &messages)?;
        assert!(report.fetched == messages, "every message must arrive unchanged");
        assert_eq!(report.left, 0, "and was removed from the server");
        assert_eq!(report.swapped > 0, network.swapped > 0);
        println!(
            "{name}: all messages arrived and were removed, after {} packets ({} swapped) and {:.3} s of simulated time",
            report.packets,
            report.swapped,
            report.end.as_secs_f64(),
        );
        ends.push(report.end);
    }
    assert!(ends[0] < ends[1], "what is lost is sent again, which takes time");
    Ok(())
}

/// Returns more messages than a client has commands in flight. The largest one is many windows long, and full
/// of dots.
fn messages() -> Vec<Vec<u8>> {
    let line = |number: usize| format!("{}line {number}\r\n", ".".repeat(number % 4));
    (0..20).map(|size| (0..size * size).map(line).collect::<String>().into_bytes()).collect()
}

//! Many networks, each with different faults.

use pop3_proto::server::ServerConfig;
use pop3_proto::{ConnectionError, Timer, TlsPolicy};
use pop3_proto_smoltcp::{Network, run};

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);

#[test]
fn every_message_arrives_whole_over_many_bad_networks() {
    let text = |size: usize| ".dots\r\n..more\r\nno dots\r\n".repeat(size).into_bytes();
    let messages: Vec<_> = [0, 1, 9, 99, 1].map(text).into();
    for seed in 1..=20 {
        let window = [64, 200, 512, 1 << 16][seed as usize % 4];
        let network = Network { window, seed, lost: 15, swapped: 30, corrupted: 10 };
        let report = run(network, &CONFIG, &messages).unwrap_or_else(|error| panic!("{network:?}: {error}"));
        assert!(report.fetched == messages, "{network:?}");
        assert_eq!(report.left, 0, "{network:?}");
    }
}

#[test]
fn a_network_that_loses_everything_runs_into_the_timer() {
    let network = Network { window: 512, seed: 1, lost: 100, swapped: 0, corrupted: 0 };
    let error = run(network, &CONFIG, &[]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&ConnectionError::TimedOut(Timer::Greeting)));
}

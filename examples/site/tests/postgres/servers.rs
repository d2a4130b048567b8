//! The kit itself: its servers start, break and end as its users expect.

use crate::kit::{Faults, Pooler, Postgres, Proxy, connect};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

#[tokio::test]
async fn a_database_keeps_its_rows_through_a_stop_and_a_crash() {
    let mut postgres = Postgres::start(&[]);
    connect(postgres.port()).await.batch_execute("CREATE TABLE numbers (number bigint)").await.unwrap();
    for number in 1..=2_i64 {
        let insert = "INSERT INTO numbers VALUES ($1)";
        connect(postgres.port()).await.execute(insert, &[&number]).await.unwrap();
        match number {
            1 => postgres.stop(),
            _ => postgres.crash(),
        }
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, postgres.port())).is_err());
        postgres.start_again();
        let count =
            connect(postgres.port()).await.query_one("SELECT count(*) FROM numbers", &[]).await.unwrap();
        assert_eq!(count.get::<_, i64>(0), number);
    }
}

#[tokio::test]
async fn a_pooler_and_a_proxy_lead_to_the_database() {
    let postgres = Postgres::start(&[]);
    let pooler = Pooler::start(postgres.port(), 2);
    let proxy = Proxy::start(pooler.port(), Faults { seed: 1, bytes: 1 << 30, late: Duration::ZERO });
    for port in [postgres.port(), pooler.port(), proxy.port()] {
        let row = connect(port).await.query_typed("SELECT 7::bigint", &[]).await.unwrap();
        assert_eq!(row[0].get::<_, i64>(0), 7);
    }
}

#[test]
fn servers_end_when_a_test_panics() {
    let mut port = 0;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let postgres = Postgres::start(&[]);
        port = postgres.port();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
        panic!("a test fails");
    }));
    assert!(panic.is_err());
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());
}

#[test]
fn a_proxy_cuts_connections_at_the_bytes_of_its_seed() {
    let echo = echo();
    let cuts = |seed: u64| {
        let proxy = Proxy::start(echo, Faults { seed, bytes: 1000, late: Duration::ZERO });
        let cuts: Vec<usize> = (0..5).map(|_| bytes_until_cut(proxy.port())).collect();
        assert_eq!(proxy.cut(), 5);
        proxy.set_faults(false);
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        stream.write_all(&[0; 5000]).unwrap();
        stream.read_exact(&mut [0; 5000]).unwrap();
        cuts
    };
    assert_eq!(cuts(1), cuts(1));
    assert_ne!(cuts(1), cuts(2));
}

/// Sends single bytes that are echoed, until the connection is cut. Returns how many came back.
fn bytes_until_cut(port: u16) -> usize {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let mut count = 0;
    while stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok() {
        count += 1;
    }
    count
}

/// Starts a server that returns each byte, until the process ends. Returns its port.
fn echo() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream).ok());
        }
    });
    port
}

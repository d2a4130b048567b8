//! What the tests of a site share: PostgreSQL, a pooler, a network that fails, and the promises to check.
//!
//! Each test takes these files into its own crate: `#[path = "../kit/mod.rs"] mod kit;`.

#![allow(dead_code, unused_imports)] // each test needs a part

mod pooler;
mod postgres;
mod program;
mod promise;
mod proxy;

pub(crate) use pooler::Pooler;
pub(crate) use postgres::Postgres;
pub(crate) use promise::Promise;
pub(crate) use proxy::{Faults, Proxy};

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

/// Returns a free port of 127.0.0.1. It is below those of outgoing connections (from 32768), so none of them takes it before the server does.
pub(crate) fn free_port() -> u16 {
    let random = RandomState::new().hash_one(()) % 22_000;
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (10_240..32_240).cycle().skip(random as usize).find(is_free).unwrap()
}

/// Returns the URL of the database that a port leads to.
pub(crate) fn url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

/// Connects to the database that a port leads to. The connection ends with the runtime.
pub(crate) async fn connect(port: u16) -> Client {
    let (client, connection) = tokio_postgres::connect(&url(port), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Returns connections as a node has them.
pub(crate) fn pool(port: u16, connections: usize) -> Pool {
    let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = Manager::from_config(url(port).parse().unwrap(), NoTls, settings);
    let pool = Pool::builder(manager).max_size(connections).runtime(Runtime::Tokio1);
    let time = Some(Duration::from_secs(3));
    pool.wait_timeout(time).create_timeout(time).build().unwrap()
}

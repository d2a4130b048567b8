//! `pop3-tokio`, over streams in memory and over sockets.

mod suite;

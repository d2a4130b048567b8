//! `pop3-blocking`, over streams in memory and over sockets.

mod suite;

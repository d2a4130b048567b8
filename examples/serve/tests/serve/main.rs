//! `serve` from outside: what it sends, what it removes, and what clients can do to it.

mod crowd;
mod cuts;
mod hangs;
mod kinds;
mod kit;
mod logins;
mod octets;
mod passwords;
mod patience;
mod program;
mod stutter;
mod stutters;
mod users;

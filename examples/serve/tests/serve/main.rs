//! Tests `serve` from outside: which messages it sends and removes, and how it handles hostile clients.

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
mod proxied;
mod removals;
mod stutter;
mod stutters;
mod users;

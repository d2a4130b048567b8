//! What came after RFC 1939: CAPA, response codes, STLS, AUTH, UTF8, LANG.

mod announce;
mod capa;
mod codes;
mod drive;
mod grammar;
mod lang;
mod law_8;
mod login_delay;
mod pipelining;
mod policy;
mod quirks_table;
mod sasl_client;
mod sasl_client_outcome;
mod sasl_kit;
#[cfg(feature = "sasl")]
mod sasl_messages;
mod sasl_server;
mod sasl_server_outcome;
mod stls;
mod utf8;

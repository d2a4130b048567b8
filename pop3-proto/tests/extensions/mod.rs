//! What came after RFC 1939: CAPA, response codes, STLS, AUTH, UTF8, LANG.

mod law_8;
mod policy;
mod sasl_kit;
mod stls;

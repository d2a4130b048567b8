//! What came after RFC 1939: CAPA, response codes, STLS, AUTH, UTF8, LANG.

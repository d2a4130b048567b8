mod coding;
mod mechanisms;
mod tokens;

use super::{Message, SaslError, decode};
use crate::{Base64, InvalidValue, Secret, Text};
use std::{vec, vec::Vec};

fn text(octets: &[u8]) -> Text<'_> {
    Text::new(octets).unwrap()
}

fn secret(octets: &[u8]) -> Secret<'_> {
    Secret::new(octets).unwrap()
}

fn invalid(rule: InvalidValue) -> SaslError {
    SaslError::InvalidValue(rule)
}

/// Returns the message in base64.
fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = vec![0; message.encoded_len()];
    message.encode_into(&mut buffer).unwrap().as_bytes().to_vec()
}

/// Returns the message as the other side gets it.
fn sent(message: &Message<'_>) -> Vec<u8> {
    let encoded = encoded(message);
    let mut buffer = vec![0; encoded.len()];
    decode(Base64::new(&encoded).unwrap(), &mut buffer).unwrap().to_vec()
}

//! The messages that the server lists in one session.

use super::failure::Failure;
use pop3_proto::MessageNumber;
use std::collections::BTreeMap;
use std::ops::Range;

/// The maximum number of rows to read from one listing.
pub(super) const MOST_ROWS: u32 = 1 << 20;
/// The maximum size of all unique-ids together.
const MOST_IDS: usize = 64 << 20;

/// The messages by number, in little memory for lines of any length. Some servers leave numbers out.
#[derive(Default, Debug)]
pub(super) struct Listing {
    rows: BTreeMap<MessageNumber, Row>,
    /// All unique-ids, concatenated.
    ids: Vec<u8>,
}

#[derive(Clone, Copy, Default, Debug)]
struct Row {
    /// `None` if LIST leaves the message out, or its size is not a number.
    size: Option<u64>,
    id: Id,
}

#[derive(Clone, Copy, Default, Debug)]
enum Id {
    #[default]
    None,
    At {
        start: u32,
        length: u16,
    },
    /// Two rows of one listing contradict each other.
    Contradicted,
}

impl Listing {
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn numbers(&self) -> impl Iterator<Item = MessageNumber> {
        self.rows.keys().copied()
    }

    pub(super) fn size(&self, number: MessageNumber) -> Option<u64> {
        self.rows.get(&number)?.size
    }

    /// Returns the unique-id, if the server has one for this message.
    pub(super) fn id(&self, number: MessageNumber) -> Option<&[u8]> {
        match self.rows.get(&number)?.id {
            Id::At { start, length } => self.ids.get(range(start, length)),
            Id::None | Id::Contradicted => None,
        }
    }

    pub(super) fn set_size(&mut self, number: MessageNumber, size: u64) {
        self.rows.entry(number).or_default().size = Some(size);
    }

    pub(super) fn set_id(&mut self, number: MessageNumber, id: &[u8]) -> Result<(), Failure> {
        let Listing { rows, ids } = self;
        let row = rows.entry(number).or_default();
        row.id = match row.id {
            Id::None => {
                if ids.len() + id.len() > MOST_IDS {
                    return Err(Failure::too_much("the server's unique-ids take more than 64 MiB"));
                }
                let (start, length) = (u32::try_from(ids.len())?, u16::try_from(id.len())?);
                ids.extend_from_slice(id);
                Id::At { start, length }
            }
            Id::At { start, length } if ids.get(range(start, length)) == Some(id) => row.id,
            Id::At { .. } | Id::Contradicted => Id::Contradicted,
        };
        Ok(())
    }

    /// Returns the messages that have a unique-id, by number, with those of the same unique-id together.
    pub(super) fn by_id(&self) -> Vec<MessageNumber> {
        let mut numbers: Vec<_> = self.numbers().filter(|number| self.id(*number).is_some()).collect();
        numbers.sort_unstable_by_key(|number| (self.id(*number), *number));
        numbers
    }
}

fn range(start: u32, length: u16) -> Range<usize> {
    let start = start as usize;
    start..start + usize::from(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    #[test]
    fn the_unique_ids_of_a_listing_are_bounded() {
        let (mut listing, id) = (Listing::default(), [b'a'; 500]);
        let fits = (1..).take_while(|row| listing.set_id(number(*row), &id).is_ok()).count();
        assert_eq!(fits, MOST_IDS / id.len());
    }

    #[test]
    fn a_message_with_two_unique_ids_has_none() {
        let mut listing = Listing::default();
        for id in ["a", "a"] {
            listing.set_id(number(1), id.as_bytes()).unwrap();
            assert_eq!(listing.id(number(1)), Some(&b"a"[..]));
        }
        for id in ["b", "a", "b"] {
            listing.set_id(number(1), id.as_bytes()).unwrap();
            assert_eq!(listing.id(number(1)), None);
        }
    }
}

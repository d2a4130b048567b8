//! The messages of a maildrop as a session saw them at login.

use crate::Result;
use crate::id::{Id, TEXT};
use pop3_proto::server::{Entry, Maildrop, Refusal};
use pop3_proto::{MessageNumber, UniqueId};

/// 32 bytes for each message, and for an imported message its unique-id.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Listing {
    rows: Vec<Row>,
    /// The unique-ids that are not the id: the row, and the text. Sorted by row.
    imported: Vec<(u32, Box<str>)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    octets: u64,
    /// The id as text, which UIDL borrows.
    text: [u8; TEXT],
    marked: bool,
}

impl Listing {
    /// Adds a message at the end.
    ///
    /// # Errors
    /// Returns an error if the id is not greater than the last one, or if there are too many messages for POP3's numbers.
    pub fn push(&mut self, id: Id, octets: u64, uid: Option<&str>) -> Result<()> {
        let row = u32::try_from(self.rows.len()).ok().filter(|row| *row < u32::MAX);
        let row = row.ok_or("too many messages in one maildrop")?;
        if self.rows.last().is_some_and(|last| Id::of_text(&last.text) >= Some(id)) {
            return Err("the messages are not in order".into()); // SQL does not promise the order of UNION ALL
        }
        if let Some(uid) = uid {
            self.imported.push((row, uid.into()));
        }
        self.rows.push(Row { octets, text: id.text(), marked: false });
        Ok(())
    }

    /// Returns a message's id and size.
    #[must_use]
    pub fn get(&self, number: MessageNumber) -> Option<(Id, u64)> {
        let row = self.rows.get(number.index())?;
        Some((Id::of_text(&row.text)?, row.octets))
    }

    /// Returns all ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = Id> {
        self.rows.iter().filter_map(|row| Id::of_text(&row.text))
    }

    /// Returns the ids of the marked messages.
    #[must_use]
    pub fn marked(&self) -> Vec<Id> {
        self.rows.iter().filter(|row| row.marked).filter_map(|row| Id::of_text(&row.text)).collect()
    }

    fn uid(&self, index: usize) -> Option<&[u8]> {
        let row = u32::try_from(index).ok()?;
        match self.imported.binary_search_by_key(&row, |(row, _)| *row) {
            Ok(at) => self.imported.get(at).map(|(_, uid)| uid.as_bytes()),
            Err(_) => self.rows.get(index).map(|row| &row.text[..]),
        }
    }
}

impl Maildrop for Listing {
    fn count(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    fn entry(&self, number: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let index = number.index();
        let row = self.rows.get(index).ok_or(Refusal::NoSuchMessage)?;
        // The table accepts every text of 1 to 70 bytes, and a unique-id has only visible ASCII.
        let id = self.uid(index).and_then(|uid| UniqueId::new(uid).ok()).ok_or(Refusal::Permanent)?;
        Ok(Entry { octets: row.octets, id, marked: row.marked })
    }

    fn mark(&mut self, number: MessageNumber) -> Result<(), Refusal> {
        self.rows.get_mut(number.index()).ok_or(Refusal::NoSuchMessage)?.marked = true;
        Ok(())
    }

    fn unmark_all(&mut self) {
        self.rows.iter_mut().for_each(|row| row.marked = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> MessageNumber {
        MessageNumber::new(number).unwrap()
    }

    #[test]
    fn a_row_has_32_bytes() {
        assert_eq!(size_of::<Row>(), 32);
    }

    #[test]
    fn an_imported_message_keeps_its_unique_id() {
        let mut listing = Listing::default();
        let ids = [1, 2, 3].map(|time| Id::with_random(time, [9; 16]));
        listing.push(ids[0], 10, None).unwrap();
        listing.push(ids[1], 20, Some("0000000165a1")).unwrap();
        listing.push(ids[2], 30, None).unwrap();
        let uid = |at| listing.entry(number(at)).unwrap().id.as_bytes().to_vec();
        assert_eq!([uid(1), uid(2), uid(3)], [&ids[0].text()[..], b"0000000165a1", &ids[2].text()[..]]);
        assert_eq!(listing.get(number(2)), Some((ids[1], 20)));
        assert_eq!(listing.ids().collect::<Vec<_>>(), ids);
    }

    #[test]
    fn messages_out_of_order_are_an_error() {
        let mut listing = Listing::default();
        listing.push(Id::with_random(2, [0; 16]), 1, None).unwrap();
        assert!(listing.push(Id::with_random(1, [0; 16]), 1, None).is_err());
        assert!(listing.push(Id::with_random(2, [0; 16]), 1, None).is_err());
    }

    #[test]
    fn only_marked_messages_are_marked_until_all_are_unmarked() {
        let mut listing = Listing::default();
        let ids = [1, 2].map(|time| Id::with_random(time, [0; 16]));
        ids.iter().for_each(|id| listing.push(*id, 1, None).unwrap());
        listing.mark(number(2)).unwrap();
        assert_eq!(listing.marked(), [ids[1]]);
        listing.unmark_all();
        assert_eq!(listing.marked(), []);
        assert_eq!(listing.mark(number(3)), Err(Refusal::NoSuchMessage));
    }
}

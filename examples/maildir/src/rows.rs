//! The messages of a Maildir as they were listed. Sessions share them while nothing changes.

use crate::listing::Found;
use crate::names::unique_id;
use crate::sizes::Size;
use pop3_proto::AsUniqueId as _;
use std::io::{self, ErrorKind};

/// In how many places a file is looked for.
const LOOKED_AT: usize = 100;
/// The number of no place. A message that has it is listed and cannot be sent.
const NOWHERE: u16 = u16::MAX;

/// A message. A file name has at most 255 bytes.
pub(crate) struct Row {
    pub(crate) size: Size,
    /// The number of the place where it was listed.
    pub(crate) place: u16,
    /// Where its base name begins in `names`.
    base: u32,
    base_length: u8,
    /// 0 if the base name is the unique-id.
    id_length: u8,
}

/// The messages in the order of delivery.
#[derive(Default)]
pub(crate) struct Rows {
    rows: Vec<Row>,
    /// The base name of each message, and after it the unique-id if that is not the base name.
    names: Vec<u8>,
}

/// Folders with flags: a message's file has its base name and then the flags.
#[derive(Clone, Default)]
pub(crate) struct Places(Vec<(u8, Box<[u8]>)>);

impl Rows {
    pub(crate) fn with_capacity(count: usize) -> Self {
        Rows { rows: Vec::with_capacity(count), names: Vec::new() }
    }

    pub(crate) fn add(&mut self, found: &Found, size: Size, places: &mut Places) -> io::Result<()> {
        let base = found.base();
        let id = unique_id(base);
        let id = id.as_unique_id();
        let id = if id.as_bytes() == base { &[] } else { id.as_bytes() };
        let too_long = |_| io::Error::from(ErrorKind::InvalidInput);
        self.rows.push(Row {
            size,
            place: places.number(found),
            base: self.names.len().try_into().map_err(|_| ErrorKind::OutOfMemory)?,
            base_length: base.len().try_into().map_err(too_long)?,
            id_length: id.len().try_into().map_err(too_long)?,
        });
        self.names.extend_from_slice(base);
        self.names.extend_from_slice(id);
        Ok(())
    }

    /// All are added.
    pub(crate) fn shrink(&mut self) {
        self.rows.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    pub(crate) fn all(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn base(&self, row: &Row) -> &[u8] {
        &self.names[row.base as usize..][..usize::from(row.base_length)]
    }

    pub(crate) fn id(&self, row: &Row) -> &[u8] {
        match usize::from(row.id_length) {
            0 => self.base(row),
            length => &self.names[row.base as usize + usize::from(row.base_length)..][..length],
        }
    }
}

impl Places {
    /// Returns the number of the place where this file is. If there are very many places, it may get a second number, because to
    /// look through all of them for each message would take too long. After 65,535 numbers it gets [`NOWHERE`].
    pub(crate) fn number(&mut self, found: &Found) -> u16 {
        let is_it = |(folder, flags): &(u8, Box<[u8]>)| *folder == found.folder && **flags == *found.flags();
        let number = self.0.iter().take(LOOKED_AT).position(is_it).unwrap_or(self.0.len());
        if number == self.0.len() && number < usize::from(NOWHERE) {
            self.0.push((found.folder, found.flags().into()));
        }
        u16::try_from(number).unwrap_or(NOWHERE)
    }

    /// Returns folder and flags.
    pub(crate) fn get(&self, number: u16) -> Option<(u8, &[u8])> {
        self.0.get(usize::from(number)).map(|(folder, flags)| (*folder, &**flags))
    }
}

#[cfg(test)]
mod tests;

//! Which rows of the ledger show from outside: on a server, on a client, or on neither.

use std::sync::LazyLock;

static TABLE: LazyLock<Vec<Marks>> = LazyLock::new(|| {
    let lines = include_str!("../observable.tsv").lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut cells = line.split('\t');
            let (id, server, client) = (cells.next()?, cells.next()?, cells.next()?);
            Some(Marks { id, server, client })
        })
        .collect()
});

/// Where a row shows.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    pub id: &'static str,
    /// `s`: a login is enough. `S`: it needs control of the mailbox. `-`: it does not show on a server.
    pub server: &'static str,
    /// `c`: a scripted server is enough. `C`: it needs an option of the adapter. `-`: it does not show on a client.
    pub client: &'static str,
}

/// Returns the marks of all rows.
#[must_use]
pub fn all() -> &'static [Marks] {
    &TABLE
}

/// Returns the rows that show on a server.
pub fn on_a_server() -> impl Iterator<Item = &'static str> {
    all().iter().filter(|marks| marks.server != "-").map(|marks| marks.id)
}

/// Returns the rows that show on a client.
pub fn on_a_client() -> impl Iterator<Item = &'static str> {
    all().iter().filter(|marks| marks.client != "-").map(|marks| marks.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger;

    #[test]
    fn each_row_of_the_ledger_has_its_marks() {
        let marked: Vec<&str> = all().iter().map(|marks| marks.id).collect();
        let rows: Vec<&str> = ledger::rows().iter().map(|row| row.id).collect();
        assert_eq!(marked, rows);
    }
}

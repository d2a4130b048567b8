//! Which rows of the ledger show from outside: on a server, on a client, or on neither.

use crate::checks;
use crate::client::scenarios;
use std::io::{self, Write};
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

/// Returns the checks of a server that judge a row.
fn checks_of(row: &str) -> Vec<&'static str> {
    checks::all().filter(|check| check.rows.contains(&row)).map(|check| check.id).collect()
}

/// Returns the scenarios of a client that judge a row.
fn scenarios_of(row: &str) -> Vec<&'static str> {
    scenarios::all()
        .filter(|scenario| scenario.check.rows.contains(&row))
        .map(|scenario| scenario.check.id)
        .collect()
}

/// Writes each row that shows on a server or a client, with the checks and scenarios that judge it, or `none`.
///
/// # Errors
/// Returns the error of `out`.
pub fn list(out: &mut dyn Write) -> io::Result<()> {
    for Marks { id, server, client } in all() {
        let mut sides = Vec::new();
        for (side, mark, judges) in
            [("server", *server, checks_of(id)), ("client", *client, scenarios_of(id))]
        {
            match (mark, judges.is_empty()) {
                ("-", _) => {}
                (_, true) => sides.push(format!("{side}: none")),
                (_, false) => sides.push(format!("{side}: {}", judges.join(" "))),
            }
        }
        if !sides.is_empty() {
            writeln!(out, "{id:14} {}", sides.join("; "))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger;

    #[test]
    fn each_row_that_is_judged_is_marked() {
        for Marks { id, server, client } in all() {
            assert!(*server != "-" || checks_of(id).is_empty(), "{id}: {:?}", checks_of(id));
            assert!(*client != "-" || scenarios_of(id).is_empty(), "{id}: {:?}", scenarios_of(id));
        }
    }

    #[test]
    fn each_row_that_shows_is_listed_once_with_its_checks_or_none() {
        let mut text = Vec::new();
        list(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        let listed: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        let shows = |marks: &&Marks| marks.server != "-" || marks.client != "-";
        let wanted: Vec<&str> = all().iter().filter(shows).map(|marks| marks.id).collect();
        assert_eq!(listed, wanted);
        assert!(text.contains("1939.5.d       server: number.range number.messages"), "{text}");
        assert!(text.contains("ROB.44         server: none; client: none"), "{text}");
    }

    #[test]
    fn each_row_of_the_ledger_has_its_marks() {
        let marked: Vec<&str> = all().iter().map(|marks| marks.id).collect();
        let rows: Vec<&str> = ledger::rows().iter().map(|row| row.id).collect();
        assert_eq!(marked, rows);
    }
}

//! The 490 requirements, read from the table in the guide of the crate. It is the only source of ids, levels and words.

use std::sync::LazyLock;

const TABLE: &str = include_str!("../../../pop3-proto/src/guide/conformance.md");

/// A requirement.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub id: &'static str,
    pub level: Level,
    /// The heading of the document that the row is from, such as `RFC 1939: POP3`.
    pub document: &'static str,
    pub words: &'static str,
}

/// How binding a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    Must,
    MustNot,
    Should,
    ShouldNot,
    May,
    Grammar,
    Limit,
    Def,
    Advice,
    Note,
}

/// What a violation of a row counts as.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Weight {
    /// Nothing: the row allows or explains something.
    Nothing,
    Warning,
    Failure,
}

impl Level {
    const NAMES: [(&'static str, Level); 10] = [
        ("MUST", Level::Must),
        ("MUST NOT", Level::MustNot),
        ("SHOULD", Level::Should),
        ("SHOULD NOT", Level::ShouldNot),
        ("MAY", Level::May),
        ("GRAMMAR", Level::Grammar),
        ("LIMIT", Level::Limit),
        ("DEF", Level::Def),
        ("ADVICE", Level::Advice),
        ("NOTE", Level::Note),
    ];

    fn of(word: &str) -> Option<Level> {
        Level::NAMES.iter().find(|(name, _)| *name == word).map(|(_, level)| *level)
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        Level::NAMES.iter().find(|(_, level)| *level == self).map_or("", |(name, _)| name)
    }

    #[must_use]
    pub const fn weight(self) -> Weight {
        match self {
            Level::Must | Level::MustNot | Level::Grammar | Level::Limit | Level::Def => Weight::Failure,
            Level::Should | Level::ShouldNot | Level::Advice => Weight::Warning,
            Level::May | Level::Note => Weight::Nothing,
        }
    }
}

impl Row {
    /// Returns the section, as `RFC 1939 section 5`. Rows of practice have none.
    #[must_use]
    pub fn section(&self) -> String {
        let mut parts = self.id.split('.');
        match (parts.next(), parts.next()) {
            (Some(rfc), Some(section)) if rfc.starts_with(|c: char| c.is_ascii_digit()) => {
                match section.starts_with(|c: char| c.is_ascii_digit()) {
                    true => format!("RFC {rfc} section {section}"),
                    false => format!("RFC {rfc}"),
                }
            }
            _ => self.document.to_owned(),
        }
    }
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let (mut rows, mut document) = (Vec::new(), "");
    for line in TABLE.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            document = heading;
        } else if let Some(cells) = line.strip_prefix("| `") {
            let mut cells = cells.split(" | ");
            let (id, level) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
            let words = cells.nth(1).unwrap_or_default();
            if let Some(level) = Level::of(level) {
                rows.push(Row { id: id.trim_end_matches('`'), level, document, words });
            }
        }
    }
    rows
});

/// Returns all rows, in the order of the table.
#[must_use]
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// Returns the row with this id.
#[must_use]
pub fn row(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

/// Returns the greatest weight of these rows.
#[must_use]
pub fn weight(ids: &[&str]) -> Weight {
    ids.iter().filter_map(|id| row(id)).map(|row| row.level.weight()).max().unwrap_or(Weight::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_of_the_table_are_read() {
        assert!(rows().len() >= 490, "{}", rows().len());
        let row = row("1939.5.d").unwrap();
        assert_eq!((row.level, row.section().as_str()), (Level::Must, "RFC 1939 section 5"));
        assert_eq!(row.document, "RFC 1939: POP3");
        assert!(row.words.ends_with('.') && !row.words.contains('`'), "{}", row.words);
    }
}

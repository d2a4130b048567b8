//! What real servers put on the wire, by number. Those about line ends are in `line_ends`.

mod fields;
mod logins;
mod sessions;

//! The quirks of real servers, by number. `line_ends` tests the quirks of line ends.

mod fields;
mod logins;
mod sessions;

//! pop3-proto beside what the machine can do and beside other crates, in one run and one table.
//!
//! - `cargo bench -p pop3-proto-benches --bench versus` prints the table, and writes it to `versus.md` and a plot of it to
//!   `versus.svg`;
//! - with `-- FILTER` only the works whose names hold it are run, with `-- --quick` each for a shorter time; both write nothing.

mod bodies;
mod limits;
mod lines;
mod measure;
mod peers;
mod plot;
mod sessions;
mod table;

use measure::Measured;
use std::path::Path;
use std::time::Duration;

type Bench = fn(&'static str, Duration) -> Measured;

const WORKS: [(&str, Bench); 22] = [
    ("decode commands, framing included", lines::commands),
    ("decode status lines, framing included", lines::status_lines),
    ("LIST, as events of a client", lines::list),
    ("UIDL, as events of a client", lines::uidl),
    ("LIST, written by a server", lines::list_out),
    ("receive text, 1 % of the lines dotted", bodies::receive_text),
    ("receive base64", bodies::receive_base64),
    ("receive text, every line dotted", bodies::receive_dotted),
    ("receive lines of a single dot", bodies::receive_dots),
    ("receive text, 64 MiB from memory", bodies::receive_text_from_memory),
    ("receive base64, 64 MiB from memory", bodies::receive_base64_from_memory),
    ("send text, 1 % of the lines dotted", bodies::send_text),
    ("send base64", bodies::send_base64),
    ("send text, every line dotted", bodies::send_dotted),
    ("send lines of a single dot", bodies::send_dots),
    ("send text with bare LF as CRLF", bodies::send_bare_lf),
    ("send text, 64 MiB from memory", bodies::send_text_from_memory),
    ("session of 1000 RETR and DELE, 1 KiB each", sessions::messages),
    ("session of greeting, USER, PASS and QUIT", sessions::logins),
    ("octet by octet: text received", sessions::body_by_octet),
    ("octet by octet: LIST received", sessions::list_by_octet),
    ("octet by octet: commands answered", sessions::commands_by_octet),
];

fn main() {
    // Cargo tells a bench that it is one.
    let arguments: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (options, filters): (Vec<_>, Vec<_>) =
        arguments.iter().partition(|argument| argument.starts_with('-'));
    let quick = match options.as_slice() {
        [] => false,
        [option] if *option == "--quick" => true,
        _ => panic!("usage: [--quick] [FILTER...]"),
    };
    let each = Duration::from_millis(if quick { 80 } else { 1200 });
    let chosen =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));

    let mut works = Vec::new();
    for (name, bench) in WORKS.into_iter().filter(|(name, _)| chosen(name)) {
        let measured = bench(name, each);
        print!("{}", table::plain(&measured));
        works.push(measured);
    }
    assert!(!works.is_empty(), "no work has such a name");
    print!("{}", table::summary(&works));
    if !quick && filters.is_empty() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::write(folder.join("versus.md"), table::markdown(&works)).expect("versus.md is written");
        plot::write(&folder.join("versus.svg"), &works).expect("versus.svg is written");
    }
}

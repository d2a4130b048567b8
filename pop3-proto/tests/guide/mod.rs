//! The picture of the states: drawn from the table of commands and from what a client does, so that it shows nothing that is not so.

mod draw;
mod moves;

use std::{env, fs, path::Path};

/// Draws it anew: `POP3_STATES=write cargo test -p pop3-proto --test tests the_picture_of_the_states`.
#[test]
fn the_picture_of_the_states_is_the_tables() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/guide/states.svg");
    let drawn = draw::picture();
    if env::var_os("POP3_STATES").is_some() {
        fs::write(&file, &drawn).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&file).unwrap(),
        drawn,
        "the picture is stale; the comment above says how to draw it anew"
    );
}

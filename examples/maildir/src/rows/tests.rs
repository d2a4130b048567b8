use super::*;

fn found(flags: usize) -> Found {
    Found::new(1, format!("1.a:2,{flags}").as_bytes())
}

/// Otherwise a Maildir whose messages all have different flags would take the square of their number.
#[test]
fn a_place_is_looked_for_among_the_first_hundred_only() {
    let mut places = Places::default();
    for flags in 0..200 {
        assert_eq!(usize::from(places.number(&found(flags))), flags);
    }
    for (flags, number) in [(0, 0), (99, 99), (100, 200), (199, 201), (100, 202)] {
        assert_eq!(places.number(&found(flags)), number);
        assert_eq!(places.get(number), Some((1, format!(":2,{flags}").as_bytes())));
    }
}

#[test]
fn after_the_last_number_there_is_no_place() {
    let mut places = Places::default();
    for flags in 0..usize::from(NOWHERE) {
        places.number(&found(flags));
    }
    assert_eq!(places.number(&found(70_000)), NOWHERE);
    assert_eq!(places.get(NOWHERE), None);
    assert_eq!(places.number(&found(1)), 1);
}

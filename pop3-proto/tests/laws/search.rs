//! Where a search for a line end continues: never in the wrong place (law 5), and never from the start (law 10).

use super::reach::{cleartext, logged_in, say, server, until};
use pop3_proto::client::{Client, Event};
use pop3_proto::server::Step;
use pop3_proto::{Command, Input, SendBuf};

/// A question about different bytes does not change the events of the polled bytes.
#[test]
fn law_5_needs_input_changes_no_event() {
    // In lower case, because a plain line is read without a search.
    let wire = b"+ok one\r\n";
    for asked in
        [&[b'x'; 5][..], &[b'x'; 9], &[b'x'; 40], &[b'x'; 511], b"+OK\r\n", b"+OK on", b"-ERR no\r\n"]
    {
        for cut in 0..=wire.len() {
            let mut client = Client::new(cleartext(), 1);
            assert!(client.poll(&mut Input::more(&wire[..cut])).unwrap().is_some() == (cut == wire.len()));
            if cut == wire.len() {
                continue;
            }
            let _ = client.needs_input(asked, false);
            // More than one line, because a missed line end would then be found later.
            let whole = [&wire[..], b"+OK two\r\n"].concat();
            let mut input = Input::more(&whole);
            let Ok(Some(Event::Greeting(greeting))) = client.poll(&mut input) else { panic!() };
            assert_eq!((greeting.status.text().as_bytes(), input.remaining()), (&b"one"[..], 9));
        }
    }
    let mut client = Client::new(cleartext(), 1);
    assert!(client.needs_input(&[b'x'; 40], false));
    assert!(!client.needs_input(b"+OK ready\r\n", false), "the place is beyond these bytes");
    assert!(matches!(client.poll(&mut Input::more(b"+OK ready\r\n")), Ok(Some(Event::Greeting(_)))));
}

/// A place beyond the input, as after a driver has lost bytes, never hides a line.
#[test]
fn law_5_a_search_that_went_further_than_the_input_starts_over() {
    let mut client = Client::new(cleartext(), 1);
    assert!(client.poll(&mut Input::more(&[b'+'; 40])).unwrap().is_none());
    assert!(matches!(client.poll(&mut Input::more(b"+OK ready\r\n")), Ok(Some(Event::Greeting(_)))));
    let mut rows = logged_in(cleartext());
    say(&mut rows, &Command::List(None), b"+OK\r\n");
    assert!(rows.poll(&mut Input::more(&[b'1'; 40])).unwrap().is_none());
    assert!(matches!(rows.poll(&mut Input::more(b"1  2\r\n")), Ok(Some(Event::ScanListing(..)))));

    let (mut server, mut sink) = (server(1), SendBuf::new(vec![]));
    let _ = until(&mut server, &mut Input::more(&[b'x'; 40]), &mut sink, needs_input);
    let mut input = Input::more(b"CAPA\r\n");
    let _ = server.poll(&mut input, &mut sink).unwrap();
    assert_eq!(input.remaining(), 0);
}

/// A driver that asks before every read: the question searches each byte once, and `poll` searches it once.
#[test]
fn law_10_asking_before_every_read_stays_linear() {
    let line = [b"+OK ", &[b'A'; 500][..], b"\r\n"].concat();
    let mut client = Client::new(cleartext(), 1);
    for end in 1..line.len() {
        assert!(client.needs_input(&line[..end], false));
        // A line end within the searched bytes is not found, because they are not searched again.
        let mut changed = line[..end].to_vec();
        changed[0] = b'\n';
        assert!(client.needs_input(&changed, false), "{end}");
    }
    assert!(!client.needs_input(&line, false));
    assert!(client.poll(&mut Input::more(&line)).unwrap().is_some());
}

fn needs_input(step: &Step<'_>) -> bool {
    matches!(step, Step::NeedInput)
}

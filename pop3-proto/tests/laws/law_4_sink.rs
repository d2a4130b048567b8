//! The promise of a sink: reported room stays until bytes are put into it, whatever was put and sent before.

use pop3_proto::{SendBuf, Sink};
use proptest::prelude::*;

/// The lengths of the parts that each step puts into the sink.
type Steps = Vec<Vec<u8>>;

/// Fills the sink in steps of one call each. Every step that fits into the remaining room succeeds.
fn room_holds(sink: &mut dyn Sink, steps: &Steps) {
    let mut left = sink.room();
    for lengths in steps {
        let parts: Vec<&[u8]> = lengths.iter().map(|length| &[b'x'; 256][..usize::from(*length)]).collect();
        let needed: usize = parts.iter().map(|part| part.len()).sum();
        let result = sink.put(&parts);
        assert_eq!(result.is_ok(), needed <= left, "{needed} bytes in {left}");
        left -= if result.is_ok() { needed } else { 0 };
        assert_eq!(sink.room(), left);
    }
    assert!(sink.put(&[&vec![b'x'; left + 1]]).is_err());
    assert_eq!(sink.put(&[&vec![b'x'; left]]), Ok(()));
    assert_eq!(sink.room(), 0);
}

proptest! {
    #[test]
    fn law_4_reported_room_stays_until_bytes_are_put(
        before in proptest::collection::vec((0usize..300, 0usize..300), 0..6),
        steps: Steps,
        size in 0usize..700,
    ) {
        let mut memory = vec![0; size];
        let mut out = SendBuf::new(&mut memory[..]);
        let mut send = SendBuf::with_limit(vec![], size);
        for (put, sent) in before {
            let _ = out.put(&[&vec![b'a'; put]]);
            let _ = send.put(&[&vec![b'a'; put]]);
            out.sent(sent);
            send.sent(sent);
        }
        room_holds(&mut &mut out, &steps);
        room_holds(&mut send, &steps);
    }
}

//! Clients that are cut off.

use crate::kit::{Dice, LOGIN, Site};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const CUTS: usize = 200;

#[tokio::test]
async fn a_client_that_is_cut_two_hundred_times_loses_nothing() {
    let big = format!("\n{}", "A line of text like any other.\n".repeat(3000));
    let site = Site::with(&[b"\none\n", big.as_bytes(), b"\nthree\n"]);
    let server = site.serve().await;
    let files = site.files();
    let commands = format!("{LOGIN}LIST\r\nDELE 1\r\nRETR 2\r\nDELE 2\r\nUIDL\r\nDELE 3\r\nQUIT\r\n");
    let whole = format!("{LOGIN}STAT\r\nRETR 2\r\nQUIT\r\n");
    let expected = server.talk_alone(&whole).await;
    let mut dice = Dice(1900);
    for cut in 0..CUTS {
        let mut stream = server.connect().await;
        // At most all bytes except the last, without which QUIT is incomplete.
        let said = dice.below(commands.len());
        stream.write_all(&commands.as_bytes()[..said]).await.unwrap();
        // The client reads some of the responses, or none.
        let mut read = vec![0; dice.below(100_000)];
        timeout(Duration::from_millis(dice.below(8) as u64), stream.read_exact(&mut read)).await.ok();
        drop(stream);
        assert_eq!(site.files(), files, "cut {cut}, after {said} bytes");
        if cut % 10 == 9 {
            assert_eq!(server.talk_alone(&whole).await, expected, "cut {cut}");
        }
    }
    assert_eq!(server.talk_alone(&whole).await, expected);
    assert_eq!(site.files(), files);
    // Without a cut, the same session does remove messages.
    assert!(server.talk_alone(&commands).await.ends_with("+OK bye\r\n"));
    assert!(site.files().is_empty());
}

//! A thousand sessions: the same as `million`, small enough to run each time.

use fastrand::Rng;
use pop3_proto::MessageNumber;
use pop3_proto_scale::crowd::Crowd;
use pop3_proto_scale::session::{Session, Shared};
use pop3_proto_scale::{Result, heap};
use std::time::Duration;

const USERS: u32 = 1000;

#[test]
fn a_thousand_sessions_need_only_their_own_bytes() -> Result<()> {
    let (mut to_server, mut to_client) = ([0; 1024], [0; 2048]);
    let shared = Shared::new(&mut to_server, &mut to_client, USERS);
    let before = heap::live();
    let mut crowd = Crowd::new(shared);
    let mut steps = 0;

    assert_eq!(crowd.log_in(|| steps += 1)?, 1000);
    assert_eq!(
        crowd.idle(Duration::from_secs(3600), || steps += 1)?,
        6666,
        "NOOP each nine minutes of sixty"
    );
    assert_eq!(crowd.fetch(100, &mut Rng::with_seed(7), || steps += 1)?, 100);
    assert_eq!(heap::live() - before, 1000 * size_of::<Session>() as i64);
    assert_eq!(crowd.removed(), 0, "nothing is removed before QUIT");
    assert_eq!(crowd.quit(|| steps += 1)?, 1000);

    assert_eq!(crowd.removed(), 100);
    assert_eq!(crowd.allocations(), 0);
    assert_eq!(steps, 1000 + 60 + 100 + 1000);
    Ok(())
}

#[test]
fn a_session_that_is_silent_for_ten_minutes_ends() -> Result<()> {
    let (mut to_server, mut to_client) = ([0; 1024], [0; 2048]);
    let mut shared = Shared::new(&mut to_server, &mut to_client, 1);
    let mut session = Session::open(0, &mut shared)?;
    assert!(!session.is_due(Duration::from_secs(539)));
    assert!(session.is_due(Duration::from_secs(540)));

    shared.now = Duration::from_secs(599);
    session.keep_alive(&mut shared)?;
    shared.now = Duration::from_secs(599 + 601);
    let gone = session.keep_alive(&mut shared).expect_err("the autologout timer");
    assert!(gone.to_string().contains("autologout"), "{gone}");
    Ok(())
}

#[test]
fn the_mail_of_another_user_would_be_noticed() -> Result<()> {
    let (mut to_server, mut to_client) = ([0; 1024], [0; 2048]);
    let mut shared = Shared::new(&mut to_server, &mut to_client, 2);
    let mut session = Session::open(0, &mut shared)?;
    assert!(session.fetch(1, MessageNumber::FIRST, &mut shared).is_err());
    Ok(())
}

//! How often a session asks its database.

use crate::client::Client;
use crate::site::Site;

/// Words of each statement of a session, as the log of the database shows them.
const KINDS: [(&str, &str); 5] = [
    ("FROM account WHERE name IN", "account"),
    ("SET holder =", "acquire"),
    ("UNION ALL (SELECT id, octets", "snapshot"),
    ("DELETE FROM message", "commit"),
    ("SET expires = '-infinity' WHERE id = ANY", "release"),
];

#[test]
fn a_login_asks_for_the_account_the_lease_and_the_listing_once_each() {
    let site = Site::new(3600); // nothing is renewed meanwhile
    site.deliver("Subject: hello\n\nHello\n");
    site.execute("ALTER ROLE postgres SET log_statement = 'all'");
    let node = site.node();
    node.wait_for_status("/ready", 200);
    // The first login checks the password, and the second knows it.
    for _ in 0..2 {
        let before = statements(&site).len();
        let mut client = Client::log_in(&node).unwrap();
        assert_eq!(statements(&site)[before..], ["account", "acquire", "snapshot"]);
        client.retrieve(1).unwrap();
        assert_eq!(client.ask("QUIT"), "+OK bye");
        assert_eq!(statements(&site)[before + 3..], ["commit"]);
    }
}

/// Returns the statements of sessions that the database has logged. It logs a statement before it runs it.
fn statements(site: &Site) -> Vec<&'static str> {
    let log = site.postgres.log();
    let kind = |line: &str| KINDS.iter().find(|(words, _)| line.contains(words)).map(|(_, kind)| *kind);
    log.lines().filter(|line| line.contains("execute ")).filter_map(kind).collect()
}

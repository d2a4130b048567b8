//! Every statement that runs while mail moves. Each is one transaction, so a node that is paused never holds the lock of a row.

/// The tables.
pub const SCHEMA: &str = include_str!("schema.sql");

/// The version that [`SCHEMA`] writes.
pub const VERSION: i32 = 1;

/// Returns the account, and the model for names that do not exist. $1: name.
pub const ACCOUNT: &str = "SELECT name, verifier, maildrop FROM account WHERE name IN ('', $1)";

/// Takes the lease of a maildrop. $1: maildrop, $2: token, $3: duration. A token is for one such statement: a copy of it that arrives late
/// must not make a session the holder again.
pub const ACQUIRE: &str = "UPDATE maildrop SET holder = $2, expires = now() + $3 * interval '1 ms' \
    WHERE id = $1 AND NOT moved AND expires <= now() RETURNING holder";

/// Lists the messages. $1: maildrop, $2: token. The first row is there if the lease is still held, and shows whose result this is.
///
/// It must be sent after the result of [`ACQUIRE`] has arrived. In one statement, the view of the messages would be older than the wait
/// for the row of the maildrop, and would list messages that the last session removed.
pub const SNAPSHOT: &str = "SELECT holder AS id, -1::bigint AS octets, NULL::text AS uid FROM maildrop WHERE id = $1 AND holder = $2 \
    UNION ALL (SELECT id, octets, uid FROM message WHERE maildrop = $1 ORDER BY id)";

/// Renews the leases of a node. $1: maildrops, $2: tokens, $3: duration. A lease whose token is not returned is lost.
///
/// Tokens are unique, so their order does not matter. With a join, the planner expects one lease and compares all with all.
pub const RENEW: &str = "UPDATE maildrop SET expires = now() + $3 * interval '1 ms' \
    WHERE id = ANY ($1) AND holder = ANY ($2) AND expires > '-infinity' RETURNING holder";

/// Ends leases. $1: maildrops, $2: tokens. A lease that has ended is not written again.
pub const RELEASE: &str = "UPDATE maildrop SET expires = '-infinity' \
    WHERE id = ANY ($1) AND holder = ANY ($2) AND expires > '-infinity'";

/// Removes messages, and ends the lease. $1: maildrop, $2: token, $3: ids. Returns the token, and whether the session still held the
/// maildrop.
///
/// It checks the token, not the time: a lease that has expired may still be used if nobody took it.
pub const COMMIT: &str = "WITH \
    fence AS (UPDATE maildrop SET expires = '-infinity' WHERE id = $1 AND holder = $2 AND NOT moved RETURNING holder), \
    gone AS (DELETE FROM message WHERE maildrop = $1 AND id = ANY ($3) AND EXISTS (SELECT 1 FROM fence) RETURNING id), \
    let_go AS (INSERT INTO loose (id, state) SELECT id, 'g' FROM gone) \
    SELECT $2, EXISTS (SELECT 1 FROM fence)";

/// Counts how many of these messages are there. $1: maildrop, $2: ids. It has a view of its own, newer than that of [`COMMIT`].
pub const LEFT: &str = "SELECT count(*) FROM message WHERE maildrop = $1 AND id = ANY ($2)";

/// Announces a body that is going to be written. $1: id.
pub const ANNOUNCE: &str = "INSERT INTO loose (id, state) VALUES ($1, 'c') ON CONFLICT DO NOTHING";

/// Delivers a message whose body is written. $1: maildrop, $2: id, $3: octets, $4: unique-id. Returns a row if it did.
///
/// The lock FOR KEY SHARE keeps a move of the maildrop away, and conflicts with nothing that a session does.
pub const ARRIVE: &str = "WITH \
    there AS (SELECT id FROM maildrop WHERE id = $1 AND NOT moved FOR KEY SHARE), \
    came AS (DELETE FROM loose WHERE id = $2 AND state = 'c' AND EXISTS (SELECT 1 FROM there) RETURNING id) \
    INSERT INTO message (maildrop, id, octets, uid) SELECT $1, id, $3, $4 FROM came RETURNING id";

/// Returns a row if a message was delivered. $1: maildrop, $2: id. A session may have removed it since.
pub const ARRIVED: &str = "SELECT 1 FROM message WHERE maildrop = $1 AND id = $2 \
    UNION ALL SELECT 1 FROM loose WHERE id = $2 AND state = 'g'";

/// Returns the unique-ids of the imported messages. $1: maildrop.
pub const IMPORTED: &str = "SELECT uid FROM message WHERE maildrop = $1 AND uid IS NOT NULL";

/// Chooses bodies to delete. $1: the age of coming bodies, $2: the age of going bodies, $3: how many. They begin to wait again, so those that
/// cannot be deleted do not keep others from being chosen.
pub const DOOM: &str = "UPDATE loose SET state = 'd', since = now() WHERE id IN (SELECT id FROM loose \
    WHERE since < now() - $1 * interval '1 ms' AND (state <> 'g' OR since < now() - $2 * interval '1 ms') \
    ORDER BY since LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING id";

/// Forgets bodies that are deleted. $1: ids.
pub const FORGET: &str = "DELETE FROM loose WHERE id = ANY ($1) AND state = 'd'";

/// Returns which of these bodies are known. $1: ids.
pub const KNOWN: &str =
    "SELECT id FROM message WHERE id = ANY ($1) UNION ALL SELECT id FROM loose WHERE id = ANY ($1)";

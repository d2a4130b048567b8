//! What happened in the database and is in the store, whatever the nodes were told.

use crate::log::{Number, parse};
use crate::session::body;
use pop3_proto_site::id::Id;
use pop3_proto_site::operations::Maildrop;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use tokio_postgres::Client;

/// Triggers that write each change into a table: a session that begins, a message that arrives or is removed.
pub(crate) const AUDIT: &str = "
CREATE TABLE audit (
  moment bigserial PRIMARY KEY, change text NOT NULL, maildrop bigint NOT NULL, id uuid NOT NULL,
  transaction bigint NOT NULL DEFAULT txid_current());
CREATE FUNCTION audit_session() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO audit (change, maildrop, id) VALUES ('began', NEW.id, NEW.holder); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER UPDATE ON maildrop FOR EACH ROW
  WHEN (OLD.holder IS DISTINCT FROM NEW.holder) EXECUTE FUNCTION audit_session();
CREATE FUNCTION audit_message() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'INSERT' THEN INSERT INTO audit (change, maildrop, id) VALUES ('arrived', NEW.maildrop, NEW.id);
  ELSE INSERT INTO audit (change, maildrop, id) VALUES ('removed', OLD.maildrop, OLD.id); END IF; RETURN NULL; END $$;
CREATE TRIGGER audit AFTER INSERT OR DELETE ON message FOR EACH ROW EXECUTE FUNCTION audit_message();";

/// The order of the changes. It is right for the changes of one maildrop that sessions make, because they hold the lock of its row.
pub(crate) type Moment = i64;

/// How a message was removed.
pub(crate) struct Removed {
    pub(crate) moment: Moment,
    /// The token that began last in the maildrop.
    pub(crate) by: Option<Number>,
    pub(crate) transaction: i64,
}

/// A message that is in the store.
pub(crate) struct Stored {
    pub(crate) octets: u64,
    /// The size of the body, if there is one.
    pub(crate) size: Option<u64>,
    /// Whether the body is what was delivered.
    pub(crate) is_intact: bool,
}

#[derive(Default)]
pub(crate) struct History {
    pub(crate) began: HashMap<Number, Moment>,
    pub(crate) arrived: HashMap<Number, Moment>,
    pub(crate) removed: HashMap<Number, Removed>,
    pub(crate) stored: HashMap<Number, Stored>,
    /// How often a token or a message came again.
    pub(crate) again: u64,
    /// How many bodies only a sweep finds.
    pub(crate) orphans: usize,
}

impl History {
    pub(crate) async fn read(database: &Client, bodies: &Path) -> Self {
        let mut history = History::default();
        let mut last: HashMap<Maildrop, Number> = HashMap::new();
        let audit = "SELECT moment, change, maildrop, id::text, transaction FROM audit ORDER BY moment";
        for row in database.query(audit, &[]).await.unwrap() {
            let (moment, maildrop, number) = (row.get(0), row.get(2), parse(row.get(3)));
            let earlier = match row.get(1) {
                "began" => {
                    last.insert(maildrop, number);
                    *history.began.entry(number).or_insert(moment) != moment
                }
                "arrived" => *history.arrived.entry(number).or_insert(moment) != moment,
                _ => {
                    let by = last.get(&maildrop).copied();
                    let removed = Removed { moment, by, transaction: row.get(4) };
                    history.removed.insert(number, removed).is_some()
                }
            };
            history.again += u64::from(earlier);
        }
        history.read_store(database, bodies).await;
        history
    }

    async fn read_store(&mut self, database: &Client, bodies: &Path) {
        for row in database.query("SELECT id, octets FROM message", &[]).await.unwrap() {
            let (id, octets): (Id, i64) = (row.get(0), row.get(1));
            let found = std::fs::read(bodies.join(id.path().as_ref())).ok();
            let stored = Stored {
                octets: u64::try_from(octets).unwrap(),
                size: found.as_ref().map(|found| found.len() as u64),
                is_intact: found.is_some_and(|found| found == body(id)),
            };
            self.stored.insert(crate::log::number(id), stored);
        }
        let known = database.query("SELECT id::text FROM message UNION ALL SELECT id::text FROM loose", &[]);
        let known: HashSet<Number> = known.await.unwrap().iter().map(|row| parse(row.get(0))).collect();
        let folders = std::fs::read_dir(bodies).unwrap();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
        let names = files.filter_map(|file| file.unwrap().file_name().into_string().ok());
        // A file that is not finished has another name.
        self.orphans = names
            .filter_map(|name| Number::from_str_radix(&name, 16).ok())
            .filter(|name| !known.contains(name))
            .count();
    }
}

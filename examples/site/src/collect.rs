//! The collection of bodies that no message needs: what a delivery left, and what QUIT let go.

use crate::Result;
use crate::database::Database;
use crate::id::Id;
use crate::objects::Objects;
use crate::operations::{Ages, Bodies as _};
use crate::site::Site;
use futures_util::TryStreamExt as _;
use std::collections::HashSet;
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// How long a node waits when there is nothing to collect.
const PAUSE: Duration = Duration::from_secs(60);

/// How many objects one question to the database is about. It reads all messages for each.
const BATCH: usize = 10_000;

/// Collects for as long as the future runs. All nodes do it, and share the work.
pub async fn run(site: &Site<Database, Objects>, ages: Ages) {
    loop {
        match site.collect(ages).await {
            Ok(0) => sleep(PAUSE).await,
            Ok(count) => tracing::debug!(count, "collected bodies"),
            Err(error) => {
                tracing::warn!(%error, "bodies cannot be collected: trying again");
                sleep(PAUSE).await;
            }
        }
    }
}

/// Deletes objects that the database does not know, and returns how many. An object stays unknown if a delivery was paused for so long
/// that its body was collected before it was written.
///
/// Only objects that were written longer ago than this are deleted.
///
/// # Errors
/// Returns an error if the database or the object store failed.
pub async fn sweep(site: &Site<Database, Objects>, age: Duration) -> Result<usize> {
    let limit = SystemTime::now().checked_sub(age).ok_or("the age is before the beginning of time")?;
    let mut objects = site.bodies.store().list(None);
    let (mut old, mut deleted) = (Vec::with_capacity(BATCH), 0);
    while let Some(object) = objects.try_next().await? {
        let id = Id::of_path(&object.location); // what else is in the bucket is not ours
        old.extend(id.filter(|_| SystemTime::from(object.last_modified) < limit));
        if old.len() == BATCH {
            deleted += delete_unknown(site, std::mem::take(&mut old)).await?;
        }
    }
    Ok(deleted + delete_unknown(site, old).await?)
}

async fn delete_unknown(site: &Site<Database, Objects>, mut ids: Vec<Id>) -> Result<usize> {
    let known = site.rows.known(&ids).await?;
    let known: HashSet<Id> = known.into_iter().collect();
    ids.retain(|id| !known.contains(id));
    Ok(site.bodies.delete(&ids).await.len())
}

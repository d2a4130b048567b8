//! The bodies in an object store: a folder, or S3.

use crate::Result;
use crate::id::Id;
use crate::operations::Bodies;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::{Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _};
use std::future::ready;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncBufRead, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::io::StreamReader;

/// How much of a body the first request asks for. TOP needs no more of most messages, and most messages are not longer.
const FIRST: u64 = 64 * 1024;

/// How much of a body that is written is held in memory. S3 takes a larger body in parts of at least 5 MiB.
const PART: usize = 8 * 1024 * 1024;

/// How many bodies are deleted at the same time.
const DELETIONS: usize = 16;

/// A body that is being sent. An error cuts the connection.
pub type Body = Pin<Box<dyn AsyncBufRead + Send>>;

/// The object store of a site.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// The folder, if the bodies are in one.
    folder: Option<Arc<Path>>,
}

impl Objects {
    /// Returns the bodies that are in this store.
    pub fn new(store: impl ObjectStore) -> Self {
        Objects { store: Arc::new(store), folder: None }
    }

    /// Returns the bodies that are in this folder.
    ///
    /// # Errors
    /// Returns an error if there is no such folder.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Objects { store: Arc::new(store), folder: Some(folder.into()) })
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Opens a body.
    ///
    /// # Errors
    /// Returns an error if the object is not there, if it does not have as many octets as the message, or if the store failed.
    pub async fn open(&self, id: Id, octets: u64) -> io::Result<Body> {
        if octets == 0 {
            return Ok(Box::pin(tokio::io::empty())); // no range of it exists
        }
        let first = self.get(id, octets, 0..octets.min(FIRST)).await?;
        if octets <= FIRST {
            return Ok(Box::pin(StreamReader::new(first)));
        }
        let objects = self.clone();
        let rest = stream::once(async move { objects.get(id, octets, FIRST..octets).await }).try_flatten();
        Ok(Box::pin(StreamReader::new(Box::pin(first.chain(rest)))))
    }

    /// Returns a part of a body.
    async fn get(
        &self,
        id: Id,
        octets: u64,
        range: std::ops::Range<u64>,
    ) -> io::Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let got = self.store.get_opts(&id.path(), options).await?;
        if got.meta.size != octets || got.range != range {
            let error = format!("the body {id} has {} octets instead of {octets}", got.meta.size);
            return Err(io::Error::other(error));
        }
        let mut left = range.end - range.start;
        Ok(got.into_stream().map(move |chunk| {
            let chunk = chunk?;
            left = left.saturating_sub(chunk.len() as u64);
            // A file that has become shorter sends empty chunks forever.
            match chunk.is_empty() && left > 0 {
                true => Err(io::Error::new(ErrorKind::UnexpectedEof, format!("the body {id} ends early"))),
                false => Ok(chunk),
            }
        }))
    }
}

impl Bodies for Objects {
    async fn put(&self, id: Id, mut body: impl AsyncRead + Send + Unpin) -> Result<u64> {
        let mut writer = BufWriter::with_capacity(Arc::clone(&self.store), id.path(), PART);
        match copy(&mut body, &mut writer).await {
            Ok(octets) => {
                writer.shutdown().await?; // after which it panics if it is aborted
                Ok(octets)
            }
            Err(error) => {
                writer.abort().await.ok(); // the collection deletes what is left
                Err(error.into())
            }
        }
    }

    async fn delete(&self, ids: &[Id]) -> Vec<Id> {
        let deletions = stream::iter(ids.to_vec()).map(|id| async move {
            match self.delete_one(id).await {
                Ok(()) => Some(id),
                Err(error) => {
                    tracing::warn!(%id, %error, "a body cannot be deleted: trying again later");
                    None
                }
            }
        });
        deletions.buffer_unordered(DELETIONS).filter_map(ready).collect().await
    }
}

impl Objects {
    async fn delete_one(&self, id: Id) -> Result<()> {
        match self.store.delete(&id.path()).await {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(folder) = &self.folder else { return Ok(()) };
        // A file has this name until it is complete, and the store does not show it. It stays if the process is killed.
        match tokio::fs::remove_file(folder.join(format!("{}#1", id.path()))).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

async fn copy(body: &mut (impl AsyncRead + Unpin), writer: &mut BufWriter) -> io::Result<u64> {
    let mut buffer = vec![0; 64 * 1024];
    let mut octets = 0;
    loop {
        let count = body.read(&mut buffer).await?;
        if count == 0 {
            return Ok(octets);
        }
        writer.write_all(&buffer[..count]).await?;
        octets += count as u64;
    }
}

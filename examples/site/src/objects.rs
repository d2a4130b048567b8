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

/// A part of a body, as it arrives.
type Part = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

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
        self.check_file(id).await?;
        let first = self.get(id, octets, 0..octets.min(FIRST)).await?;
        if octets <= FIRST {
            return Ok(Box::pin(StreamReader::new(first)));
        }
        Ok(Box::pin(StreamReader::new(Box::pin(first.chain(self.clone().rest(id, octets))))))
    }

    /// Opening a FIFO in place of a file would wait for ever.
    async fn check_file(&self, id: Id) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        match tokio::fs::metadata(folder.join(id.path().as_ref())).await?.is_file() {
            true => Ok(()),
            false => Err(io::Error::other(format!("the body {id} is not a file"))),
        }
    }

    /// Returns a body after its first part.
    ///
    /// A client may take longer than a connection to the store lasts. If it breaks, another request continues at the same place, as long as each
    /// brings at least one octet.
    fn rest(self, id: Id, octets: u64) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold((FIRST, None), move |(mut at, mut open)| {
            let objects = self.clone();
            async move {
                while at < octets {
                    let (mut part, is_new) = match open.take() {
                        Some(part) => (part, false),
                        None => (objects.get(id, octets, at..octets).await?, true),
                    };
                    match part.try_next().await {
                        Ok(Some(chunk)) => {
                            at += chunk.len() as u64;
                            return Ok(Some((chunk, (at, Some(part)))));
                        }
                        Err(error) if !is_new => {
                            tracing::info!(%id, at, %error, "the object store ended a request early: asking again");
                        }
                        Ok(None) => break,
                        Err(error) => return Err(error),
                    }
                }
                Ok(None)
            }
        })
    }

    /// Returns a part of a body.
    async fn get(&self, id: Id, octets: u64, range: std::ops::Range<u64>) -> io::Result<Part> {
        let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
        let got = self.store.get_opts(&id.path(), options).await?;
        if got.meta.size != octets || got.range != range {
            let error = format!("the body {id} has {} octets instead of {octets}", got.meta.size);
            return Err(io::Error::other(error));
        }
        let mut left = range.end - range.start;
        Ok(Box::pin(got.into_stream().map(move |chunk| {
            let chunk = chunk?;
            left = left.saturating_sub(chunk.len() as u64);
            // A file that has become shorter sends empty chunks forever.
            match chunk.is_empty() && left > 0 {
                true => Err(io::Error::new(ErrorKind::UnexpectedEof, format!("the body {id} ends early"))),
                false => Ok(chunk),
            }
        })))
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

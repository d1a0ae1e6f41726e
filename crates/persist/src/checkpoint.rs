//! Copies the WAL into the file while commits go on. A commit that had to do it itself would hold up everybody behind it
//! for as long as the disk takes for thousands of pages.
//!
//! The WAL starts anew at the first commit that finds all of it copied. Under load without a pause that never happens by
//! itself, so the writing connection keeps a threshold of its own, [`WRITER_FACTOR`] times as high: there it copies what
//! is left, which is little, and the WAL stays bounded.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;

use crate::{
    error::PersistError,
    writer::{join, spawn},
};

/// How much higher the threshold is at which a commit copies by itself.
pub(crate) const WRITER_FACTOR: u32 = 4;
/// The WAL is looked at this often at most; at the speed of a disk it grows by a megabyte or two meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The copying thread. Dropping it waits for it.
pub(crate) struct Checkpointer {
    bell: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Copies whenever so many pages wait.
    pub(crate) fn start(connection: Connection, pages_max: u32) -> Result<Checkpointer, PersistError> {
        let (bell, rung) = sync_channel(1);
        let thread = spawn("sqlite-checkpoint", move || copy_all(&connection, &rung, i64::from(pages_max)))?;
        Ok(Checkpointer { bell: Some(bell), thread: Some(thread) })
    }

    /// A commit was made.
    pub(crate) fn ring(&self) {
        if let Some(bell) = &self.bell {
            // Full means that it will look anyway.
            let _ = bell.try_send(());
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.bell.take());
        self.thread.take().into_iter().for_each(join);
    }
}

fn copy_all(connection: &Connection, bell: &Receiver<()>, pages_max: i64) {
    while bell.recv().is_ok() {
        let copied = pages_waiting(connection).and_then(|pages| match pages >= pages_max {
            true => connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())),
            false => Ok(()),
        });
        if let Err(error) = copied {
            tracing::warn!(%error, "the WAL could not be copied; the next commits try again");
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Pages in the WAL that are not in the file yet.
fn pages_waiting(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
        let (in_wal, copied): (i64, i64) = (row.get(1)?, row.get(2)?);
        Ok(in_wal.saturating_sub(copied))
    })
}

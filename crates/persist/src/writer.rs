//! The writing thread. It owns the only writing connection; everything queued while a commit waited for the disk goes
//! into the next one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{checkpoint::Checkpointer, error::PersistError};

/// Writes in one commit: bounds how long the first of them waits for the last.
const GROUP_MAX: usize = 1_024;

/// A queued write: runs against the connection, then is told how its commit went. `None` when nobody waits any more.
type Job = Box<dyn FnOnce(&Connection) -> Option<Ran> + Send>;
type Answer = Box<dyn FnOnce(Result<(), PersistError>) + Send>;

struct Ran {
    /// Whether to keep what it did.
    kept: bool,
    answer: Answer,
}

pub(crate) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        connection: Connection,
        checkpointer: Checkpointer,
        queue_max: usize,
    ) -> Result<Writer, PersistError> {
        let (jobs, queue) = mpsc::channel(queue_max);
        let thread = spawn("sqlite-writer", move || {
            write_all(&connection, &checkpointer, queue);
            // The connection closed last folds the WAL into the file; it is this one.
            drop(checkpointer);
            drop(connection);
        })?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread) })
    }

    pub(crate) async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<PersistError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if sender.is_closed() {
                return None;
            }
            let result = run_caught(work, connection);
            let kept = result.is_ok();
            let answer: Answer = Box::new(move |committed| {
                // The caller may have gone meanwhile; what it asked for is stored all the same.
                let _ = sender.send(committed.map_err(E::from).and(result));
            });
            Some(Ran { kept, answer })
        });
        let jobs = self.jobs.as_ref().ok_or(PersistError::Closed)?;
        jobs.send(job).await.map_err(|_| PersistError::Closed)?;
        receiver.await.map_err(|_| PersistError::Closed)?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        self.thread.take().into_iter().for_each(join);
    }
}

/// Runs a closure; a panic of it is an error of its own, the thread lives on.
pub(crate) fn run_caught<T, E, F>(work: F, connection: &Connection) -> Result<T, E>
where
    E: From<PersistError>,
    F: FnOnce(&Connection) -> Result<T, E>,
{
    catch_unwind(AssertUnwindSafe(|| work(connection))).unwrap_or_else(|_| Err(PersistError::Panicked.into()))
}

/// A named thread.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, PersistError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map_err(|error| PersistError::file(std::path::Path::new(name), error))
}

/// Waits for a thread, unless it is this one: the last clone of a database may be dropped by its own work.
pub(crate) fn join(handle: JoinHandle<()>) {
    if handle.thread().id() != thread::current().id() {
        // A panic of the thread was reported by the panic hook already.
        let _ = handle.join();
    }
}

fn write_all(connection: &Connection, checkpointer: &Checkpointer, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::new();
    while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        commit_group(connection, &mut group);
        checkpointer.ring();
    }
}

/// INVARIANT: no answer is sent before the commit of its group returned. A crash in between may have stored what nobody
/// was told of; it never loses what somebody was told.
fn commit_group(connection: &Connection, group: &mut Vec<Job>) {
    let begun = connection.execute_batch("BEGIN IMMEDIATE");
    let (mut answers, mut outcome) = (Vec::with_capacity(group.len()), begun);
    for job in group.drain(..) {
        if outcome.is_err() {
            // The job is dropped unrun, its caller is told that the database is closed to it.
            continue;
        }
        match run_in_savepoint(connection, job) {
            Ok(answer) => answers.extend(answer),
            Err((answer, error)) => {
                answers.extend(answer);
                outcome = Err(error);
            }
        }
    }
    let outcome = outcome.and_then(|()| connection.execute_batch("COMMIT"));
    let outcome = outcome.map_err(|error| {
        if !connection.is_autocommit() {
            // Fails only when the transaction is gone already, which is what is wanted.
            let _ = connection.execute_batch("ROLLBACK");
        }
        tracing::error!(%error, writes = answers.len(), "a commit failed");
        PersistError::Commit(Arc::new(error))
    });
    for answer in answers {
        answer(outcome.clone());
    }
}

type Failed = (Option<Answer>, rusqlite::Error);

/// One write of the group under a savepoint of its own.
fn run_in_savepoint(connection: &Connection, job: Job) -> Result<Option<Answer>, Failed> {
    execute(connection, "SAVEPOINT write_of_group").map_err(|error| (None, error))?;
    let Some(ran) = job(connection) else {
        return execute(connection, "RELEASE write_of_group").map(|()| None).map_err(|error| (None, error));
    };
    // Some failures (disk full, I/O) end the whole transaction; then there is no savepoint to go back to.
    let closed = if ran.kept {
        execute(connection, "RELEASE write_of_group")
    } else {
        execute(connection, "ROLLBACK TO write_of_group")
            .and_then(|()| execute(connection, "RELEASE write_of_group"))
    };
    match closed {
        Ok(()) => Ok(Some(ran.answer)),
        Err(error) => Err((Some(ran.answer), error)),
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}

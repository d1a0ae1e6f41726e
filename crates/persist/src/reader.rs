//! The reading threads, each with a connection that cannot write, before one bounded queue.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    error::PersistError,
    writer::{join, run_caught, spawn},
};

type Job = Box<dyn FnOnce(&Connection) + Send>;
type Queue = Arc<Mutex<mpsc::Receiver<Job>>>;

pub(crate) struct Readers {
    jobs: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(connections: Vec<Connection>, queue_max: usize) -> Result<Readers, PersistError> {
        let (jobs, queue) = mpsc::channel(queue_max);
        let queue: Queue = Arc::new(Mutex::new(queue));
        let start = |connection| {
            let queue = queue.clone();
            spawn("sqlite-reader", move || read_all(&connection, &queue))
        };
        let threads = connections.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
        Ok(Readers { jobs: Some(jobs), threads })
    }

    pub(crate) async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<PersistError> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            if !sender.is_closed() {
                // The caller may have gone meanwhile; a read leaves nothing behind.
                let _ = sender.send(on_one_snapshot(connection, work));
            }
        });
        let jobs = self.jobs.as_ref().ok_or(PersistError::Closed)?;
        jobs.send(job).await.map_err(|_| PersistError::Closed)?;
        receiver.await.map_err(|_| PersistError::Closed)?
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.jobs.take());
        self.threads.drain(..).for_each(join);
    }
}

fn read_all(connection: &Connection, queue: &Queue) {
    loop {
        // One thread waits for work while the others wait for the lock; none of them polls.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(job) = job else { return };
        job(connection);
    }
}

fn on_one_snapshot<T, E, F>(connection: &Connection, work: F) -> Result<T, E>
where
    E: From<PersistError>,
    F: FnOnce(&Connection) -> Result<T, E>,
{
    connection.execute_batch("BEGIN").map_err(PersistError::from)?;
    let result = run_caught(work, connection);
    connection.execute_batch("ROLLBACK").map_err(PersistError::from)?;
    result
}

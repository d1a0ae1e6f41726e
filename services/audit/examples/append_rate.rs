//! How many appends a second become durable, against the floor of the same bytes in a plain file with one fdatasync per
//! group. `cargo run --release -p entente-audit --example append_rate [in flight] [seconds]`
#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::{
    error::Error,
    fs::File,
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use entente_audit::{
    Log, LogConfig, LogKey, NewRecord, seal_record,
    store::{
        sections::{SECTIONS, Unsalted},
        sqlite::SqliteLog,
    },
};
use entente_chassis::clock::SystemClock;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// Bytes of each section: a record of some 1.1 KB, as intake writes for one object.
const SECTION_BYTES: usize = 64;
/// Writes of one group of the floor.
const GROUP_MAX: usize = 4_096;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let in_flight = arguments.next().map_or(Ok(1_000), |text| text.parse())?;
    let seconds = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let duration = Duration::from_secs(seconds);
    let folder = tempfile::tempdir()?;
    let floor = floor(folder.path(), in_flight, duration).await?;
    println!("floor     {floor:>10.0} /s   one fdatasync per group, {in_flight} in flight");
    let appends = appends(folder.path(), in_flight, duration).await?;
    println!("appends   {appends:>10.0} /s   sealed, in the tree, with receipt");
    println!("ratio     {:>10.2}", appends / floor);
    Ok(())
}

/// The same bytes appended to a file.
async fn floor(folder: &std::path::Path, in_flight: usize, duration: Duration) -> Result<f64, Failure> {
    let (jobs, mut queue) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(in_flight.max(1));
    let mut file = File::create(folder.join("floor"))?;
    let writing = std::thread::spawn(move || -> std::io::Result<()> {
        let mut group = Vec::new();
        while queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let bytes: Vec<u8> = group.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
            file.write_all(&bytes)?;
            file.sync_data()?;
            for (_, done) in group.drain(..) {
                let _ = done.send(());
            }
        }
        Ok(())
    });
    let record_bytes = SECTIONS * (SECTION_BYTES + 36) + 100;
    let rate = rate(in_flight, duration, move |_| {
        let jobs = jobs.clone();
        async move {
            let (done, waiting) = oneshot::channel();
            jobs.send((vec![0; record_bytes], done)).await?;
            Ok(waiting.await?)
        }
    })
    .await?;
    writing.join().map_err(|_| "the writing thread panicked")??;
    Ok(rate)
}

async fn appends(folder: &std::path::Path, in_flight: usize, duration: Duration) -> Result<f64, Failure> {
    let store = Arc::new(SqliteLog::open(folder)?);
    let config =
        LogConfig { origin: "audit.entente.example/ops/1".to_owned(), bytes_in_flight_max: 64 * 1024 * 1024 };
    let key = LogKey::load_or_create(&folder.join("log.key"))?;
    let (log, sequencer) = Log::open(config, store, &key, Arc::new(SystemClock)).await?;
    let cancellation = CancellationToken::new();
    let sequencing = tokio::spawn(sequencer.run(cancellation.clone()));
    let rate = rate(in_flight, duration, move |number| {
        let log = log.clone();
        async move {
            let mut sections = Unsalted::with_room(SECTIONS * SECTION_BYTES);
            (0..SECTIONS).for_each(|_| sections.push(|body| body.extend_from_slice(&[7; SECTION_BYTES])));
            let record_id = u128::from(number).to_be_bytes();
            let record = seal_record(NewRecord { record_id, trace_id: None, sections }, 0)?;
            log.append(vec![record]).await?;
            Ok(())
        }
    })
    .await?;
    cancellation.cancel();
    sequencing.await?;
    Ok(rate)
}

/// Runs `work` with so many in flight, each after the other, and counts.
async fn rate<W, F>(in_flight: usize, duration: Duration, work: W) -> Result<f64, Failure>
where
    W: Fn(u64) -> F + Clone + Send + 'static,
    F: Future<Output = Result<(), Failure>> + Send,
{
    let (numbers, begun) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let lanes: Vec<_> = (0..in_flight)
        .map(|_| {
            let (numbers, work) = (numbers.clone(), work.clone());
            tokio::spawn(async move {
                let mut done = 0_u32;
                while begun.elapsed() < duration {
                    work(numbers.fetch_add(1, Ordering::Relaxed)).await?;
                    done = done.saturating_add(1);
                }
                Ok::<u32, Failure>(done)
            })
        })
        .collect();
    let mut done = 0.0;
    for lane in lanes {
        done += f64::from(lane.await??);
    }
    Ok(done / begun.elapsed().as_secs_f64())
}

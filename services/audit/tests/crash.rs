//! Acknowledged is durable: a process killed while it appends loses no acknowledged record, and leaves one sound tree.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "support/log.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod log;

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
};

use entente_audit::store::LogStore;
use entente_ledger::receipt::{Receipt, TlogProof};

use self::log::{OpenLog, record};

/// Set in the child: the folder of its log.
const FOLDER: &str = "ENTENTE_AUDIT_CRASH_FOLDER";
/// Set in the child: number of its first record.
const FIRST: &str = "ENTENTE_AUDIT_CRASH_FIRST";
/// Appends the child keeps in flight.
const IN_FLIGHT: u64 = 32;
/// Rounds, and acknowledgements after which the child is killed in each.
const KILLED_AFTER: [usize; 8] = [1, 300, 7, 64, 1_000, 2, 511, 128];

/// What the child does: append for ever, and say which records are acknowledged. Run as a test it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_appends_until_it_is_killed() {
    let (Ok(folder), Ok(first)) = (std::env::var(FOLDER), std::env::var(FIRST)) else { return };
    let open = Arc::new(OpenLog::open(Path::new(&folder)).await.unwrap());
    let first: u64 = first.parse().unwrap();
    let lanes = (0..IN_FLIGHT).map(|lane| {
        let open = open.clone();
        tokio::spawn(async move {
            for number in (first + lane..).step_by(IN_FLIGHT as usize) {
                let receipt = open.append_one(number).await;
                // One write per line, so that a killed child leaves whole lines but the last.
                println!("ack {number} {}", one_line(&receipt));
            }
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.unwrap();
    }
}

fn one_line(receipt: &Receipt) -> String {
    let entry: String = receipt.entry.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{entry} {}", receipt.to_proof().to_string().replace('\n', "|"))
}

fn parse(line: &str) -> Option<(u64, Receipt)> {
    let mut parts = line.split("ack ").nth(1)?.splitn(3, ' ');
    let number = parts.next()?.parse().ok()?;
    let entry = parts.next()?;
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    let entry = entry.as_bytes().chunks(2).map(byte);
    let proof = TlogProof::parse(&parts.next()?.replace('|', "\n")).ok()?;
    Some((number, Receipt::from_proof(proof, entry.collect()).unwrap()))
}

/// Runs a child until it has acknowledged so many, kills it, gives what it acknowledged.
fn killed_child(folder: &Path, first: u64, killed_after: usize) -> Vec<(u64, Receipt)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child_that_appends_until_it_is_killed", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged: Vec<_> =
        lines.by_ref().filter_map(|line| parse(&line.unwrap())).take(killed_after).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it died counts, too.
    acknowledged.extend(lines.map_while(Result::ok).filter_map(|line| parse(&line)));
    acknowledged
}

#[tokio::test]
async fn a_killed_process_loses_no_acknowledged_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for (round, killed_after) in (0..).zip(KILLED_AFTER) {
        let first = round * 1_000_000;
        let child = killed_child(folder.path(), first, killed_after);
        assert!(child.len() >= killed_after);
        acknowledged.extend(child);
        // Opening checks that head, tiles and records are one tree.
        let open = OpenLog::open(folder.path()).await.unwrap();
        let head = open.log.head();
        let stored = open
            .store
            .records(acknowledged.iter().map(|(_, receipt)| receipt.index).collect())
            .await
            .unwrap();
        for ((number, receipt), stored) in acknowledged.iter().zip(&stored) {
            open.verified(receipt);
            assert_eq!(
                (u128::from_be_bytes(stored.record_id), stored.index),
                (u128::from(*number), receipt.index)
            );
            assert_eq!(stored.entry.as_slice(), receipt.entry);
        }
        // What was signed before the crash is a prefix of what is signed after it.
        let signed = acknowledged.last().map(|(_, receipt)| receipt.clone()).unwrap();
        let before = open.verified(&signed);
        let proof = open.log.consistency(&head, before.tree_size).await.unwrap();
        let (size, root) = (head.tree.size, head.tree.root);
        entente_ledger::proof::verify_consistency(before.tree_size, &before.root, size, &root, &proof)
            .unwrap();
        assert_eq!(open.log.append(vec![record(u64::MAX - round)]).await.unwrap()[0].index, size);
        open.close().await;
    }
}

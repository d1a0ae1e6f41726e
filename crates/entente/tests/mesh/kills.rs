//! The process is killed again and again during bulk submission, as a power cut would. What was acknowledged is there
//! afterwards, and recorded once; the log only ever grew.

use std::{collections::BTreeMap, path::Path, time::Duration};

use entente_ledger::{
    checkpoint::Checkpoint,
    hash::Hash,
    note::{Note, VerifyingKey},
    proof::verify_consistency,
};
use entente_proto::{
    audit::v1::{GetConsistencyProofRequest, GetLogRequest},
    intake::v1::{ListReportsRequest, ReportFilter, SubmitReportsRequest, SubmitReportsResponse},
};
use tokio::{
    sync::mpsc,
    time::{Instant, timeout_at},
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    client::{Endpoints, LABEL_OWN, Person, item, recorded, stix, timed},
    process::{PATIENCE, Up},
};

/// Kills; `ENTENTE_KILLS` asks for more.
const KILLS: u64 = 50;
/// Objects of one batch: small, so that many batches are on their way at any moment.
const BATCH: usize = 20;
/// Batches sent ahead of their answers.
const AHEAD: usize = 8;
/// Longest a process lives once it answers.
const LIFE_MAX: Duration = Duration::from_millis(250);
/// Ids of one question.
const IDS_MAX: usize = 256;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_any_number_of_kills_and_is_recorded_once() {
    let kills = std::env::var("ENTENTE_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mesh");
    let mut random = Random(0x5eed_0000_0000_0001);
    let mut acknowledged = Vec::new();
    let mut checkpoints = Vec::new();
    for _ in 0..kills {
        let mut up = Up::start(&data);
        checkpoints.push(checkpoint(&data).await);
        acknowledged.extend(submit_until_killed(&mut up, random.below(LIFE_MAX)).await);
    }
    let least = usize::try_from(kills).unwrap() * BATCH;
    assert!(acknowledged.len() >= least, "only {} objects were acknowledged", acknowledged.len());
    let up = Up::start(&data);
    everything_is_there(up.data(), &acknowledged).await;
    everything_is_recorded_once(up.data(), &acknowledged).await;
    checkpoints.push(checkpoint(&data).await);
    the_log_only_grew(&data, &checkpoints).await;
    assert!(!up.log().contains("panicked"), "{}", up.log());
    assert_eq!(up.stop(), Some(0));
}

/// Sends batch after batch until the process has lived long enough; gives the ids that were acknowledged.
async fn submit_until_killed(up: &mut Up, life: Duration) -> Vec<String> {
    let mut mira = Person::of(up.data(), "VLD-COAST/mira").await;
    let (sender, receiver) = mpsc::channel(AHEAD);
    let feeder = tokio::spawn(async move {
        let mut sent: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for batch_number in 1.. {
            let (ids, objects): (Vec<String>, Vec<Vec<u8>>) = (0..BATCH).map(|_| stix()).unzip();
            sent.insert(batch_number, ids);
            let items = objects.into_iter().map(item).collect();
            let label_line = LABEL_OWN.to_owned();
            let batch =
                SubmitReportsRequest { batch_number, label_line, items, ..SubmitReportsRequest::default() };
            if sender.send(batch).await.is_err() {
                break;
            }
        }
        sent
    });
    let mut answers = Vec::new();
    let request = mira.stream(ReceiverStream::new(receiver));
    if let Ok(stream) = mira.intake.submit_reports(request).await {
        let mut stream = stream.into_inner();
        let deadline = Instant::now() + life;
        while let Ok(Ok(Some(answer))) = timeout_at(deadline, stream.message()).await {
            answers.push(answer);
        }
        up.kill();
        // What was on its way when the process died was acknowledged too.
        while let Ok(Some(answer)) = stream.message().await {
            answers.push(answer);
        }
    }
    let sent = feeder.await.unwrap();
    answers.iter().flat_map(|answer| accepted(answer, &sent)).collect()
}

fn accepted(answer: &SubmitReportsResponse, sent: &BTreeMap<u64, Vec<String>>) -> Vec<String> {
    assert_eq!(
        (answer.accepted_count, answer.refused.len()),
        (u32::try_from(BATCH).unwrap(), 0),
        "{answer:?}"
    );
    sent[&answer.batch_number].clone()
}

async fn everything_is_there(data: &Path, acknowledged: &[String]) {
    let mut mira = Person::of(data, "VLD-COAST/mira").await;
    for ids in acknowledged.chunks(IDS_MAX) {
        let filter = Some(ReportFilter { report_ids: ids.to_vec(), ..ReportFilter::default() });
        let ask =
            ListReportsRequest { filter, page_size: 1, with_count: true, ..ListReportsRequest::default() };
        let answer = until_answered(&mut mira, ask).await;
        assert_eq!(answer, u64::try_from(ids.len()).unwrap(), "acknowledged objects are lost");
    }
}

/// A mesh that has just started may not have its first epoch yet.
async fn until_answered(mira: &mut Person, ask: ListReportsRequest) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match mira.intake.list_reports(mira.request(ask.clone())).await {
            Ok(answer) => return answer.into_inner().count.unwrap(),
            Err(status) if status.code() == tonic::Code::Unavailable && Instant::now() < deadline => {
                tokio::task::yield_now().await;
            }
            Err(status) => panic!("{status}"),
        }
    }
}

async fn everything_is_recorded_once(data: &Path, acknowledged: &[String]) {
    let mut runa = Person::of(data, "VLD-COAST/runa").await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let records = runa.records("").await;
        let counts = recorded(&records);
        let missing = acknowledged.iter().filter(|id| !counts.contains_key(*id)).count();
        if missing == 0 {
            let twice: Vec<_> = acknowledged.iter().filter(|id| counts[*id] > 1).collect();
            assert!(twice.is_empty(), "recorded more than once: {twice:?}");
            return;
        }
        assert!(Instant::now() < deadline, "{missing} of {} objects are not recorded", acknowledged.len());
    }
}

async fn checkpoint(data: &Path) -> String {
    let mut runa = Person::of(data, "VLD-COAST/runa").await;
    runa.audit.get_log(timed(GetLogRequest {})).await.unwrap().into_inner().checkpoint
}

async fn the_log_only_grew(data: &Path, checkpoints: &[String]) {
    let key = VerifyingKey::parse(Endpoints::of(data).text("log_verifier_key")).unwrap();
    let signed = |text: &str| {
        let note = Note::parse(text.as_bytes()).unwrap();
        note.verify(&[&key]).unwrap();
        Checkpoint::parse(note.text()).unwrap()
    };
    let mut runa = Person::of(data, "VLD-COAST/runa").await;
    let mut last = 0;
    for old in checkpoints.iter().map(|text| signed(text)) {
        assert!(old.size >= last, "the log shrank from {last} to {}", old.size);
        last = old.size;
        let request = timed(GetConsistencyProofRequest { old_size: old.size });
        let proof = runa.audit.get_consistency_proof(request).await.unwrap().into_inner();
        let new = signed(&proof.checkpoint);
        let hashes: Vec<Hash> = proof.hashes.iter().map(|hash| Hash::from_slice(hash).unwrap()).collect();
        verify_consistency(old.size, &old.root, new.size, &new.root, &hashes).unwrap();
    }
}

/// A sequence that looks random and is the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Duration::from_micros(self.0 % u64::try_from(most.as_micros()).unwrap())
    }
}

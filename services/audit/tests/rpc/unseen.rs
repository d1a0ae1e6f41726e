//! Unseen is absent: an auditor's answers are the same with the records deleted that are not theirs.

use std::collections::BTreeSet;

use entente_proto::audit::v1::ListRecordsRequest;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngSeed, TestRunner},
};

use crate::node::{Act, Node, everything};

const SUBJECTS: [&str; 4] = ["VLD-COAST/mira", "ORS-CERT/tomas", "ORS-CERT/ilse", "KSI-ISAC/jonas"];
const ITEMS: [(&str, &str); 3] =
    [("report--v", "VLD-COAST"), ("report--o", "ORS-CERT"), ("report--k", "KSI-ISAC")];
const REALMS: [&str; 2] = ["REAL", "EXERCISE:LANTERN-26"];
/// Logs tried, and acts in each.
const LOGS: usize = 4;
const ACTS: std::ops::Range<usize> = 5..40;

/// An act drawn at random: subject, items, recipient, trace, realm.
type Drawn = (usize, BTreeSet<usize>, Option<usize>, u8, usize);

fn acts() -> impl Strategy<Value = Vec<Drawn>> {
    let items = prop::collection::btree_set(0..ITEMS.len(), 0..3);
    let act = (0..SUBJECTS.len(), items, prop::option::of(0..SUBJECTS.len()), 1..4_u8, 0..REALMS.len());
    prop::collection::vec(act, ACTS)
}

/// Records the acts that are wanted, under the numbers they have among all.
async fn record(node: &Node, acts: &[Drawn], wanted: impl Fn(&Drawn) -> bool) {
    for (number, drawn) in (0..).zip(acts).filter(|(_, drawn)| wanted(drawn)) {
        let (subject, items, recipient, trace, realm) = drawn;
        let items: Vec<_> = items.iter().map(|item| ITEMS[*item]).collect();
        let recipients: Vec<_> = recipient.iter().map(|recipient| SUBJECTS[*recipient]).collect();
        let act = Act {
            number,
            subject: SUBJECTS[*subject],
            items: &items,
            recipients: &recipients,
            trace: *trace,
            realm: REALMS[*realm],
        };
        node.record(&[act]).await;
    }
}

/// Whether an act concerns Orsenna in the real world: said here again, in other words than the service's.
fn concerns_orsenna((subject, items, recipient, _, realm): &Drawn) -> bool {
    let people = [Some(*subject), *recipient];
    let its_people = people.into_iter().flatten().any(|person| SUBJECTS[person].starts_with("ORS-CERT/"));
    *realm == 0 && (its_people || items.contains(&1))
}

async fn answers(node: &Node) -> Vec<Vec<String>> {
    let odo = node.auditor("ORS-CERT/odo");
    let mut answers = Vec::new();
    let page_size = 3;
    for object_id in ["", "report--v", "report--o", "report--k"] {
        for subject in ["", "VLD-COAST/mira", "ORS-CERT/tomas"] {
            for trace in [None, Some(2)] {
                let filter = ListRecordsRequest {
                    object_id: object_id.to_owned(),
                    subject: subject.to_owned(),
                    trace_id: trace.map(|byte| vec![byte; 16]).unwrap_or_default().into(),
                    page_size,
                    ..everything()
                };
                let mut found = odo.list_all(filter).await;
                // Reading leaves records of its own, which concern the reader in both logs.
                found.retain(|name| name.starts_with("act "));
                answers.push(found);
            }
        }
    }
    answers
}

#[tokio::test]
async fn answers_are_the_same_with_the_hidden_records_deleted() {
    let seed = RngSeed::Fixed(20_261_123);
    let mut runner = TestRunner::new(Config { rng_seed: seed, ..Config::default() });
    for _ in 0..LOGS {
        let acts = acts().new_tree(&mut runner).unwrap().current();
        let (all, seen) = (Node::start().await, Node::start().await);
        record(&all, &acts, |_| true).await;
        record(&seen, &acts, concerns_orsenna).await;
        let (with_hidden, without) = (answers(&all).await, answers(&seen).await);
        assert_eq!(with_hidden, without, "{acts:?}");
        assert_eq!(without[0].len(), acts.iter().filter(|act| concerns_orsenna(act)).count());
    }
}

//! Which labels a reader may see: each distinct label is asked of access once per profile (once per person, where it
//! names persons), purpose, realm, epoch and day, and the answer is a set of label numbers for the query.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use entente_chassis::call::Call;
use roaring::RoaringBitmap;

use super::{App, Caller};
use crate::{
    error::Error,
    peers::Decisions,
    store::{InternedLabel, LabelReference},
};

/// Labels of one question to access (the proto allows 10,000), and the bytes of their lines.
const LABELS_MAX: usize = 5_000;
const LABEL_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Duties that come with reading, by label number; most labels have the same few.
type Duties = HashMap<u32, Arc<[String]>>;

/// The labels decided so far: every number up to `upto`.
#[derive(Debug, Clone, Default)]
struct Decided {
    allowed: Arc<RoaringBitmap>,
    duties: Arc<Duties>,
    upto: u32,
}

/// What a reader may see, and at which epoch and on which day that holds.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) epoch: u64,
    pub(super) day: i32,
    pub(super) profile_id: [u8; 32],
    aal: u8,
    pub(super) allowed: Arc<RoaringBitmap>,
    upto: u32,
    /// Of the profile, and of the person.
    duties: [Arc<Duties>; 2],
}

impl Verdict {
    /// Duties that come with a label, dates aside.
    pub(super) fn duties(&self, label_no: u32) -> &[String] {
        self.duties.iter().find_map(|duties| duties.get(&label_no)).map(AsRef::as_ref).unwrap_or_default()
    }
}

/// Decisions at one epoch on one day. A new epoch or day empties it: nothing is ever patched.
pub(super) struct Cache {
    known: Mutex<Known>,
    entries_max: usize,
    /// One question at a time: readers who come together share the answer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Known {
    epoch: u64,
    day: i32,
    /// By reader: the whole verdict, and what was decided for the person alone.
    readers: HashMap<Caller, (Verdict, Decided)>,
    /// By profile, purpose, realm and assurance level.
    profiles: HashMap<ProfileKey, Decided>,
}

type ProfileKey = ([u8; 32], String, String, u8);

/// INVARIANT (I3): the assurance level is the one access decided with. By the token's own, a reader whose level was lowered
/// would share what was decided for colleagues who still have it.
fn profile_key((profile_id, aal): ([u8; 32], u8), reader: &Caller) -> ProfileKey {
    (profile_id, reader.purpose.clone(), reader.realm.clone(), aal)
}

impl Cache {
    pub(super) fn new(entries_max: usize) -> Cache {
        Cache { known: Mutex::default(), entries_max, asking: tokio::sync::Mutex::default() }
    }

    fn get(&self, epoch: u64, day: i32, reader: &Caller, upto: u32) -> Option<Verdict> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if (known.epoch, known.day) != (epoch, day) {
            return None;
        }
        known.readers.get(reader).map(|(verdict, _)| verdict).filter(|verdict| verdict.upto >= upto).cloned()
    }

    /// What was decided before at this epoch and day: for the profile, and for the person.
    fn earlier(&self, resolved: &Decisions, reader: &Caller) -> (Decided, Decided) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if (known.epoch, known.day) != (resolved.epoch, resolved.day) {
            return Default::default();
        }
        let profile = known.profiles.get(&profile_key((resolved.profile_id, resolved.aal), reader)).cloned();
        let person = known.readers.get(reader).map(|(_, person)| person.clone());
        (profile.unwrap_or_default(), person.unwrap_or_default())
    }

    fn put(&self, reader: &Caller, verdict: &Verdict, (profile, person): (Decided, Decided)) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.epoch > verdict.epoch {
            return;
        }
        let full = known.readers.len() >= self.entries_max;
        if (known.epoch, known.day) != (verdict.epoch, verdict.day) || full {
            *known = Known { epoch: verdict.epoch, day: verdict.day, ..Known::default() };
        }
        known.profiles.insert(profile_key((verdict.profile_id, verdict.aal), reader), profile);
        known.readers.insert(reader.clone(), (verdict.clone(), person));
    }
}

impl App {
    /// Decides every label in use, at the epoch in force; without a lease nothing is decided.
    pub(super) async fn decide(&self, call: &Call, reader: &Caller) -> Result<Verdict, Error> {
        let epoch = self.lease.current().ok_or(Error::NoLease)?;
        let day = entente_chassis::clock::today(self.clock.as_ref());
        // Read before anything is asked: every version acknowledged by now has a label of at most this number.
        let upto = self.store.labels_upto();
        if let Some(verdict) = self.decisions.get(epoch, day, reader, upto) {
            return Ok(verdict);
        }
        let _turn = self.decisions.asking.lock().await;
        if let Some(verdict) = self.decisions.get(epoch, day, reader, upto) {
            return Ok(verdict);
        }
        self.ask(call, reader, upto).await
    }

    async fn ask(&self, call: &Call, reader: &Caller, upto: u32) -> Result<Verdict, Error> {
        // Without labels access resolves the subject: one that is suspended ends here.
        let resolved = self.access.decide(call, &[]).await.map_err(Error::Access)?;
        let (mut profile, mut person) = self.decisions.earlier(&resolved, reader);
        self.extend(call, &mut profile, (reader, &resolved), (false, upto)).await?;
        self.extend(call, &mut person, (reader, &resolved), (true, upto)).await?;
        // Readers of one profile share one set, unless a label names them.
        let allowed = if person.allowed.is_empty() {
            profile.allowed.clone()
        } else {
            Arc::new(profile.allowed.as_ref() | person.allowed.as_ref())
        };
        let verdict = Verdict {
            epoch: resolved.epoch,
            day: resolved.day,
            profile_id: resolved.profile_id,
            aal: resolved.aal,
            allowed,
            upto,
            duties: [profile.duties.clone(), person.duties.clone()],
        };
        self.decisions.put(reader, &verdict, (profile, person));
        Ok(verdict)
    }

    /// Decides the labels behind `decided.upto`: those that name persons, or those that do not.
    async fn extend(
        &self,
        call: &Call,
        decided: &mut Decided,
        (reader, resolved): (&Caller, &Decisions),
        (names_persons, upto): (bool, u32),
    ) -> Result<(), Error> {
        loop {
            let after = decided.upto;
            let mut labels = self.store.labels_after(&reader.realm, names_persons, after, LABELS_MAX).await?;
            labels.retain(|label| label.label_no <= upto);
            let ends = labels.len() < LABELS_MAX;
            let mut labels = labels.as_slice();
            while let Some((piece, rest)) =
                labels.split_at_checked(piece_len(labels)).filter(|(piece, _)| !piece.is_empty())
            {
                let references: Vec<LabelReference> = piece.iter().map(|label| label.label.clone()).collect();
                let decisions = self.access.decide(call, &references).await.map_err(Error::Access)?;
                // Rights changed in between: what was decided before no longer goes together with this.
                if (decisions.epoch, decisions.profile_id, decisions.aal)
                    != (resolved.epoch, resolved.profile_id, resolved.aal)
                {
                    return Err(Error::EpochChanged);
                }
                decided.add(piece, decisions);
                labels = rest;
            }
            if ends {
                decided.upto = decided.upto.max(upto);
                return Ok(());
            }
        }
    }
}

impl Decided {
    fn add(&mut self, labels: &[InternedLabel], decisions: Decisions) {
        let (allowed, all_duties) = (Arc::make_mut(&mut self.allowed), Arc::make_mut(&mut self.duties));
        // Neighbours mostly have the same duties; they then share them.
        let mut before: Arc<[String]> = Arc::from([]);
        for (label, duties) in labels.iter().zip(decisions.duties) {
            self.upto = label.label_no;
            let Some(duties) = duties else { continue };
            if before.as_ref() != duties {
                before = duties.into();
            }
            allowed.insert(label.label_no);
            all_duties.insert(label.label_no, before.clone());
        }
    }
}

/// How many labels of the front fit into one question.
fn piece_len(labels: &[InternedLabel]) -> usize {
    let mut bytes = 0_usize;
    let fits = labels.iter().take_while(|label| {
        bytes = bytes.saturating_add(label.label.line.len());
        bytes <= LABEL_BYTES_MAX
    });
    fits.count().clamp(1.min(labels.len()), labels.len())
}

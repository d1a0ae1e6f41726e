//! Accepted versions become alerts: matched against every interest, kept for those who may read them.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, PoisonError},
};

use aws_lc_rs::digest::{Context, SHA256};
use entente_chassis::call::Call;
use futures::StreamExt;

use super::{App, decide_labels::has_no_rights, version_facts::VersionFacts};
use crate::{
    error::Error,
    peers::{BACKGROUND_LIMIT, Behalf, JournalVersion, LabelReference, PeerError},
    store::{AlertBody, Interest, NewAlert, Standing},
};

/// Separates the parts of an alert id.
const ALERT_ID_PREFIX: &[u8] = b"entente.alert.v1\n";
/// Versions matched before other tasks of the thread get their turn.
const VERSIONS_AT_ONCE: usize = 64;
/// Matches after which alerts are stored, though the piece is not at its end: bounds memory and transaction.
const MATCHES_MAX: usize = 4_096;
/// Questions to access on the way at once.
const QUESTIONS_MAX: usize = 8;

/// A version that met an interest.
struct Match<'version> {
    version: &'version JournalVersion,
    interest: Arc<Interest>,
    headline: Arc<str>,
}

/// Labels each holder may read, by hash.
type Readable = HashMap<Standing, HashSet<[u8; 32]>>;

impl App {
    /// Matches a piece of the journal and stores its alerts together with the position reached. Gives the position
    /// stored, which lies before the piece's end when no alert came of its last versions: the caller stores that one
    /// when it suits, as matching them again gives nothing new.
    ///
    /// Whoever may not read a version gets no alert of it, now or later.
    pub(crate) async fn match_versions(&self, versions: &[JournalVersion]) -> Result<Option<i64>, Error> {
        let mut stored = None;
        let mut met = Vec::new();
        for at_once in versions.chunks(VERSIONS_AT_ONCE) {
            at_once.iter().for_each(|version| self.meet(version, &mut met));
            if met.len() >= MATCHES_MAX {
                stored = self.make_alerts(&std::mem::take(&mut met)).await?.or(stored);
            }
            tokio::task::yield_now().await;
        }
        Ok(self.make_alerts(&met).await?.or(stored))
    }

    /// Adds the interests a version meets. What its own submitter asked for is no news to the submitter.
    fn meet<'version>(&self, version: &'version JournalVersion, met: &mut Vec<Match<'version>>) {
        let facts = VersionFacts::of(version);
        let interests = self.index.read().unwrap_or_else(PoisonError::into_inner).matches(&facts);
        let mut interests = interests
            .into_iter()
            .filter(|interest| interest.holder.subject_id != version.submitter)
            .peekable();
        if interests.peek().is_none() {
            return;
        }
        let headline: Arc<str> = facts.headline().into();
        met.extend(interests.map(|interest| Match { version, interest, headline: headline.clone() }));
    }

    async fn make_alerts(&self, met: &[Match<'_>]) -> Result<Option<i64>, Error> {
        let Some(last) = met.last() else { return Ok(None) };
        let position = last.version.position;
        let readable = self.readable(questions(met)).await?;
        let alerts: Vec<NewAlert> =
            met.iter().filter(|met| is_readable(&readable, met)).map(|met| self.alert(met)).collect();
        if alerts.is_empty() {
            return Ok(None);
        }
        let holders: BTreeSet<(String, String)> =
            alerts.iter().map(|alert| (alert.realm.clone(), alert.subject_id.clone())).collect();
        tracing::debug!(alerts = alerts.len(), position, "interests met");
        self.store.add_alerts(alerts, position).await?;
        holders.iter().for_each(|(realm, subject_id)| self.wake.ring(realm, subject_id));
        Ok(Some(position))
    }

    /// Asks access once per holder for all the labels that matter to it; most is known from before.
    async fn readable(&self, questions: HashMap<Standing, Vec<LabelReference>>) -> Result<Readable, Error> {
        let call = Call::background("match_versions", BACKGROUND_LIMIT);
        let mut asked = Vec::new();
        for (holder, labels) in questions {
            asked.push(self.readable_by(&call, holder, labels));
        }
        let mut answers = futures::stream::iter(asked).buffer_unordered(QUESTIONS_MAX);
        let mut readable = Readable::new();
        while let Some(answer) = answers.next().await {
            let (holder, labels) = answer?;
            readable.insert(holder, labels);
        }
        Ok(readable)
    }

    async fn readable_by(
        &self,
        call: &Call,
        holder: Standing,
        labels: Vec<LabelReference>,
    ) -> Result<(Standing, HashSet<[u8; 32]>), Error> {
        let allowed = match self.decide(call, Behalf::Standing(&holder), &labels).await {
            Ok(verdict) => verdict.allowed,
            // Suspended, or without the purpose by now: no rights, and nobody else's alerts wait for them.
            Err(Error::Access(PeerError::Refused(reason))) if has_no_rights(reason) => Vec::new(),
            Err(error) => return Err(error),
        };
        let readable =
            labels.iter().zip(allowed).filter(|(_, allowed)| *allowed).map(|(label, _)| label.hash).collect();
        Ok((holder, readable))
    }

    fn alert(&self, met: &Match<'_>) -> NewAlert {
        let Match { version, interest, headline } = met;
        let today = self.today();
        NewAlert {
            alert_id: alert_id([
                &version.realm,
                &version.originator,
                &version.report_id,
                &version.version,
                &interest.interest_id,
            ]),
            realm: version.realm.clone(),
            subject_id: interest.holder.subject_id.clone(),
            held_until_day: version.not_before.filter(|day| *day > today),
            not_after_day: version.not_after,
            match_time_ms: self.now_ms(),
            body: AlertBody {
                interest_id: interest.interest_id.clone(),
                interest_name: interest.display_name.clone(),
                report_id: version.report_id.clone(),
                report_version: version.version.clone(),
                report_type: version.report_type.clone(),
                originator: version.originator.clone(),
                operation: version.operation.clone(),
                headline: headline.to_string(),
                severity: version.severity,
                label_line: version.label_line.clone(),
                label_hash: version.label_hash,
                timeless_line: version.timeless.line.clone(),
                timeless_hash: version.timeless.hash,
                add_time_ms: version.add_time_ms,
            },
        }
    }
}

/// Every holder with the labels it may have to read, each once.
fn questions(met: &[Match<'_>]) -> HashMap<Standing, Vec<LabelReference>> {
    let mut questions: HashMap<Standing, Vec<LabelReference>> = HashMap::new();
    let mut seen = HashSet::new();
    for Match { version, interest, .. } in met {
        if !seen.insert((&interest.holder, version.timeless.hash)) {
            continue;
        }
        questions.entry(interest.holder.clone()).or_default().push(version.timeless.clone());
    }
    questions
}

fn is_readable(readable: &Readable, met: &Match<'_>) -> bool {
    readable.get(&met.interest.holder).is_some_and(|labels| labels.contains(&met.version.timeless.hash))
}

/// The same match is the same alert, however often it is worked on. Parts: realm, originator, report, version, interest.
/// 16 bytes of SHA-256 in hexadecimal.
fn alert_id(parts: [&str; 5]) -> String {
    let mut digest = Context::new(&SHA256);
    digest.update(ALERT_ID_PREFIX);
    for part in parts {
        digest.update(part.as_bytes());
        digest.update(b"\n");
    }
    digest.finish().as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Clients recognise an alert that is delivered again by its id: it must not change with a version of the service.
    #[test]
    fn the_id_of_a_match_never_changes() {
        let parts = ["REAL", "VLD-COAST", "indicator--1", "2026-11-23T10:00:00Z", "interest-1"];
        assert_eq!(alert_id(parts), "1f6f0285def8f0120995634a79164503");
        assert_ne!(
            alert_id(["EXERCISE:LANTERN-26", parts[1], parts[2], parts[3], parts[4]]),
            alert_id(parts)
        );
    }
}

//! The client of access: decisions, token keys, the epoch lease.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use entente_chassis::{
    call::Call,
    client::PeerChannel,
    lease::EpochLease,
    status::{self, ErrorReason},
};
use entente_proto::{
    access::v1::{
        DecideLabelsRequest, DecideLabelsResponse, ListTokenKeysRequest, StandingSubject, WatchEpochRequest,
        access_service_client::AccessServiceClient, decide_labels_request,
    },
    common::v1::Label,
};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Access, Behalf, Decisions, LabelReference, PeerError};

/// Answers waiting to be sent on the watch stream.
const ANSWERS_MAX: usize = 8;
/// Largest answer: the decisions on all labels of a piece of the journal, with their duties.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Access over gRPC.
pub(crate) struct AccessClient {
    client: AccessServiceClient<PeerChannel>,
}

impl AccessClient {
    pub(crate) fn new(channel: PeerChannel) -> AccessClient {
        AccessClient { client: AccessServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX) }
    }
}

#[async_trait]
impl Access for AccessClient {
    async fn decide(
        &self,
        call: &Call,
        behalf: Behalf<'_>,
        labels: &[LabelReference],
        epoch: u64,
    ) -> Result<Decisions, PeerError> {
        let request = DecideLabelsRequest {
            behalf: Some(wire_behalf(behalf)),
            labels: labels.iter().map(wire_label).collect(),
            at_least_as_fresh_as: epoch,
        };
        let answer = self
            .client
            .clone()
            .decide_labels(call.outgoing(request))
            .await
            .map_err(|status| error(&status))?;
        decisions(answer.into_inner(), labels.len())
    }

    async fn token_keys(&self, call: &Call) -> Result<Vec<(String, [u8; 32])>, PeerError> {
        let request = call.outgoing(ListTokenKeysRequest {});
        let answer = self.client.clone().list_token_keys(request).await.map_err(|status| error(&status))?;
        let keys = answer.into_inner().keys.into_iter();
        keys.map(|key| Ok((key.key_id, array(&key.ed25519_public_key)?))).collect()
    }

    async fn hold_lease(&self, lease: &EpochLease) -> Result<(), PeerError> {
        let ended = || PeerError::Unavailable("the watch ended".to_owned());
        let (answers, receiver) = mpsc::channel(ANSWERS_MAX);
        // A lease counts from when it was asked for: however late an answer arrives, access waits for it no longer.
        let mut asked = Instant::now();
        let first = WatchEpochRequest { installed_epoch: lease.epoch() };
        answers.send(first).await.map_err(|_| ended())?;
        // No deadline: the stream lives as long as the service. A peer that falls silent lets the lease run out.
        let watch = self.client.clone().watch_epoch(ReceiverStream::new(receiver)).await;
        let mut pushed = watch.map_err(|status| error(&status))?.into_inner();
        while let Some(pushed) = pushed.next().await {
            let pushed = pushed.map_err(|status| error(&status))?;
            let valid_for: Option<Duration> = pushed.lease.and_then(|lease| lease.try_into().ok());
            let valid_for = valid_for.ok_or(PeerError::Malformed("no lease"))?;
            lease.install(pushed.epoch, valid_for.saturating_sub(asked.elapsed()));
            asked = Instant::now();
            let installed = WatchEpochRequest { installed_epoch: pushed.epoch };
            answers.send(installed).await.map_err(|_| ended())?;
        }
        Ok(())
    }
}

fn wire_behalf(behalf: Behalf<'_>) -> decide_labels_request::Behalf {
    match behalf {
        Behalf::Token { token, .. } => decide_labels_request::Behalf::TransactionToken(token.to_owned()),
        Behalf::Standing(standing) => decide_labels_request::Behalf::StandingSubject(StandingSubject {
            subject_id: standing.subject_id.clone(),
            purpose: standing.purpose.clone(),
            realm: standing.realm.clone(),
            assurance_level: standing.aal.into(),
        }),
    }
}

fn wire_label(label: &LabelReference) -> Label {
    Label { line: label.line.clone(), hash: label.hash.to_vec().into() }
}

fn decisions(answer: DecideLabelsResponse, asked: usize) -> Result<Decisions, PeerError> {
    if answer.decisions.len() != asked {
        return Err(PeerError::Malformed("one decision per label was expected"));
    }
    Ok(Decisions {
        epoch: answer.epoch,
        day: answer.day,
        profile_id: array(&answer.profile_id)?,
        allowed: answer.decisions.iter().map(|decision| decision.allowed).collect(),
    })
}

fn array(bytes: &[u8]) -> Result<[u8; 32], PeerError> {
    bytes.try_into().map_err(|_| PeerError::Malformed("32 bytes were expected"))
}

/// What a status of a peer means here: what it says of the subject is passed on, everything else is an outage, so that
/// a fault of a peer is never taken for a lack of rights.
pub(super) fn error(status: &Status) -> PeerError {
    match status::reason_of(status) {
        Some(reason) if concerns_subject(reason) => PeerError::Refused(reason),
        Some(_) | None => PeerError::Unavailable(status.message().to_owned()),
    }
}

fn concerns_subject(reason: ErrorReason) -> bool {
    matches!(
        reason,
        ErrorReason::SubjectInactive
            | ErrorReason::RoleMissing
            | ErrorReason::PurposeNotGranted
            | ErrorReason::TokenInvalid
            | ErrorReason::TokenExpired
    )
}

//! The client of access: submit checks, decisions, token keys, the epoch lease.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use entente_chassis::{call::Call, client::PeerChannel, lease::EpochLease, status};
use entente_proto::{
    access::v1::{
        CheckSubmitRequest, DecideLabelsRequest, DecideLabelsResponse, ListTokenKeysRequest,
        ResolvedLabel as WireResolvedLabel, SubmitDecision as WireSubmitDecision, WatchEpochRequest,
        access_service_client::AccessServiceClient, decide_labels_request::Behalf,
    },
    common::v1::{ErrorReason, Label},
};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{Access, Decisions, PeerError, SubmitCheck, SubmitDecision};
use crate::{
    error::FieldFault,
    store::{LabelReference, ResolvedLabel},
};

/// Answers waiting to be sent on the watch stream.
const ANSWERS_MAX: usize = 8;
/// Largest answer: 10,000 decisions with their duties.
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
    async fn check_submit(
        &self,
        call: &Call,
        lines: &[String],
        operation: &str,
    ) -> Result<SubmitCheck, PeerError> {
        let request = CheckSubmitRequest { label_lines: lines.to_vec(), operation: operation.to_owned() };
        let answer = self.client.clone().check_submit(call.outgoing(request)).await;
        let answer = answer.map_err(|status| error(&status))?.into_inner();
        if answer.decisions.len() != lines.len() {
            return Err(PeerError::Malformed("one decision per label line was expected"));
        }
        Ok(SubmitCheck {
            epoch: answer.epoch,
            organization: answer.organization_id,
            operation_known: answer.operation_known,
            decisions: answer.decisions.into_iter().map(submit_decision).collect::<Result<_, _>>()?,
        })
    }

    async fn decide(&self, call: &Call, labels: &[LabelReference]) -> Result<Decisions, PeerError> {
        let token = call.token().ok_or(PeerError::Refused(ErrorReason::TokenMissing))?;
        let request = DecideLabelsRequest {
            behalf: Some(Behalf::TransactionToken(token.to_owned())),
            labels: labels.iter().map(wire_label).collect(),
            at_least_as_fresh_as: 0,
        };
        let answer = self.client.clone().decide_labels(call.outgoing(request)).await;
        decisions(answer.map_err(|status| error(&status))?.into_inner(), labels.len())
    }

    async fn token_keys(&self, call: &Call) -> Result<Vec<(String, [u8; 32])>, PeerError> {
        let request = call.outgoing(ListTokenKeysRequest {});
        let answer = self.client.clone().list_token_keys(request).await.map_err(|status| error(&status))?;
        let keys = answer.into_inner().keys.into_iter();
        keys.map(|key| Ok((key.key_id, array(&key.ed25519_public_key)?))).collect()
    }

    async fn hold_lease(&self, lease: &EpochLease) -> Result<(), PeerError> {
        let (answers, receiver) = mpsc::channel(ANSWERS_MAX);
        let first = WatchEpochRequest { installed_epoch: lease.epoch() };
        // A lease counts from when it was asked for: however late an answer arrives, access waits for it no longer.
        let mut asked = Instant::now();
        answers.send(first).await.map_err(|_| PeerError::Unavailable("the watch ended".to_owned()))?;
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
            answers
                .send(installed)
                .await
                .map_err(|_| PeerError::Unavailable("the watch ended".to_owned()))?;
        }
        Ok(())
    }
}

fn wire_label(label: &LabelReference) -> Label {
    Label { line: label.line.clone(), hash: label.hash.to_vec().into() }
}

fn decisions(answer: DecideLabelsResponse, asked: usize) -> Result<Decisions, PeerError> {
    if answer.decisions.len() != asked {
        return Err(PeerError::Malformed("one decision per label was expected"));
    }
    let duties =
        answer.decisions.into_iter().map(|decision| decision.allowed.then_some(decision.obligations));
    Ok(Decisions {
        epoch: answer.epoch,
        day: answer.day,
        profile_id: array(&answer.profile_id)?,
        aal: u8::try_from(answer.assurance_level)
            .map_err(|_| PeerError::Malformed("an assurance level of 1 to 3 was expected"))?,
        duties: duties.collect(),
    })
}

fn submit_decision(decision: WireSubmitDecision) -> Result<SubmitDecision, PeerError> {
    if !decision.faults.is_empty() {
        let fault =
            |code: &str, text: &str| FieldFault::new("label_line", format!("{code} {text}").trim_end());
        let faults = decision.faults.iter().map(|fault_| fault(&fault_.code, &fault_.description));
        return Ok(SubmitDecision::Invalid(faults.collect()));
    }
    match decision.label {
        Some(label) if decision.allowed => Ok(SubmitDecision::Allowed(resolved(label)?)),
        Some(_) | None => Ok(SubmitDecision::Denied(decision.reason)),
    }
}

fn resolved(label: WireResolvedLabel) -> Result<ResolvedLabel, PeerError> {
    Ok(ResolvedLabel {
        dated: reference(label.label)?,
        timeless: reference(label.timeless)?,
        not_before: label.not_before,
        not_after: label.not_after,
        review_by: label.review_by,
        realm: label.realm,
        operations: label.operations,
        names_persons: label.names_persons,
    })
}

fn reference(label: Option<Label>) -> Result<LabelReference, PeerError> {
    let label = label.ok_or(PeerError::Malformed("a resolved label without label"))?;
    Ok(LabelReference { line: label.line, hash: array(&label.hash)? })
}

fn array(bytes: &[u8]) -> Result<[u8; 32], PeerError> {
    bytes.try_into().map_err(|_| PeerError::Malformed("32 bytes were expected"))
}

/// What a status of a peer means here: a reason of its own is passed on, everything else is an outage.
pub(super) fn error(status: &Status) -> PeerError {
    match status::reason_of(status) {
        // What the caller itself can do something about.
        Some(
            reason @ (ErrorReason::TokenMissing
            | ErrorReason::TokenInvalid
            | ErrorReason::TokenExpired
            | ErrorReason::TokenSubjectMismatch
            | ErrorReason::TokenScope
            | ErrorReason::SubjectInactive
            | ErrorReason::RoleMissing
            | ErrorReason::PurposeNotGranted
            | ErrorReason::DeadlineExceeded),
        ) => PeerError::Refused(reason),
        _ => PeerError::Unavailable(status.message().to_owned()),
    }
}

//! The client of intake's journal.

use async_trait::async_trait;
use entente_chassis::client::PeerChannel;
use entente_proto::intake::v1::{
    JournalEntry, TailJournalRequest, TailJournalResponse, intake_service_client::IntakeServiceClient,
};
use futures::{StreamExt, stream::BoxStream};

use super::{Journal, JournalVersion, LabelReference, PeerError, access::error};

/// Largest piece of the journal, in bytes: intake sends up to 1 MiB and one object more.
const PIECE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Intake over gRPC.
pub(crate) struct IntakeClient {
    client: IntakeServiceClient<PeerChannel>,
}

impl IntakeClient {
    pub(crate) fn new(channel: PeerChannel) -> IntakeClient {
        IntakeClient { client: IntakeServiceClient::new(channel).max_decoding_message_size(PIECE_BYTES_MAX) }
    }
}

#[async_trait]
impl Journal for IntakeClient {
    async fn tail(
        &self,
        after: i64,
    ) -> Result<BoxStream<'static, Result<Vec<JournalVersion>, PeerError>>, PeerError> {
        let after_position = u64::try_from(after).unwrap_or_default();
        // No deadline: the tail has no end. Its sign of life tells a broken connection.
        let answer = self
            .client
            .clone()
            .tail_journal(TailJournalRequest { after_position })
            .await
            .map_err(|status| error(&status))?;
        let pieces = answer.into_inner().map(|piece| match piece {
            Ok(TailJournalResponse { entries }) => entries.into_iter().map(version).collect(),
            Err(status) => Err(error(&status)),
        });
        Ok(pieces.boxed())
    }
}

fn version(entry: JournalEntry) -> Result<JournalVersion, PeerError> {
    let report = entry.report.ok_or(PeerError::Malformed("a journal entry without report"))?;
    let label = report.label.ok_or(PeerError::Malformed("a report without label"))?;
    let timeless = entry.timeless_label.ok_or(PeerError::Malformed("an entry without timeless label"))?;
    let time = report.add_time.unwrap_or_default();
    Ok(JournalVersion {
        position: i64::try_from(entry.position)
            .map_err(|_| PeerError::Malformed("a position out of range"))?,
        realm: entry.realm,
        report_id: report.report_id,
        version: report.version,
        report_type: report.r#type,
        originator: report.originator,
        operation: report.operation,
        title: report.title,
        severity: report.severity,
        label_line: label.line,
        label_hash: hash(&label.hash)?,
        timeless: LabelReference { line: timeless.line, hash: hash(&timeless.hash)? },
        not_before: entry.not_before,
        not_after: entry.not_after,
        add_time_ms: time.seconds.saturating_mul(1_000).saturating_add(i64::from(time.nanos) / 1_000_000),
        content: report.content,
        submitter: entry.submitter,
    })
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], PeerError> {
    bytes.try_into().map_err(|_| PeerError::Malformed("a label hash of 32 bytes was expected"))
}

//! One record, for the subject that acted and for auditors of the organizations it concerns.

use entente_chassis::call::Call;

use super::{App, Consultation, ProvenRecord, RecordReceipt};
use crate::{error::Error, store::StoredRecord};

/// Which record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordName {
    /// By its place in the log.
    Index(u64),
    /// By the id its service gave it.
    Id([u8; 16]),
}

impl App {
    /// The record, and the receipt of this consultation. A record that is not the caller's to read is absent.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn get_record(
        &self,
        call: &Call,
        name: RecordName,
        query_sha256: [u8; 32],
    ) -> Result<(ProvenRecord, RecordReceipt), Error> {
        let (reader, epoch) = self.reader(call)?;
        let found = self.find_record(name).await?.into_iter().collect();
        let record = self.proven(&reader, found).await?.into_iter().next().ok_or(Error::NotFound)?;
        let consultation = Consultation::of_records(std::slice::from_ref(&record), query_sha256, "");
        let receipt = self.record_consultation(call, epoch, consultation).await?;
        self.still_at(epoch)?;
        Ok((record, receipt))
    }

    async fn find_record(&self, name: RecordName) -> Result<Option<StoredRecord>, Error> {
        match name {
            RecordName::Index(index) => Ok(self.records.records(vec![index]).await?.into_iter().next()),
            RecordName::Id(record_id) => self.records.record_by_id(record_id).await,
        }
    }
}

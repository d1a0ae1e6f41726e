//! Records that concern the auditor's organization, by object, subject, trace or time, oldest first.

use entente_chassis::call::Call;

use super::{App, Consultation, ProvenRecord, Reader, RecordReceipt};
use crate::{
    error::Error,
    store::{Search, StoredRecord, Term},
};

/// Records read from the store at a time.
const READ_AT_ONCE: usize = 50;
/// Bytes of sections in one page. They travel twice, encoded and decoded, and a client takes 4 MiB.
const PAGE_BYTES_MAX: usize = 3 * 512 * 1024;

/// What is asked for.
pub(crate) struct ListRequest {
    pub(crate) object_id: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) trace_id: Option<[u8; 16]>,
    pub(crate) from_time_ms: Option<i64>,
    pub(crate) until_time_ms: Option<i64>,
    pub(crate) page_size: usize,
    pub(crate) page_token: String,
    pub(crate) justification: String,
    /// SHA-256 of the filter, to tell a page of this list from one of another.
    pub(crate) filter_sha256: [u8; 32],
}

/// A page of records.
pub(crate) struct RecordPage {
    pub(crate) records: Vec<ProvenRecord>,
    /// Empty at the end.
    pub(crate) next_page_token: String,
    pub(crate) receipt: RecordReceipt,
}

/// Where a list goes on, and where it ends: at the newest record of the first page, so that the records a list itself
/// leaves behind are not in it.
struct Position {
    from: u64,
    until: u64,
}

impl App {
    /// The page after the request's token.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn list_records(&self, call: &Call, request: ListRequest) -> Result<RecordPage, Error> {
        let (reader, epoch) = self.reader(call)?;
        let binding = binding(&reader, &request);
        let position = self.position(&binding, &request).await?;
        self.until_indexed(call, position.until).await?;
        // One more than the page tells whether there is a next one.
        let found = self.index.find(search(&reader, &request, &position)).await?;
        let indices: Vec<u64> = found.iter().copied().take(request.page_size).collect();
        let records = self.read_page(&indices).await?;
        let next_page_token = match (records.last(), found.get(records.len())) {
            (Some(_), Some(next)) => self.page_tokens.seal(&binding, &encode(*next, position.until)),
            (Some(_) | None, None) | (None, Some(_)) => String::new(),
        };
        let records = self.proven(&reader, records).await?;
        let consultation = Consultation::of_records(&records, request.filter_sha256, &request.justification);
        let receipt = self.record_consultation(call, epoch, consultation).await?;
        self.still_at(epoch)?;
        Ok(RecordPage { records, next_page_token, receipt })
    }

    async fn position(&self, binding: &[u8], request: &ListRequest) -> Result<Position, Error> {
        if !request.page_token.is_empty() {
            let opened = self.page_tokens.open(binding, &request.page_token).map_err(|_| Error::PageToken)?;
            return decode(&opened).ok_or(Error::PageToken);
        }
        let size = self.log.head().tree.size;
        let from = match request.from_time_ms {
            Some(time_ms) => self.records.first_at(time_ms, size).await?,
            None => 0,
        };
        let until = match request.until_time_ms {
            Some(time_ms) => self.records.first_at(time_ms, size).await?,
            None => size,
        };
        Ok(Position { from, until })
    }

    /// Records up to the size of a page; at least one, if there is one.
    async fn read_page(&self, indices: &[u64]) -> Result<Vec<StoredRecord>, Error> {
        let (mut page, mut bytes) = (Vec::new(), 0_usize);
        for some in indices.chunks(READ_AT_ONCE) {
            for record in self.records.records(some.to_vec()).await? {
                bytes = bytes.saturating_add(body_bytes(&record));
                if bytes > PAGE_BYTES_MAX && !page.is_empty() {
                    return Ok(page);
                }
                page.push(record);
            }
        }
        Ok(page)
    }
}

fn search(reader: &Reader, request: &ListRequest, position: &Position) -> Search {
    // The rarest first.
    let trace = request.trace_id.map(Term::Trace);
    let object = request.object_id.clone().map(Term::Object);
    let subject = request.subject.clone().map(Term::Subject);
    let mut terms: Vec<Term> = [trace, object, subject].into_iter().flatten().collect();
    if terms.is_empty() {
        terms.push(Term::Any);
    }
    Search {
        reader: reader.as_auditor(),
        terms,
        from: position.from,
        until: position.until,
        limit: request.page_size.saturating_add(1),
    }
}

/// A token is good for this reader and this filter only.
fn binding(reader: &Reader, request: &ListRequest) -> Vec<u8> {
    let who = format!("records\n{}\n{}\n{}\n", reader.realm, reader.organization, reader.subject);
    [who.as_bytes(), &request.filter_sha256].concat()
}

fn encode(from: u64, until: u64) -> [u8; 16] {
    let mut position = [0; 16];
    let halves = from.to_be_bytes().into_iter().chain(until.to_be_bytes());
    position.iter_mut().zip(halves).for_each(|(place, byte)| *place = byte);
    position
}

fn decode(position: &[u8]) -> Option<Position> {
    let (from, rest) = position.split_first_chunk::<8>()?;
    let until = <[u8; 8]>::try_from(rest).ok()?;
    Some(Position { from: u64::from_be_bytes(*from), until: u64::from_be_bytes(until) })
}

fn body_bytes(record: &StoredRecord) -> usize {
    use entente_ledger::commitment::OpenedSection;
    let bytes = record.opening.sections.iter().map(|section| match section {
        OpenedSection::Open { salt, body } => salt.len().saturating_add(body.len()),
        OpenedSection::DigestOnly(_) => 32,
    });
    bytes.sum()
}

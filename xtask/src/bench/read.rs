//! Reading: objects a second by several readers at once, through pages of intake, decided and recorded, and over bare
//! streams. One reader alone would leave a processor idle while it waits for its next page; the floor has as many.

use std::time::Instant;

use entente_chassis::client::PeerChannel;
use entente_proto::intake::v1::{
    ListReportsRequest, TailJournalRequest, intake_service_client::IntakeServiceClient,
};
use tokio::task::JoinSet;
use tonic::{Request, metadata::MetadataMap};

use super::{BenchResult, bulk::per_second, mesh_process::Speaker};

/// Readers at once.
pub(crate) const READERS: usize = 4;
/// Reports of one page.
const PAGE_SIZE: u32 = 1_000;

type Client = IntakeServiceClient<PeerChannel>;

/// Each reader reads pages with content until it has its share of `count` objects; objects a second of all. Each page
/// has its receipt.
pub(crate) async fn pages(client: &mut Client, speaker: &Speaker, count: usize) -> BenchResult<f64> {
    let metadata = speaker.request(())?.metadata().clone();
    let start = Instant::now();
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read_pages(client.clone(), metadata.clone(), count / READERS));
    }
    finish(readers, start).await
}

async fn read_pages(mut client: Client, metadata: MetadataMap, count: usize) -> BenchResult<usize> {
    let (mut read, mut page_token) = (0, String::new());
    while read < count {
        let page = ListReportsRequest { page_size: PAGE_SIZE, page_token, ..ListReportsRequest::default() };
        let mut request = Request::new(page);
        *request.metadata_mut() = metadata.clone();
        let page = client.list_reports(request).await?.into_inner();
        if page.receipt.is_none() {
            return Err("a page without receipt".into());
        }
        read += page.reports.len();
        page_token = page.next_page_token;
        if page_token.is_empty() && read < count {
            return Err(format!("the list ended after {read} of {count} objects").into());
        }
    }
    Ok(read)
}

/// Each reader reads its share of `count` objects of one size from the floor, one a message; objects a second of all.
pub(crate) async fn bare_stream(client: &mut Client, count: usize) -> BenchResult<f64> {
    let start = Instant::now();
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read_stream(client.clone(), count / READERS));
    }
    finish(readers, start).await
}

async fn read_stream(mut client: Client, count: usize) -> BenchResult<usize> {
    let request = TailJournalRequest { after_position: u64::try_from(count)? };
    let mut messages = client.tail_journal(request).await?.into_inner();
    let mut read = 0;
    while let Some(message) = messages.message().await? {
        read += message.entries.len();
    }
    if read == count { Ok(read) } else { Err(format!("the floor sent {read} of {count} objects").into()) }
}

async fn finish(mut readers: JoinSet<BenchResult<usize>>, start: Instant) -> BenchResult<f64> {
    let mut read = 0;
    while let Some(reader) = readers.join_next().await {
        read += reader??;
    }
    Ok(per_second(read, start))
}

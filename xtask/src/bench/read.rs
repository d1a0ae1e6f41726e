//! Reading: objects a second through pages of intake, decided and recorded, and over bare streams.

use std::time::Instant;

use entente_chassis::client::PeerChannel;
use entente_proto::intake::v1::{
    ListReportsRequest, TailJournalRequest, intake_service_client::IntakeServiceClient,
};

use super::{BenchResult, bulk::per_second, mesh_process::Speaker};

/// Reports of one page.
const PAGE_SIZE: u32 = 1_000;

/// Reads pages with content until `count` objects were read; objects a second. Each page has its receipt.
pub(crate) async fn pages(
    client: &mut IntakeServiceClient<PeerChannel>,
    speaker: &Speaker,
    count: usize,
) -> BenchResult<f64> {
    let (mut read, mut page_token) = (0, String::new());
    let start = Instant::now();
    while read < count {
        let request =
            ListReportsRequest { page_size: PAGE_SIZE, page_token, ..ListReportsRequest::default() };
        let page = client.list_reports(speaker.request(request)?).await?.into_inner();
        if page.receipt.is_none() {
            return Err("a page without receipt".into());
        }
        read += page.reports.len();
        page_token = page.next_page_token;
        if page_token.is_empty() && read < count {
            return Err(format!("the list ended after {read} of {count} objects").into());
        }
    }
    Ok(per_second(read, start))
}

/// Reads `count` objects of one size from the floor, one a message; objects a second.
pub(crate) async fn bare_stream(
    client: &mut IntakeServiceClient<PeerChannel>,
    count: usize,
) -> BenchResult<f64> {
    let request = TailJournalRequest { after_position: u64::try_from(count)? };
    let start = Instant::now();
    let mut messages = client.tail_journal(request).await?.into_inner();
    let mut read = 0;
    while let Some(message) = messages.message().await? {
        read += message.entries.len();
    }
    if read != count {
        return Err(format!("the floor sent {read} of {count} objects").into());
    }
    Ok(per_second(read, start))
}

//! What alerting does, one file per act; this one holds what they share.

mod acknowledge_alert;
mod audit_event;
mod consumers;
mod create_interest;
mod decide_labels;
mod delete_interest;
mod deliver_alerts;
mod interest_index;
mod list_interests;
mod match_versions;
mod release_held;
mod version_facts;
mod visible_alerts;
mod wake;

use std::sync::{Arc, RwLock, atomic::AtomicI32};

use entente_chassis::{call::Call, clock::Clock, lease::EpochLease};
use entente_persist::PageTokenKey;
use tokio::sync::{Mutex, Notify};

pub(crate) use create_interest::NewInterestRequest;
pub(crate) use deliver_alerts::{Delivered, Opening, Outgoing};
pub(crate) use version_facts::words as phrase_words;

use crate::{
    config::Limits,
    error::Error,
    peers::{Access, Audit},
    store::{Standing, Store},
};

/// The alerting service without its wire.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lease: EpochLease,
    pub(crate) limits: Limits,
    page_tokens: PageTokenKey,
    index: RwLock<interest_index::InterestIndex>,
    /// Held while an interest is created or deleted, store and index together.
    changes: Mutex<()>,
    decisions: decide_labels::Cache,
    consumers: consumers::Consumers,
    wake: wake::Wake,
    outbox_wake: Arc<Notify>,
    /// Day whose embargoed matches have been released.
    released_day: AtomicI32,
}

/// What the app is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) access: Arc<dyn Access>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lease: EpochLease,
    pub(crate) limits: Limits,
    pub(crate) page_tokens: PageTokenKey,
    pub(crate) outbox_wake: Arc<Notify>,
}

/// Interests read from the store at a time while the index is built.
const INDEX_PAGE: usize = 1_000;

impl App {
    /// The app with every stored interest in its index.
    pub(crate) async fn build(parts: Parts) -> Result<App, Error> {
        let mut index = interest_index::InterestIndex::default();
        let mut after = 0;
        loop {
            let page = parts.store.all_interests(after, INDEX_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.interest_seq;
            page.into_iter().for_each(|interest| index.add(interest));
        }
        Ok(App {
            store: parts.store,
            access: parts.access,
            audit: parts.audit,
            clock: parts.clock,
            lease: parts.lease,
            decisions: decide_labels::Cache::new(parts.limits.decision_cache_max),
            limits: parts.limits,
            page_tokens: parts.page_tokens,
            index: RwLock::new(index),
            changes: Mutex::new(()),
            consumers: consumers::Consumers::default(),
            wake: wake::Wake::default(),
            outbox_wake: parts.outbox_wake,
            released_day: AtomicI32::new(i32::MIN),
        })
    }

    /// Milliseconds since 1970-01-01.
    pub(crate) fn now_ms(&self) -> i64 {
        let since = self.clock.now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Days since 1970-01-01, UTC.
    pub(crate) fn today(&self) -> i32 {
        entente_chassis::clock::today(self.clock.as_ref())
    }
}

/// The subject of a call, as its token says.
pub(crate) fn holder(call: &Call) -> Result<Standing, Error> {
    let claims = call.claims().ok_or(Error::NoSubject)?;
    Ok(Standing {
        subject_id: claims.sub.clone(),
        purpose: claims.tctx.purpose.clone(),
        realm: claims.tctx.realm.clone(),
        aal: claims.tctx.aal,
    })
}

//! Places of bulk streams: so many in all, and so many for each partner, so that none can keep the others out.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{config::Limits, error::Error};

/// The places. Clones share them.
#[derive(Clone)]
pub(super) struct BulkPlaces {
    streams_max: usize,
    partner_streams_max: usize,
    /// Streams open by organization; none stands here with zero.
    open: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place taken; dropping it frees it.
pub(crate) struct BulkPlace {
    places: BulkPlaces,
    organization: String,
}

impl BulkPlaces {
    pub(super) fn new(limits: &Limits) -> BulkPlaces {
        BulkPlaces {
            streams_max: limits.bulk_streams_max,
            partner_streams_max: limits.bulk_streams_per_partner_max,
            open: Arc::default(),
        }
    }

    /// A place for a stream of an organization.
    pub(super) fn take(&self, organization: &str) -> Result<BulkPlace, Error> {
        let mut open = self.open();
        let own = open.get(organization).copied().unwrap_or_default();
        if own >= self.partner_streams_max {
            return Err(Error::TooManyOwnStreams(self.partner_streams_max));
        }
        if open.values().sum::<usize>() >= self.streams_max {
            return Err(Error::TooManyStreams(self.streams_max));
        }
        open.insert(organization.to_owned(), own.saturating_add(1));
        Ok(BulkPlace { places: self.clone(), organization: organization.to_owned() })
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BulkPlace {
    fn drop(&mut self) {
        let mut open = self.places.open();
        let left = open.get(&self.organization).copied().unwrap_or_default().saturating_sub(1);
        if left == 0 {
            open.remove(&self.organization);
        } else {
            open.insert(self.organization.clone(), left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_partner_never_takes_every_place_and_gives_back_what_it_had() {
        let limits = Limits { bulk_streams_max: 3, bulk_streams_per_partner_max: 2, ..Limits::default() };
        let places = BulkPlaces::new(&limits);
        let first = places.take("VLD-COAST").unwrap();
        let _second = places.take("VLD-COAST").unwrap();
        assert!(matches!(places.take("VLD-COAST"), Err(Error::TooManyOwnStreams(2))));
        let third = places.take("ORS-CERT").unwrap();
        assert!(matches!(places.take("KSI-ISAC"), Err(Error::TooManyStreams(3))));
        drop((first, third));
        assert_eq!(*places.open(), HashMap::from([("VLD-COAST".to_owned(), 1)]));
    }
}

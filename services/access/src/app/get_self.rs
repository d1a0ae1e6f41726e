//! The caller's own subject.

use std::sync::Arc;

use entente_chassis::call::Call;

use super::{App, InForce};
use crate::{error::Error, store::SubjectRow};

impl App {
    /// The caller's subject, and the registry it stands in.
    pub(crate) fn get_self(&self, call: &Call) -> Result<(SubjectRow, Arc<InForce>), Error> {
        let caller = self.caller(call)?;
        Ok((caller.member.row.clone(), caller.registry))
    }
}

//! The operations the caller's organization takes part in.

use entente_chassis::call::Call;

use super::App;
use crate::{error::Error, store::OperationRow};

impl App {
    /// Operations by id.
    pub(crate) fn list_operations(&self, call: &Call) -> Result<Vec<OperationRow>, Error> {
        let caller = self.caller(call)?;
        let operations = caller.registry.operations().values();
        Ok(operations.filter(|row| row.organizations.contains(caller.organization())).cloned().collect())
    }
}

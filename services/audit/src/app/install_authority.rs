//! Installs what access says holds: the keys of tokens and the policy epoch, for one lease.

use std::time::Duration;

use super::App;
use crate::error::Error;

/// Whom to believe, and for how long.
pub(crate) struct Authority {
    /// Key id and Ed25519 public key of every key that verifies a token now.
    pub(crate) keys: Vec<(String, [u8; 32])>,
    /// Policy epoch in force.
    pub(crate) epoch: u64,
    /// How long this holds from when the ticket was made.
    pub(crate) lease: Duration,
    /// Ticket of the answer before; empty at first.
    pub(crate) ticket: Vec<u8>,
}

/// What holds now.
pub(crate) struct Installed {
    /// For the next authority.
    pub(crate) ticket: Vec<u8>,
    /// Zero when no lease holds.
    pub(crate) lease_left: Duration,
}

impl App {
    /// Installs an authority. When this returns, no read is answered under an earlier epoch.
    pub(crate) fn install_authority(&self, authority: Authority) -> Result<Installed, Error> {
        let installed = self.lease.epoch();
        if authority.epoch < installed {
            return Err(Error::EpochReversed { announced: authority.epoch, installed });
        }
        let lease_left = self.tickets.left(authority.lease, &authority.ticket);
        // The epoch first: a token of an earlier one must not pass between the two.
        self.tokens.set_epoch(authority.epoch);
        self.tokens.set_keys(authority.keys);
        // INVARIANT (I3): a lease of the epoch before ends here even if none of the new one can be counted yet.
        self.lease.install(authority.epoch, lease_left);
        Ok(Installed { ticket: self.tickets.ticket(), lease_left })
    }
}

//! The label of input that came without one: sender and receiver, nobody else. Never a guess at "open".

use std::collections::BTreeMap;

use crate::day::Day;
use crate::ids::{DomainName, OrganizationId, Purpose, Realm};
use crate::label::{Label, LabelFields, Onward, Tlp};
use crate::token::Token;

/// Days after which somebody must have looked at a label nobody chose (label semantics, a.6).
const REVIEW_DAYS: i32 = 30;

/// What an intake channel says about everything that comes through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Realm of the channel.
    pub realm: Realm,
    /// Policy domain of the default level; `ENTENTE` unless set otherwise.
    pub domain: DomainName,
    /// Rank of the default level; 1 (RESTRICTED) unless set otherwise.
    pub rank: i32,
    /// The organization that sends.
    pub originator: OrganizationId,
    /// The organization that receives.
    pub recipient: OrganizationId,
    /// Purposes of the agreement behind the channel; none for any.
    pub purposes: Option<Vec<Purpose>>,
    /// Whether the sender forbids passing on altogether.
    pub no_onward: bool,
    /// Retention in days from the day received; 365 unless set otherwise.
    pub retention_days: i32,
}

impl Channel {
    /// A channel between two organizations with the settings of the label semantics.
    #[must_use]
    pub fn new(originator: OrganizationId, recipient: OrganizationId, realm: Realm) -> Self {
        Self {
            realm,
            domain: DomainName::from("ENTENTE"),
            rank: 1,
            originator,
            recipient,
            purposes: None,
            no_onward: false,
            retention_days: 365,
        }
    }
}

impl Label {
    /// The label of something unlabelled that came through this channel on this day.
    #[must_use]
    pub fn default_label(channel: &Channel, received: Day) -> Label {
        Label::from(LabelFields {
            realm: channel.realm.clone(),
            levels: BTreeMap::from([(channel.domain.clone(), channel.rank)]),
            tlp: Tlp::AmberStrict,
            audience: vec![vec![
                Token::organization(&channel.originator),
                Token::organization(&channel.recipient),
            ]],
            purposes: channel.purposes.clone(),
            onward: if channel.no_onward { Onward::None } else { Onward::Consent },
            not_after: Some(received.plus_days(channel.retention_days)),
            review_by: Some(received.plus_days(REVIEW_DAYS)),
            personal_data: true,
            originators: vec![channel.originator.as_str().into()],
            ..LabelFields::default()
        })
    }
}

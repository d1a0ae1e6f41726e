//! Policies and what they would change: wire to questions, answers to wire.

use entente_proto::access::v1 as wire;

use super::{LINE_BYTES_MAX, LINES_MAX, field, justification, name, receipt, timestamp};
use crate::{
    app::{
        DecisionChange, PolicyInfo, PolicySetView, PutPoliciesRequest, SCHEMA, TestPoliciesRequest,
        TestedPolicies, ToldPolicies,
    },
    error::Error,
    store::Changed,
};

/// Policies to put.
pub(crate) fn put_policies_request(
    cedar: String,
    justification_text: &str,
) -> Result<PutPoliciesRequest, Error> {
    Ok(PutPoliciesRequest { cedar, justification: justification(justification_text)? })
}

/// Policies as stored.
pub(crate) fn policies_changed(changed: Changed<PolicySetView>) -> wire::PutPoliciesResponse {
    wire::PutPoliciesResponse { policy_set: Some(policy_set(changed.resource)), epoch: changed.epoch }
}

/// Policies for who asked.
pub(crate) fn policies_told(told: ToldPolicies) -> wire::GetPoliciesResponse {
    wire::GetPoliciesResponse {
        policy_set: Some(policy_set(told.view)),
        schema: SCHEMA.to_owned(),
        epoch: told.epoch,
        receipt: Some(receipt(told.receipt)),
    }
}

fn policy_set(view: PolicySetView) -> wire::PolicySet {
    let row = view.row;
    wire::PolicySet {
        put_time: (row.version != 0).then(|| timestamp(row.put_time_ms)),
        cedar: row.cedar,
        version: row.version,
        policies: view.listed.into_iter().map(policy).collect(),
        author: row.author,
        justification: row.justification,
        etag: row.etag,
    }
}

fn policy(info: PolicyInfo) -> wire::Policy {
    wire::Policy {
        dormant_actions: info.dormant().cloned().collect(),
        policy_id: info.policy_id,
        description: info.description,
        obligation: info.obligation,
        actions: info.actions.into_iter().collect(),
    }
}

/// Policies to test.
pub(crate) fn test_policies_request(
    request: wire::TestPoliciesRequest,
) -> Result<TestPoliciesRequest, Error> {
    if request.label_lines.len() > LINES_MAX {
        return field("label_lines", format!("has more than {LINES_MAX} entries"));
    }
    if let Some(index) = request.label_lines.iter().position(|line| line.len() > LINE_BYTES_MAX) {
        return field(&format!("label_lines[{index}]"), format!("is longer than {LINE_BYTES_MAX} bytes"));
    }
    let purpose = name("purpose", &request.purpose)?;
    Ok(TestPoliciesRequest { cedar: request.cedar, label_lines: request.label_lines, purpose })
}

/// What policies would change.
pub(crate) fn tested_policies(tested: TestedPolicies) -> wire::TestPoliciesResponse {
    let organization = |(organization_id, (lost, gained)): (String, (u64, u64))| wire::OrganizationChange {
        organization_id,
        lost,
        gained,
    };
    wire::TestPoliciesResponse {
        policies: tested.listed.into_iter().map(policy).collect(),
        changes: tested.changes.into_iter().map(decision_change).collect(),
        organizations: tested.organizations.into_iter().map(organization).collect(),
        decision_count: tested.decision_count,
        complete: tested.complete,
        epoch: tested.epoch,
        receipt: Some(receipt(tested.receipt)),
    }
}

fn decision_change(change: DecisionChange) -> wire::DecisionChange {
    wire::DecisionChange {
        subject_id: change.subject_id,
        action: change.action.to_owned(),
        label_hash: change.label_hash.to_vec().into(),
        label_line: change.label_line,
        allowed: change.allowed,
        determining_policies: change.policies,
    }
}

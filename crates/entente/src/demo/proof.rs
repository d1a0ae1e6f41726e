//! Nobody has to believe the mesh: receipts verify with a public key alone, and the way of a request can be looked at.

use std::collections::BTreeSet;

use entente_proto::{audit::v1::GetTraceResponse, common::v1::Receipt};
use tokio::time::{Instant, sleep};

use super::{ASK_AGAIN_AFTER, PATIENCE, cast::Cast, narrator::Narrator};
use crate::{audit::LogKey, exit::Failure, mesh::Mesh, trace, waterfall};

/// Services that a read touches.
const TOUCHED: [&str; 3] = ["access", "audit", "intake"];

/// Every receipt of the story, offline.
pub(super) fn receipts(narrator: &mut Narrator, mesh: &Mesh, receipts: &[Receipt]) -> Result<(), Failure> {
    narrator.step("The receipts are proofs");
    narrator.tell(
        "A receipt holds an entry, its way up a Merkle tree, and the tree's root signed by the log. The log's public key \
         is all that is needed to check it; the mesh is not asked.",
    );
    let key = LogKey::parse(&mesh.endpoints()?.log_verifier_key)?;
    let verified = receipts.iter().filter(|receipt| key.verify(receipt).holds()).count();
    let all = verified == receipts.len() && !receipts.is_empty();
    narrator.claim(format!("{verified} of {} receipts verify", receipts.len()), all);
    let forged =
        receipts.first().cloned().map(|receipt| Receipt { entry_index: receipt.entry_index + 1, ..receipt });
    let refused = forged.is_some_and(|forged| !key.verify(&forged).holds());
    narrator.claim("one that claims another place in the log does not", refused);
    Ok(())
}

/// The way of ilse's read through the services.
pub(super) async fn trace(narrator: &mut Narrator, cast: &Cast, trace_id: &[u8]) -> Result<(), Failure> {
    narrator.step("The way of the request");
    narrator.tell(&format!(
        "ilse's receipt names trace {}. odo, auditor of Orsenna, may look at it; his looking is recorded too.",
        hex::encode(trace_id)
    ));
    let trace = complete(cast, trace_id).await?;
    narrator.show("");
    waterfall::draw(&trace.spans).iter().for_each(|line| narrator.show(line));
    narrator.show("");
    let services = services(&trace);
    let names: Vec<&str> = services.iter().map(String::as_str).collect();
    narrator.claim(format!("one trace leads through {}", names.join(", ")), names == TOUCHED);
    Ok(())
}

/// Spans come in after the answer left: asks until those of every service are there.
async fn complete(cast: &Cast, trace_id: &[u8]) -> Result<GetTraceResponse, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let trace = trace::fetch(&cast.odo, trace_id).await?;
        let complete = TOUCHED.iter().all(|service| services(&trace).contains(*service));
        if complete || Instant::now() > until {
            return Ok(trace);
        }
        sleep(ASK_AGAIN_AFTER).await;
    }
}

fn services(trace: &GetTraceResponse) -> BTreeSet<String> {
    trace.spans.iter().map(|span| span.service_name.clone()).collect()
}

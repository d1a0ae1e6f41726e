//! `entente trace`: the way of one audited request through the services.

use entente_proto::audit::v1::{GetTraceRequest, GetTraceResponse, Span};
use serde_json::{Value, json};

use crate::{audit, cli::Trace, exit::Failure, output, progress, session::Session, waterfall};

/// Runs the command.
pub(crate) async fn run(arguments: Trace) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let trace_id = audit::trace_bytes(&arguments.trace_id)?;
    let trace = progress::waiting("waiting for the trace", fetch(&session, &trace_id)).await?;
    if arguments.connect.json {
        output::json_line(&trace_json(&arguments.trace_id, &trace));
        return Ok(());
    }
    for line in waterfall::draw(&trace.spans) {
        println!("{line}");
    }
    if trace.spans.is_empty() {
        println!("no span of this trace has arrived; they come in within seconds of the request");
    }
    if trace.truncated {
        println!("the trace has more spans than are shown");
    }
    println!("records of this trace you may read: {}", indices(&trace.entry_indices));
    println!("{}", output::receipt_line(trace.receipt.as_ref()));
    Ok(())
}

/// The spans of a trace.
pub(crate) async fn fetch(session: &Session, trace_id: &[u8]) -> Result<GetTraceResponse, Failure> {
    let request = GetTraceRequest { trace_id: trace_id.to_vec().into() };
    Ok(session.audit()?.get_trace(session.request(request).await?).await?.into_inner())
}

fn indices(indices: &[u64]) -> String {
    let texts: Vec<String> = indices.iter().map(u64::to_string).collect();
    texts.join(", ")
}

fn trace_json(trace_id: &str, trace: &GetTraceResponse) -> Value {
    json!({
        "trace_id": trace_id,
        "spans": trace.spans.iter().map(span_json).collect::<Vec<_>>(),
        "truncated": trace.truncated,
        "entry_indices": trace.entry_indices,
        "receipt": trace.receipt.as_ref().map(output::receipt_json),
    })
}

fn span_json(span: &Span) -> Value {
    json!({
        "span_id": hex::encode(&span.span_id),
        "parent_span_id": hex::encode(&span.parent_span_id),
        "name": span.name,
        "service": span.service_name,
        "start_time": output::time(span.start_time),
        "end_time": output::time(span.end_time),
        "error": span.error,
        "attributes": span.attributes,
    })
}

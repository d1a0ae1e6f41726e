//! W3C trace context, version 00: the two ids and the sampled bit. Trace state and baggage are never read or sent.

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

/// Place of one span in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) sampled: bool,
}

impl TraceContext {
    /// A new trace, not sampled.
    pub(crate) fn root() -> TraceContext {
        let trace_id = RandomIdGenerator::default().new_trace_id().to_bytes();
        TraceContext { trace_id, span_id: new_span_id(), sampled: false }
    }

    /// A span below `parent`, or of a new trace.
    pub(crate) fn below(parent: Option<TraceContext>) -> TraceContext {
        match parent {
            Some(parent) => TraceContext { span_id: new_span_id(), ..parent },
            None => TraceContext::root(),
        }
    }

    /// Reads a `traceparent` header; anything malformed is as good as none.
    pub(crate) fn parse(header: &str) -> Option<TraceContext> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Version ff is invalid; a later version may add fields, version 00 may not.
        if version.len() != 2 || version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let (mut trace_id, mut span_id, mut flag) = ([0; 16], [0; 8], [0; 1]);
        hex::decode_to_slice(trace, &mut trace_id).ok()?;
        hex::decode_to_slice(span, &mut span_id).ok()?;
        hex::decode_to_slice(flags, &mut flag).ok()?;
        let valid = trace_id != [0; 16] && span_id != [0; 8];
        valid.then_some(TraceContext { trace_id, span_id, sampled: flag.iter().any(|byte| byte & 1 == 1) })
    }

    /// The `traceparent` header.
    pub(crate) fn to_header(self) -> String {
        let flags = if self.sampled { "01" } else { "00" };
        format!("00-{}-{}-{flags}", hex::encode(self.trace_id), hex::encode(self.span_id))
    }

    /// As OpenTelemetry knows the span of another process.
    pub(crate) fn to_remote(self) -> SpanContext {
        let flags = TraceFlags::default().with_sampled(self.sampled);
        let (trace_id, span_id) = (TraceId::from_bytes(self.trace_id), SpanId::from_bytes(self.span_id));
        SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE)
    }
}

impl From<&SpanContext> for TraceContext {
    fn from(span: &SpanContext) -> TraceContext {
        TraceContext {
            trace_id: span.trace_id().to_bytes(),
            span_id: span.span_id().to_bytes(),
            sampled: span.is_sampled(),
        }
    }
}

fn new_span_id() -> [u8; 8] {
    RandomIdGenerator::default().new_span_id().to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_survives_reading_and_writing() {
        assert_eq!(TraceContext::parse(HEADER).unwrap().to_header(), HEADER);
    }

    #[test]
    fn a_malformed_header_is_no_header() {
        for header in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(header), None, "{header}");
        }
    }

    #[test]
    fn a_child_keeps_the_trace_and_has_a_span_of_its_own() {
        let parent = TraceContext::parse(HEADER);
        let child = TraceContext::below(parent);
        assert_eq!(Some(child.trace_id), parent.map(|parent| parent.trace_id));
        assert_ne!(Some(child.span_id), parent.map(|parent| parent.span_id));
    }
}

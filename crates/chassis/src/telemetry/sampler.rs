//! Which spans are kept: those of a kept trace, those of disclosures always, and of new traces a share.

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{Link, SpanKind, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

use super::DISCLOSES;

/// The sampler of the process.
pub(super) fn sampler(ratio: f64) -> Sampler {
    Sampler::ParentBased(Box::new(NewTraces { ratio }))
}

/// True for `ratio` of all trace ids, and for the same ones in every process.
pub(super) fn within_ratio(trace_id: &[u8; 16], ratio: f64) -> bool {
    let [.., a, b, c, d, e, f, g, h] = *trace_id;
    // 63 bits of the id against the same share of their range, as the SDK's own ratio sampler does.
    let position = u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 1;
    // The largest position rounds up to the whole range.
    ratio >= 1.0 || (position as f64) < ratio * (1_u64 << 63) as f64
}

#[derive(Debug, Clone)]
struct NewTraces {
    ratio: f64,
}

impl ShouldSample for NewTraces {
    fn should_sample(
        &self,
        _parent: Option<&Context>,
        trace_id: TraceId,
        _name: &str,
        _kind: &SpanKind,
        attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let discloses = attributes
            .iter()
            .any(|entry| entry.key.as_str() == DISCLOSES && entry.value == Value::Bool(true));
        let keep = discloses || within_ratio(&trace_id.to_bytes(), self.ratio);
        SamplingResult {
            decision: if keep { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop },
            attributes: Vec::new(),
            trace_state: TraceState::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_kept_is_the_ratio() {
        let ids = (0..=u8::MAX).map(|byte| [byte; 16]);
        assert_eq!(ids.clone().filter(|id| within_ratio(id, 1.0)).count(), 256);
        assert_eq!(ids.clone().filter(|id| within_ratio(id, 0.0)).count(), 0);
        assert_eq!(ids.filter(|id| within_ratio(id, 0.25)).count(), 64);
    }
}

//! The body of an answer: passes frames on, ends the observation with the status in the trailers, and ends the answer
//! itself when the deadline passes in the middle of it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};
use tonic::{Code, Status, body::Body};

use super::observe::Observation;
use crate::status::{ErrorReason, Fault};

/// The answer to a call.
pub(super) struct AnswerBody {
    inner: Body,
    observation: Option<Observation>,
    deadline: Option<Pin<Box<Sleep>>>,
    trace_id: [u8; 16],
    ended: bool,
}

/// An answer that is a refusal.
pub(super) fn refusal(status: Status, observation: Option<Observation>) -> Response<AnswerBody> {
    if let Some(observation) = observation {
        observation.end(status.code());
    }
    status.into_http::<Body>().map(|inner| AnswerBody {
        inner,
        observation: None,
        deadline: None,
        trace_id: [0; 16],
        ended: false,
    })
}

/// An answer of a handler.
pub(super) fn answer(
    response: Response<Body>,
    observation: Observation,
    deadline: Option<Pin<Box<Sleep>>>,
    trace_id: [u8; 16],
) -> Response<AnswerBody> {
    // A status in the head is the whole answer.
    let observation = match code_in(response.headers()) {
        Some(code) => {
            observation.end(code);
            None
        }
        None => Some(observation),
    };
    response.map(|inner| AnswerBody { inner, observation, deadline, trace_id, ended: false })
}

/// The refusal of a call whose deadline has passed.
pub(super) fn too_late() -> Fault {
    let text = "the deadline passed before the answer was ready; try again with a longer one";
    Fault::new(ErrorReason::DeadlineExceeded, text)
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get(Status::GRPC_STATUS).map(|value| Code::from_bytes(value.as_bytes()))
}

impl AnswerBody {
    fn end(&mut self, code: Code) {
        self.ended = true;
        self.deadline = None;
        if let Some(observation) = self.observation.take() {
            observation.end(code);
        }
    }

    fn ended_late(&mut self) -> Frame<Bytes> {
        let status = too_late().into_status(self.trace_id);
        self.end(status.code());
        // Dropping the body is what cancels the handler's stream.
        self.inner = Body::empty();
        let mut trailers = HeaderMap::new();
        // Fails for metadata that is no header, and there is none.
        let _ = status.add_header(&mut trailers);
        Frame::trailers(trailers)
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut this.inner).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(trailers) = frame.trailers_ref() {
                    this.end(code_in(trailers).unwrap_or(Code::Unknown));
                } else if this.deadline.as_ref().is_some_and(|deadline| deadline.deadline() <= Instant::now())
                {
                    return Poll::Ready(Some(Ok(this.ended_late())));
                }
            }
            Poll::Ready(Some(Err(status))) => this.end(status.code()),
            Poll::Ready(None) => this.end(Code::Unknown),
            // The timer is set only for an answer that keeps its client waiting: most never need it.
            Poll::Pending => {
                if let Some(deadline) = &mut this.deadline
                    && deadline.as_mut().poll(context).is_ready()
                {
                    return Poll::Ready(Some(Ok(this.ended_late())));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

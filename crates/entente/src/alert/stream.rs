//! One open alert stream: heartbeats are swallowed, receipts are given.

use std::time::Duration;

use entente_proto::alerting::v1::{
    Delivery, Open, Received, StreamAlertsRequest, StreamAlertsResponse,
    stream_alerts_request::Frame as Sent, stream_alerts_response::Frame,
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::{exit::Failure, session::Session};

/// Longest a stream waits for its end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// Frames written ahead of the connection.
const AHEAD_MAX: usize = 16;

/// An open stream of one consumer.
pub(crate) struct AlertStream {
    frames: mpsc::Sender<StreamAlertsRequest>,
    answers: Streaming<StreamAlertsResponse>,
}

impl AlertStream {
    /// Opens the stream at the consumer's cursor.
    pub(crate) async fn open(
        session: &Session,
        consumer: &str,
        from_now: bool,
    ) -> Result<AlertStream, Failure> {
        let (frames, receiver) = mpsc::channel(AHEAD_MAX);
        let open = Open { consumer: consumer.to_owned(), in_flight_max: 0, from_now };
        let first = StreamAlertsRequest { frame: Some(Sent::Open(open)) };
        frames.send(first).await.map_err(|_| Failure::internal("the stream closed before it was opened"))?;
        let request = session.stream_request(ReceiverStream::new(receiver)).await?;
        let answers = session.alerting()?.stream_alerts(request).await?.into_inner();
        Ok(AlertStream { frames, answers })
    }

    /// The next alert; `None` when the mesh closed the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Delivery>, Status> {
        while let Some(answer) = self.answers.message().await? {
            match answer.frame {
                Some(Frame::Delivery(delivery)) => return Ok(Some(delivery)),
                Some(Frame::Heartbeat(_)) | None => {}
            }
        }
        Ok(None)
    }

    /// Everything up to this delivery is safe here. A stream that has closed meanwhile delivers it again.
    pub(crate) async fn received(&self, up_to: u64) {
        let frame = StreamAlertsRequest { frame: Some(Sent::Received(Received { up_to })) };
        let _ = self.frames.send(frame).await;
    }

    /// Ends the stream so that the receipts given arrive: waits, for a bounded time, until the mesh has closed it.
    pub(crate) async fn close(self) {
        let AlertStream { frames, mut answers } = self;
        drop(frames);
        let _ = timeout(CLOSE_PATIENCE, async { while let Ok(Some(_)) = answers.message().await {} }).await;
    }
}

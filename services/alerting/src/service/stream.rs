//! One open alert stream: frames in, deliveries out, nothing buffered beyond the client's credit.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use entente_chassis::{call::Call, tasks::TaskGroup};
use entente_proto::alerting::v1::{
    Heartbeat, StreamAlertsRequest, StreamAlertsResponse, stream_alerts_request, stream_alerts_response,
};
use futures::Stream;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_stream::{StreamExt, wrappers::ReceiverStream};
use tonic::{Status, Streaming};

use super::refuse;
use crate::{
    app::{App, Delivered, Opening},
    convert,
    error::{Error, FieldFault},
};

/// Sign of life at the opening and when nothing else is sent.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Frames made ahead of the connection.
const AHEAD_MAX: usize = 16;
/// How long a client may take to send its first frame.
const OPENING_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a moved cursor may stay unsaved: what a crash delivers again. Each save is an fsync that alerts wait behind.
const SAVE_AFTER: Duration = Duration::from_secs(1);

/// What a stream is served with.
pub(super) struct Session {
    pub(super) app: Arc<App>,
    pub(super) call: Call,
    pub(super) tasks: TaskGroup,
}

/// A frame made but not gone yet.
enum Leaving {
    /// Good whatever happens meanwhile.
    Heartbeat(StreamAlertsResponse),
    /// An alert, and the epoch of the rights it rests on.
    Delivery(StreamAlertsResponse, u64),
    /// The end, and why.
    End(Status),
}

/// The client is gone: nobody needs a reason.
struct Gone;

impl Session {
    /// Serves the stream until the client goes, a newer stream of the consumer opens, the token expires, or the service
    /// drains.
    pub(super) fn run(
        self,
        frames: Streaming<StreamAlertsRequest>,
    ) -> impl Stream<Item = Result<StreamAlertsResponse, Status>> + use<> {
        let (sender, receiver) = mpsc::channel(AHEAD_MAX);
        let (app, call, tasks) = (self.app.clone(), self.call.clone(), self.tasks.clone());
        tasks.spawn("alert stream", self.serve(frames, sender));
        // INVARIANT (I3): an alert that waited for a slow client does not leave on rights that have changed meanwhile, nor
        // on a token that has expired.
        ReceiverStream::new(receiver).map(move |leaving| match leaving {
            Leaving::Heartbeat(frame) => Ok(frame),
            Leaving::Delivery(..) if token_left(&app, &call).is_zero() => {
                Err(refuse(&call, &Error::TokenExpired))
            }
            Leaving::Delivery(frame, epoch) => match app.is_in_force(epoch) {
                Ok(true) => Ok(frame),
                Ok(false) => Err(refuse(&call, &Error::EpochChanged)),
                Err(error) => Err(refuse(&call, &error)),
            },
            Leaving::End(status) => Err(status),
        })
    }

    async fn serve(self, mut frames: Streaming<StreamAlertsRequest>, sender: mpsc::Sender<Leaving>) {
        if let Err(error) = self.open(&mut frames, &sender).await {
            // The client may be gone already; then nobody needs the reason.
            let _ = sender.send(Leaving::End(refuse(&self.call, &error))).await;
        }
    }

    async fn open(
        &self,
        frames: &mut Streaming<StreamAlertsRequest>,
        sender: &mpsc::Sender<Leaving>,
    ) -> Result<(), Error> {
        let opening = self.tasks.until_cancelled(first(frames)).await.ok_or(Error::Draining)??;
        let mut stream = self.app.open_stream(&self.call, opening).await?;
        let delivered = self.deliver(&mut stream, frames, sender).await;
        self.app.save_cursor(&mut stream).await?;
        match delivered {
            Ok(Gone) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn deliver(
        &self,
        stream: &mut Delivered,
        frames: &mut Streaming<StreamAlertsRequest>,
        sender: &mpsc::Sender<Leaving>,
    ) -> Result<Gone, Error> {
        let expiry = sleep(token_left(&self.app, &self.call));
        tokio::pin!(expiry);
        let draining = self.tasks.cancellation();
        // One at once: the client knows that it is heard, from which cursor on.
        let (mut heartbeat_at, mut save_at) = (Instant::now(), Instant::now());
        loop {
            if Instant::now() >= heartbeat_at {
                heartbeat_at = Instant::now() + HEARTBEAT;
                if sender.send(Leaving::Heartbeat(heartbeat(stream))).await.is_err() {
                    return Ok(Gone);
                }
            }
            stream.listen();
            match self.send_waiting(stream, sender).await? {
                Some(0) => {}
                Some(_) => heartbeat_at = Instant::now() + HEARTBEAT,
                None => return Ok(Gone),
            }
            if !stream.is_unsaved() {
                save_at = Instant::now() + SAVE_AFTER;
            }
            tokio::select! {
                is_newest = stream.woken() => if !is_newest { return Ok(Gone) },
                () = &mut expiry => return Err(Error::TokenExpired),
                () = draining.cancelled() => return Err(Error::Draining),
                () = sleep_until(save_at), if stream.is_unsaved() => self.app.save_cursor(stream).await?,
                frame = frames.next() => match frame {
                    Some(Ok(frame)) => take(stream, frame)?,
                    Some(Err(_)) | None => return Ok(Gone),
                },
                () = sleep_until(heartbeat_at) => {}
            }
        }
    }

    /// Sends what is there within the credit and tells how many; nothing if the client is gone.
    async fn send_waiting(
        &self,
        stream: &mut Delivered,
        sender: &mpsc::Sender<Leaving>,
    ) -> Result<Option<usize>, Error> {
        let real = self.call.claims().is_some_and(|claims| claims.tctx.realm == "REAL");
        let mut sent = 0;
        loop {
            let outgoing = self.app.next_deliveries(&self.call, stream).await?;
            if outgoing.is_empty() {
                return Ok(Some(sent));
            }
            for alert in outgoing {
                let epoch = alert.epoch;
                let frame = stream_alerts_response::Frame::Delivery(convert::delivery(alert, real));
                let leaving = Leaving::Delivery(StreamAlertsResponse { frame: Some(frame) }, epoch);
                match self.tasks.until_cancelled(sender.send(leaving)).await {
                    Some(Ok(())) => sent += 1,
                    Some(Err(_)) => return Ok(None),
                    None => return Err(Error::Draining),
                }
            }
        }
    }
}

fn token_left(app: &App, call: &Call) -> Duration {
    let now = app.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let expires = call.claims().map(|claims| Duration::from_secs(claims.exp)).unwrap_or_default();
    expires.saturating_sub(now)
}

async fn first(frames: &mut Streaming<StreamAlertsRequest>) -> Result<Opening, Error> {
    match timeout(OPENING_WAIT_MAX, frames.next()).await {
        Ok(Some(Ok(StreamAlertsRequest { frame: Some(stream_alerts_request::Frame::Open(open)) }))) => {
            convert::opening(&open)
        }
        Ok(_) | Err(_) => Err(field("frame", "the first frame must be `open`, at once")),
    }
}

fn take(stream: &mut Delivered, frame: StreamAlertsRequest) -> Result<(), Error> {
    match frame.frame {
        Some(stream_alerts_request::Frame::Received(received)) => stream.received(received.up_to),
        Some(stream_alerts_request::Frame::Credit(credit)) => stream.grant(credit.more),
        Some(stream_alerts_request::Frame::Open(_)) => {
            return Err(field("open", "was sent already: send it once, first"));
        }
        None => return Err(field("frame", "is required")),
    }
    Ok(())
}

fn field(name: &str, description: &str) -> Error {
    Error::Fields(vec![FieldFault::new(name, description)])
}

fn heartbeat(stream: &Delivered) -> StreamAlertsResponse {
    let heartbeat = Heartbeat { received_up_to: stream.received_up_to() };
    StreamAlertsResponse { frame: Some(stream_alerts_response::Frame::Heartbeat(heartbeat)) }
}

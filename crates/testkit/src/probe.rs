//! Calls any RPC by its path with an empty message: what `tests/denied.rs` of every service asks with.

use entente_chassis::client::PeerChannel;
use tonic::{Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

/// Calls `path` with the identity of the channel and a token, or none. `Ok` means that the call reached its handler and
/// was answered. Streams are asked with one empty message.
pub async fn probe(channel: &PeerChannel, path: &str, token: Option<&str>) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
    let mut request = Request::new(futures::stream::iter([()]));
    if let Some(token) = token {
        request.metadata_mut().insert("txn-token", token.parse().unwrap());
    }
    let path = path.parse().unwrap();
    let mut answer = client.streaming(request, path, ProstCodec::<(), ()>::default()).await?.into_inner();
    answer.message().await.map(|_| ())
}

//! A connection to the mesh as one speaker: channels, the transaction token, deadlines.

use std::time::{Duration, SystemTime};

use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    tls::TlsIdentity,
};
use entente_proto::{
    access::v1::{MintTokenRequest, access_service_client::AccessServiceClient},
    alerting::v1::alerting_service_client::AlertingServiceClient,
    audit::v1::audit_service_client::AuditServiceClient,
    intake::v1::intake_service_client::IntakeServiceClient,
};
use tokio::sync::Mutex;
use tonic::{Request, metadata::MetadataValue};

use crate::{
    cli::Connect,
    exit::Failure,
    profile::{Endpoints, Profile, Speaker},
};

/// Longest a call may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// A token is minted anew when it has less than this left.
const TOKEN_MARGIN: Duration = Duration::from_secs(20);
/// Largest answer: a page of reports and its receipt.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A speaker connected to a mesh.
pub(crate) struct Session {
    pub(crate) profile: Profile,
    pub(crate) endpoints: Endpoints,
    identity: TlsIdentity,
    token: Mutex<Option<Token>>,
}

struct Token {
    text: String,
    expires: SystemTime,
}

impl Session {
    /// Connects as the speaker that the command line names; the connection itself is made by the first call.
    pub(crate) fn open(connect: &Connect) -> Result<Session, Failure> {
        Session::of(Speaker::find(connect)?)
    }

    /// Connects as a speaker.
    pub(crate) fn of(speaker: Speaker) -> Result<Session, Failure> {
        let identity = TlsIdentity::load(speaker.tls, speaker.trust_domain)
            .map_err(|error| Failure::usage(format!("the profile's certificate: {error}")))?;
        Ok(Session {
            profile: speaker.profile,
            endpoints: speaker.endpoints,
            identity,
            token: Mutex::new(None),
        })
    }

    fn channel(&self, service: &str) -> Result<PeerChannel, Failure> {
        let address = self.endpoints.services.get(service).cloned();
        let address =
            address.ok_or_else(|| Failure::usage(format!("endpoints.json names no `{service}`")))?;
        client::connect(&PeerConfig { service: service.to_owned(), address }, &self.identity)
            .map_err(|error| Failure::usage(format!("{service}: {error}")))
    }

    /// Intake.
    pub(crate) fn intake(&self) -> Result<IntakeServiceClient<PeerChannel>, Failure> {
        Ok(IntakeServiceClient::new(self.channel("intake")?).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    /// Access.
    pub(crate) fn access(&self) -> Result<AccessServiceClient<PeerChannel>, Failure> {
        Ok(AccessServiceClient::new(self.channel("access")?))
    }

    /// Alerting.
    pub(crate) fn alerting(&self) -> Result<AlertingServiceClient<PeerChannel>, Failure> {
        Ok(AlertingServiceClient::new(self.channel("alerting")?))
    }

    /// Audit.
    pub(crate) fn audit(&self) -> Result<AuditServiceClient<PeerChannel>, Failure> {
        Ok(AuditServiceClient::new(self.channel("audit")?).max_decoding_message_size(ANSWER_BYTES_MAX))
    }

    /// A unary call: with token and deadline.
    pub(crate) async fn request<T>(&self, message: T) -> Result<Request<T>, Failure> {
        let mut request = self.stream_request(message).await?;
        request.set_timeout(CALL_LIMIT);
        Ok(request)
    }

    /// A stream: with token, without deadline.
    pub(crate) async fn stream_request<T>(&self, message: T) -> Result<Request<T>, Failure> {
        let mut request = Request::new(message);
        let token = MetadataValue::try_from(self.token().await?)
            .map_err(|_| Failure::internal("the transaction token is not a header value"))?;
        request.metadata_mut().insert("txn-token", token);
        Ok(request)
    }

    /// The transaction token, minted when there is none or it is about to expire.
    pub(crate) async fn token(&self) -> Result<String, Failure> {
        let mut token = self.token.lock().await;
        if let Some(held) = token.as_ref().filter(|held| SystemTime::now() + TOKEN_MARGIN < held.expires) {
            return Ok(held.text.clone());
        }
        let mut request = Request::new(MintTokenRequest {
            purpose: self.profile.purpose.clone(),
            realm: self.profile.realm.clone(),
            actions: Vec::new(),
        });
        request.set_timeout(CALL_LIMIT);
        let minted = self.access()?.mint_token(request).await?.into_inner();
        let expires = minted.expire_time.and_then(|time| SystemTime::try_from(time).ok());
        let text = minted.token;
        *token = Some(Token { text: text.clone(), expires: expires.unwrap_or_else(SystemTime::now) });
        Ok(text)
    }

    /// Forgets the token, so that the next call mints one at the epoch in force, with the certificate as it is now.
    pub(crate) async fn renew(&self) {
        // A certificate that cannot be read again is used as long as it holds.
        let _ = self.identity.reload();
        *self.token.lock().await = None;
    }
}

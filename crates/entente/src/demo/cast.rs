//! The people of the story, each connected with their own certificate, and what makes one telling differ from the next.

use entente_proto::access::v1::{ListSubjectsRequest, PutSubjectRequest, SubjectProfile};
use uuid::Uuid;

use crate::{cli::Connect, exit::Failure, interest, mesh::Mesh, session::Session};

/// Coordinated by Valdoria.
pub(super) const OPERATION: &str = "TIDEWALL/OPERATIONAL/P2";
/// Shared by the two partners of the operation, and by nobody further.
pub(super) const LABEL_SHARED: &str =
    "ENTENTE:RESTRICTED//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";
/// For everyone.
pub(super) const LABEL_OPEN: &str = "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST";
/// What Orsenna asks to be told about.
pub(super) const PHRASE: &str = "night ferry";

/// Who plays.
pub(super) struct Cast {
    /// Analyst of Valdoria: submits.
    pub(super) mira: Session,
    /// Auditor of Valdoria.
    pub(super) runa: Session,
    /// Analysts of Orsenna: entitled.
    pub(super) ilse: Session,
    pub(super) tomas: Session,
    /// Policy administrator of Orsenna.
    pub(super) vera: Session,
    /// Auditor of Orsenna.
    pub(super) odo: Session,
    /// Analyst of the Kestrel Isles: not in the operation.
    pub(super) jonas: Session,
    /// New with each telling, so that a mesh that is kept can be told it again.
    pub(super) serial: String,
}

impl Cast {
    /// Connects everyone.
    pub(super) fn assemble(mesh: &Mesh) -> Result<Cast, Failure> {
        let open = |subject: &str| {
            let connect = Connect {
                data: mesh.data().to_owned(),
                profile: Some(subject.to_owned()),
                ..Connect::default()
            };
            Session::open(&connect)
        };
        Ok(Cast {
            mira: open("VLD-COAST/mira")?,
            runa: open("VLD-COAST/runa")?,
            ilse: open("ORS-CERT/ilse")?,
            tomas: open("ORS-CERT/tomas")?,
            vera: open("ORS-CERT/vera")?,
            odo: open("ORS-CERT/odo")?,
            jonas: open("KSI-ISAC/jonas")?,
            serial: Uuid::new_v4().to_string(),
        })
    }

    /// Vera makes ilse an active reader: she begins the story as one, and an earlier telling may have suspended her.
    pub(super) async fn reinstate_ilse(&self) -> Result<(), Failure> {
        let ilse = self.subject("ORS-CERT/ilse").await?;
        if ilse.active {
            return Ok(());
        }
        let subject = Some(SubjectProfile { active: true, ..ilse });
        let request = PutSubjectRequest { subject, request_id: Uuid::new_v4().to_string() };
        self.vera.access()?.put_subject(self.vera.request(request).await?).await?;
        // A token minted before would carry the epoch of the suspension.
        self.vera.renew().await;
        Ok(())
    }

    async fn subject(&self, subject_id: &str) -> Result<SubjectProfile, Failure> {
        let request = self.vera.request(ListSubjectsRequest::default()).await?;
        let subjects = self.vera.access()?.list_subjects(request).await?.into_inner().subjects;
        let found = subjects.into_iter().find(|subject| subject.subject_id == subject_id);
        found.ok_or_else(|| Failure::internal(format!("{subject_id} is not in the registry")))
    }

    /// Ends the interests of ilse and jonas, and gives ilse back what the story took.
    pub(super) async fn tidy_up(&self, interests: &[String; 2]) -> Result<(), Failure> {
        let [of_ilse, of_jonas] = interests;
        self.reinstate_ilse().await?;
        self.ilse.renew().await;
        interest::delete(&self.ilse, of_ilse).await?;
        interest::delete(&self.jonas, of_jonas).await
    }
}

//! Refusals: what is told is what is read, in headers that every client takes.

use std::{collections::HashMap, time::Duration};

use entente_chassis::status::{Described, ErrorReason, Fault, code, describe, name, reason_of};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

const TRACE: [u8; 16] = [0xab; 16];

fn all() -> impl Iterator<Item = ErrorReason> {
    (0..=200).filter_map(|number| ErrorReason::try_from(number).ok())
}

#[test]
fn what_is_told_is_what_is_read() {
    let status = Fault::new(ErrorReason::FieldInvalid, "two fields are wrong")
        .field("report.id", "is required")
        .field("report.type", "is not a type")
        .retry_after(Duration::from_millis(250))
        .metadata("limit", "64")
        .into_status(TRACE);
    assert_eq!(status.code(), Code::InvalidArgument);
    let expected = Described {
        message: "two fields are wrong".into(),
        reason: Some(ErrorReason::FieldInvalid),
        fields: vec![
            ("report.id".into(), "is required".into()),
            ("report.type".into(), "is not a type".into()),
        ],
        retry_after: Some(Duration::from_millis(250)),
        trace_id: Some("ab".repeat(16)),
    };
    assert_eq!(describe(&status), expected);
    assert_eq!(status.get_details_error_info().unwrap().metadata.get("limit").unwrap(), "64");
}

#[test]
fn every_reason_survives_the_wire_and_none_is_a_success() {
    for reason in all() {
        assert_eq!(reason_of(&Fault::new(reason, "x").into_status(TRACE)), Some(reason));
        assert_ne!(code(reason), Code::Ok);
        assert!(!name(reason).starts_with("ERROR_"));
    }
    assert!(all().count() > 30);
}

#[test]
fn absent_is_the_only_reason_with_its_code() {
    assert_eq!(
        all().filter(|reason| code(*reason) == Code::NotFound).collect::<Vec<_>>(),
        [ErrorReason::NotFound]
    );
}

#[test]
fn a_status_of_another_domain_has_no_reason_of_ours() {
    let details = ErrorDetails::with_error_info("NOT_FOUND", "elsewhere.example", HashMap::new());
    assert_eq!(reason_of(&Status::with_error_details(Code::NotFound, "x", details)), None);
    assert_eq!(reason_of(&Status::unavailable("connection refused")), None);
    assert_eq!(describe(&Status::unavailable("refused")).message, "refused");
}

#[test]
fn a_thousand_faults_fit_into_the_headers_of_any_client() {
    let fault = (0..1000).fold(Fault::new(ErrorReason::ReportInvalid, "é".repeat(5_000)), |fault, index| {
        fault.field(format!("objects[{index}].pattern"), "does not parse: ".repeat(60))
    });
    let status = fault.into_status(TRACE);
    assert!(status.details().len() * 4 / 3 + status.message().len() * 3 < 8 * 1024);
    let described = describe(&status);
    assert!(described.message.ends_with('…') && described.message.len() <= 512);
    let (_, last) = described.fields.last().unwrap();
    assert_eq!(*last, format!("and {} more", 1000 - (described.fields.len() - 1)));
}

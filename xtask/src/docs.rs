//! Documents generated from the protos: docs/errors.md.

use std::{fmt::Write as _, path::Path};

use prost::Message;
use prost_reflect::prost_types::FileDescriptorSet;

use crate::Outcome;

/// Where the errors are documented.
pub(crate) const ERRORS: &str = "docs/errors.md";

/// Number of `enum_type` in FileDescriptorProto, and of `value` in EnumDescriptorProto.
const FILE_ENUM: i32 = 5;
const ENUM_VALUE: i32 = 2;

/// One error reason.
pub(crate) struct Reason {
    /// Name without prefix, such as `TOKEN_EXPIRED`.
    pub(crate) name: String,
    /// What was wrong and what to do.
    pub(crate) comment: String,
}

/// Writes every generated document.
pub(crate) fn write(root: &Path) -> Outcome {
    std::fs::write(root.join(ERRORS), errors()).map_err(|error| vec![format!("{ERRORS}: {error}")])?;
    println!("wrote {ERRORS}");
    Ok(())
}

/// The reasons in the order of the proto, the unspecified one left out.
pub(crate) fn reasons() -> Vec<Reason> {
    let set = FileDescriptorSet::decode(entente_proto::FILE_DESCRIPTOR_SET).unwrap_or_default();
    let Some(file) = set.file.iter().find(|file| file.name().ends_with("error_reason.proto")) else {
        return Vec::new();
    };
    let locations: Vec<_> = file.source_code_info.iter().flat_map(|info| &info.location).collect();
    let values = file.enum_type.first().map(|declared| declared.value.as_slice()).unwrap_or_default();
    (0_i32..)
        .zip(values)
        .filter(|(_, value)| value.number() != 0)
        .map(|(index, value)| {
            let location =
                locations.iter().find(|location| location.path == [FILE_ENUM, 0, ENUM_VALUE, index]);
            let comment = location.map(|location| location.leading_comments()).unwrap_or_default();
            Reason {
                name: value.name().trim_start_matches("ERROR_REASON_").to_owned(),
                comment: comment.split_whitespace().collect::<Vec<_>>().join(" "),
            }
        })
        .collect()
}

/// The text of docs/errors.md.
pub(crate) fn errors() -> String {
    let mut text = String::from(
        "# Errors\n\nGenerated from `proto/entente/common/v1/error_reason.proto` by `cargo xtask docs`.\n\n\
         Every refusal carries `google.rpc.ErrorInfo` (domain `entente`, a reason of this table), `RequestInfo` with the\n\
         trace id, `BadRequest` for faults of fields and `RetryInfo` where waiting helps. What is not there and what is\n\
         not for the caller get the same answer.\n\n| reason | gRPC code | what it means and what to do |\n| --- | --- | --- |\n",
    );
    for reason in reasons() {
        let code =
            entente_proto::common::v1::ErrorReason::from_str_name(&format!("ERROR_REASON_{}", reason.name))
                .map(entente_chassis::status::code);
        let code = code.map(|code| format!("{code:?}")).unwrap_or_default();
        let _ = writeln!(text, "| `{}` | {code} | {} |", reason.name, reason.comment.replace('|', "\\|"));
    }
    text
}

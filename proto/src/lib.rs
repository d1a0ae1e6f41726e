//! The types generated from `proto/entente/**`, and the descriptor set they came from. No logic lives here:
//! what a message means is said in its .proto file, what is done with it in the service that speaks it.
#![expect(
    missing_docs,
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code; its documentation stands in the .proto files"
)]
#![allow(clippy::pedantic, unreachable_pub, rustdoc::all, reason = "generated code")]

/// Every file of the mesh as an encoded `google.protobuf.FileDescriptorSet`, custom options included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/entente.bin"));

/// Package `entente.common.v1`.
pub mod common {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/entente.common.v1.rs"));
    }
}

/// Package `entente.access.v1`.
pub mod access {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/entente.access.v1.rs"));
    }
}

/// Package `entente.alerting.v1`.
pub mod alerting {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/entente.alerting.v1.rs"));
    }
}

/// Package `entente.audit.v1`.
pub mod audit {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/entente.audit.v1.rs"));
    }
}

/// Package `entente.intake.v1`.
pub mod intake {
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/entente.intake.v1.rs"));
    }
}

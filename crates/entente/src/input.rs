//! Files to submit: gzip is unpacked, standard input is `-`, and what is JSON is split into its objects.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use bytes::Bytes;
use entente_stix::split::{self, SplitLimits};
use flate2::read::GzDecoder;

use crate::exit::{Failure, NO_INPUT};

/// Largest file after unpacking. The file is held in memory while it is split.
const FILE_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// What intake takes: objects of 1 MiB. The number is bounded by the file.
const LIMITS: SplitLimits = SplitLimits { object_bytes_max: 1024 * 1024, objects_max: 10_000_000 };
/// First bytes of gzip (RFC 1952).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a file holds.
pub(crate) enum Input {
    /// STIX objects, each as it stands in the file.
    Stix(Vec<Bytes>),
    /// Free text.
    Text(Bytes),
}

/// Reads a file; `as_text` takes it as free text whatever it holds.
pub(crate) fn read(path: &Path, as_text: bool) -> Result<Input, Failure> {
    let bytes = Bytes::from(unpack(path, load(path)?)?);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if as_text || !matches!(first, Some(b'{' | b'[')) {
        return Ok(Input::Text(bytes));
    }
    let objects = split::objects(&bytes, LIMITS).map_err(|error| {
        Failure::data(format!("{}: {error}", path.display())).detail("nothing of it was sent")
    })?;
    Ok(Input::Stix(objects.into_iter().map(|object| bytes.slice_ref(object)).collect()))
}

/// The bytes of a file, or of standard input for `-`.
pub(crate) fn load(path: &Path) -> Result<Vec<u8>, Failure> {
    let missing = |error: io::Error| Failure::new(NO_INPUT, format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(missing)?;
    } else {
        File::open(path).map_err(missing)?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(missing)?;
    }
    Ok(bytes)
}

fn unpack(path: &Path, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    if !bytes.starts_with(&GZIP) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(bytes.as_slice())
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut unpacked)
        .map_err(|error| Failure::data(format!("{}: not valid gzip: {error}", path.display())))?;
    Ok(unpacked)
}

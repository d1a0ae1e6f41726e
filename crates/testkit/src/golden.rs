//! Golden files: long outputs that people read in review.

use std::path::Path;

/// Compares `actual` with the stored file; with `UPDATE_GOLDEN=1` in the environment it is stored instead.
pub fn assert_golden(path: impl AsRef<Path>, actual: &str) {
    let path = path.as_ref();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, actual).unwrap();
    }
    let stored = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        stored == actual,
        "{} differs; look at the change, then store it with UPDATE_GOLDEN=1\n--- stored\n{stored}\n--- actual\n{actual}",
        path.display()
    );
}

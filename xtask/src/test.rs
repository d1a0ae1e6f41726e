//! `cargo xtask test`: format, lints, layout, protos and every test, in that order, each shown with its time.

use std::{path::Path, process::Command, time::Instant};

use crate::{Outcome, check};

/// Runs every step; stops at the first that fails, so that its output is the last on the screen.
pub(crate) fn run(root: &Path) -> Outcome {
    step("format", || cargo(root, &["fmt", "--all", "--check"]))?;
    step("layout", || check::run(root))?;
    step("protos", || protos(root))?;
    step("lints", || {
        cargo(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    })?;
    step("tests", || cargo(root, &["test", "--workspace", "--locked", "--no-fail-fast"]))
}

fn step(name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    println!("== {name}");
    let start = Instant::now();
    work()?;
    println!("== {name}: done in {} s", start.elapsed().as_secs());
    Ok(())
}

fn cargo(root: &Path, arguments: &[&str]) -> Outcome {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    command(Command::new(cargo).args(arguments).current_dir(root), &format!("cargo {}", arguments.join(" ")))
}

/// buf comes as a binary inside an npm package.
const BUF: [&str; 5] = ["exec", "--yes", "--package=@bufbuild/buf@1", "--", "buf"];

/// Without buf the step says that it was left out; in CI it fails, because nobody would read that there.
fn protos(root: &Path) -> Outcome {
    let proto = root.join("proto");
    let buf = |arguments: &[&str]| {
        let mut buf = Command::new("npm");
        buf.args(BUF).args(arguments).current_dir(&proto);
        buf
    };
    let version = buf(&["--version"]).output();
    if !version.is_ok_and(|output| output.status.success()) {
        let missing = "buf lint and buf breaking: npm is missing, or cannot fetch @bufbuild/buf";
        if std::env::var_os("CI").is_some() {
            return Err(vec![format!("{missing}; install Node.js (Debian: apt-get install npm)")]);
        }
        println!("skipped: {missing}");
        return Ok(());
    }
    command(&mut buf(&["lint"]), "buf lint")?;
    // The stored image is what was last released; a change that breaks its readers fails here. With a release:
    // buf build --exclude-source-info -o released.binpb
    command(&mut buf(&["breaking", "--against", "released.binpb"]), "buf breaking --against released.binpb")
}

fn command(command: &mut Command, name: &str) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(vec![format!("`{name}` ended with {status}")]),
        Err(error) => Err(vec![format!("`{name}` could not start: {error}")]),
    }
}

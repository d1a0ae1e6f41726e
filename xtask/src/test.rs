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

/// buf comes as a binary inside an npm package; without npm the step says that it was left out.
fn protos(root: &Path) -> Outcome {
    if Command::new("npm").arg("--version").output().is_err() {
        return if std::env::var_os("CI").is_some() {
            Err(vec![
                "buf lint needs npm, which is missing: install Node.js (Debian: apt-get install npm)"
                    .to_owned(),
            ])
        } else {
            println!("skipped: buf lint and buf breaking: no npm on this machine");
            Ok(())
        };
    }
    let buf = ["exec", "--yes", "--package=@bufbuild/buf@1", "--", "buf"];
    let proto = root.join("proto");
    command(Command::new("npm").args(buf).args(["lint"]).current_dir(&proto), "buf lint")?;
    // The stored image is what was last released; a change that breaks its readers fails here.
    let against = ["breaking", "--against", "released.binpb"];
    command(
        Command::new("npm").args(buf).args(against).current_dir(&proto),
        "buf breaking --against released.binpb",
    )
}

fn command(command: &mut Command, name: &str) -> Outcome {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(vec![format!("`{name}` ended with {status}")]),
        Err(error) => Err(vec![format!("`{name}` could not start: {error}")]),
    }
}

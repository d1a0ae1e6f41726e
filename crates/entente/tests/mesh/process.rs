//! The `entente` command as a process: `up` in the background, everything else to its end.

use std::{
    fs::File,
    io::{BufRead, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `entente up`, killed at the end.
pub(crate) struct Up {
    child: Child,
    data: PathBuf,
    _folder: Option<TempDir>,
}

impl Up {
    /// In a folder of its own that goes away with it.
    pub(crate) fn new() -> Up {
        let folder = tempfile::tempdir().unwrap();
        let mut up = Up::start(&folder.path().join("mesh"));
        up._folder = Some(folder);
        up
    }

    /// In a folder that stays; returns when every service listens.
    pub(crate) fn start(data: &Path) -> Up {
        Up::launch(data, &["--json"], |line| line.starts_with('{')).0
    }

    /// The same, as a person would start it, with what it printed.
    pub(crate) fn start_for_people(data: &Path) -> (Up, String) {
        Up::launch(data, &[], |line| line.starts_with("Ctrl-C"))
    }

    fn launch(data: &Path, more: &[&str], is_last: impl Fn(&str) -> bool) -> (Up, String) {
        std::fs::create_dir_all(data).unwrap();
        let log = File::options().create(true).append(true).open(data.join("up.log")).unwrap();
        let arguments = [&["up", "--data", data.to_str().unwrap()], more].concat();
        let mut child = command(&arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let mut printed = String::new();
        let ready = lines.any(|line| {
            printed.push_str(&line);
            printed.push('\n');
            is_last(&line)
        });
        let up = Up { child, data: data.to_owned(), _folder: None };
        assert!(ready, "`entente up` did not start: {printed}{}", up.log());
        (up, printed)
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// What it wrote to standard error.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.data.join("up.log")).unwrap_or_default()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as an operator would; its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.child.wait().unwrap().code()
    }

    /// The most memory it has held so far, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Runs a command against this mesh as a person.
    pub(crate) fn entente(&self, profile: &str, arguments: &[&str]) -> Done {
        self.entente_with_input(profile, arguments, b"")
    }

    /// The same with something on standard input.
    pub(crate) fn entente_with_input(&self, profile: &str, arguments: &[&str], input: &[u8]) -> Done {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--data", self.data.to_str().unwrap(), "--profile", profile]);
        run(&arguments, input)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that has ended.
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    /// Fails the test unless the command succeeded.
    pub(crate) fn ok(self) -> Done {
        assert_eq!(self.code, 0, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Fails the test unless the command ended with this code and said this.
    pub(crate) fn refused(self, code: i32, says: &str) -> Done {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        let said = format!("{}{}", self.stderr, self.stdout);
        assert!(said.contains(says), "`{says}` is not in: {said}");
        self
    }

    /// The JSON lines it printed.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// The last JSON line it printed.
    pub(crate) fn last(&self) -> Value {
        self.lines().pop().unwrap_or_else(|| panic!("nothing was printed: {}", self.stderr))
    }
}

/// Runs the command to its end.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Done {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that refuses early does not read its input.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Done {
        code: status.code().unwrap_or(-1),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// The command, free of what the environment of the test says.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
    command.args(arguments).env_remove("ENTENTE_DATA").env_remove("ENTENTE_PROFILE").env_remove("RUST_LOG");
    command
}

//! Arguments of a service's process.

use std::path::PathBuf;

use crate::config::Settings;

/// What a service's process is told on its command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments {
    /// Configuration file (TOML).
    pub config: Option<PathBuf>,
    /// `key=value`, over file and environment.
    pub settings: Vec<String>,
    /// Check the configuration and end.
    pub check: bool,
    /// List faults as JSON.
    pub json: bool,
}

/// Arguments that end the process.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Help(String),
    Usage(String),
}

impl Arguments {
    /// Reads `--config FILE`, `--set KEY=VALUE`, `--check`, `--json` and `--help`.
    pub(super) fn parse(name: &str, arguments: impl IntoIterator<Item = String>) -> Result<Arguments, Ended> {
        let mut parsed = Arguments::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (flag, inline) = match argument.split_once('=') {
                Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
                None => (argument, None),
            };
            let mut value = || {
                inline
                    .clone()
                    .or_else(|| arguments.next())
                    .ok_or_else(|| usage(name, &format!("{flag} needs a value")))
            };
            match flag.as_str() {
                "--config" => parsed.config = Some(value()?.into()),
                "--set" => parsed.settings.push(value()?),
                "--check" => parsed.check = true,
                "--json" => parsed.json = true,
                "--help" | "-h" => return Err(Ended::Help(help(name))),
                _ => return Err(usage(name, &format!("`{flag}` is not an argument"))),
            }
        }
        Ok(parsed)
    }

    /// The settings: the file, over it the environment, over both `--set`.
    pub(super) fn settings(
        &self,
        name: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Settings {
        let settings = Settings::new(name);
        let settings = match &self.config {
            Some(path) => settings.file(path),
            None => settings,
        };
        self.settings
            .iter()
            .fold(settings.environment(environment), |settings, assignment| settings.set(assignment))
    }
}

fn usage(name: &str, fault: &str) -> Ended {
    Ended::Usage(format!("{name}: {fault}\n{}", help(name)))
}

fn help(name: &str) -> String {
    format!(
        "usage: {name} [--config FILE] [--set KEY=VALUE]... [--check] [--json]\n\
         \x20 --config FILE     configuration (TOML)\n\
         \x20 --set KEY=VALUE   a setting, over file and environment (ENTENTE_{}__SECTION__KEY)\n\
         \x20 --check           check the configuration and end\n\
         \x20 --json            list faults as JSON\n\
         exit codes: 0 done; 64 arguments or configuration; 69 the service could not start; 71 the system\n",
        name.to_uppercase()
    )
}

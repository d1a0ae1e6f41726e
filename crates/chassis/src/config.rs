//! Configuration: a TOML file, the environment over it, `--set` over both. Every fault is found before any is reported,
//! and a key that nobody reads is a fault, because a misspelt limit is a limit that is not there.

mod chassis;
mod readable;
mod setting;
mod source;

use std::{collections::BTreeMap, fmt, path::Path};

pub use chassis::ChassisConfig;
pub use readable::Readable;
pub use setting::{OptionalSetting, Setting};

use source::{Raw, Source, Value};

/// One thing wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Dotted key, such as `server.listen`.
    pub key: String,
    /// What was found.
    pub problem: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; expected {}", self.key, self.problem, self.expected)
    }
}

/// Every setting given to a service, and every fault met while reading them.
pub struct Settings {
    service: String,
    values: BTreeMap<String, Value>,
    known: Vec<String>,
    faults: Vec<Fault>,
    chassis: Option<ChassisConfig>,
}

impl Settings {
    /// No settings yet, for the service `service` (it names the environment variables).
    pub fn new(service: &str) -> Settings {
        Settings {
            service: service.to_owned(),
            values: BTreeMap::new(),
            known: Vec::new(),
            faults: Vec::new(),
            chassis: None,
        }
    }

    /// Adds a TOML file. A file that cannot be read or parsed is a fault.
    #[must_use]
    pub fn file(mut self, path: &Path) -> Settings {
        match std::fs::read_to_string(path) {
            Ok(text) => self.toml(&text),
            Err(error) => {
                self.fault(
                    "--config",
                    format!("`{}` cannot be read: {error}", path.display()),
                    "a readable TOML file",
                );
                self
            }
        }
    }

    /// Adds TOML text.
    #[must_use]
    pub fn toml(mut self, text: &str) -> Settings {
        match text.parse::<toml::Table>() {
            Ok(table) => source::flatten("", table, &mut self.values),
            Err(error) => self.fault("--config", error.message().to_owned(), "TOML"),
        }
        self
    }

    /// Adds the variables `ENTENTE_<SERVICE>__A__B`, each the key `a.b`, and the standard
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Settings {
        let prefix = format!("ENTENTE_{}__", self.service.to_uppercase());
        for (name, text) in variables {
            if name == "OTEL_EXPORTER_OTLP_ENDPOINT" && !self.values.contains_key("telemetry.otlp_endpoint") {
                self.insert_text("telemetry.otlp_endpoint", text, Source::Environment);
            } else if let Some(key) = name.strip_prefix(&prefix) {
                self.insert_text(&key.to_lowercase().replace("__", "."), text, Source::Environment);
            }
        }
        self
    }

    /// Adds one `key=value`.
    #[must_use]
    pub fn set(mut self, assignment: &str) -> Settings {
        match assignment.split_once('=') {
            Some((key, text)) if !key.trim().is_empty() => {
                self.insert_text(key.trim(), text.to_owned(), Source::CommandLine);
            }
            Some(_) | None => {
                self.fault("--set", format!("`{assignment}` has no key and value"), "KEY=VALUE")
            }
        }
        self
    }

    /// A path.
    pub fn path(&mut self, key: &str) -> Setting<'_, std::path::PathBuf> {
        self.setting(key)
    }

    /// Text.
    pub fn string(&mut self, key: &str) -> Setting<'_, String> {
        self.setting(key)
    }

    /// A whole number.
    pub fn u64(&mut self, key: &str) -> Setting<'_, u64> {
        self.setting(key)
    }

    /// A whole number of things in memory.
    pub fn usize(&mut self, key: &str) -> Setting<'_, usize> {
        self.setting(key)
    }

    /// A number.
    pub fn f64(&mut self, key: &str) -> Setting<'_, f64> {
        self.setting(key)
    }

    /// True or false.
    pub fn bool(&mut self, key: &str) -> Setting<'_, bool> {
        self.setting(key)
    }

    /// A time such as `250ms`, `10s`, `5m`, `2h` or `7d`.
    pub fn duration(&mut self, key: &str) -> Setting<'_, std::time::Duration> {
        self.setting(key)
    }

    /// An IP address with port.
    pub fn socket_addr(&mut self, key: &str) -> Setting<'_, std::net::SocketAddr> {
        self.setting(key)
    }

    /// Every `prefix.<name>` as text.
    pub fn string_map(&mut self, prefix: &str) -> BTreeMap<String, String> {
        let start = format!("{prefix}.");
        let keys: Vec<String> = self.values.keys().filter(|key| key.starts_with(&start)).cloned().collect();
        keys.into_iter()
            .filter_map(|key| {
                let text = self.string(&key).optional().get()?;
                key.strip_prefix(&start).map(|name| (name.to_owned(), text.clone()))
            })
            .collect()
    }

    /// Any readable type.
    pub fn setting<T: Readable>(&mut self, key: &str) -> Setting<'_, T> {
        self.known.push(key.to_owned());
        Setting::read(self, key)
    }

    /// Reports a fault of a service's own check.
    pub fn fault(&mut self, key: &str, problem: impl Into<String>, expected: impl Into<String>) {
        self.faults.push(Fault { key: key.to_owned(), problem: problem.into(), expected: expected.into() });
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// Every fault: malformed, missing and out of range in the order they were read, then keys that nobody reads.
    pub fn finish(mut self) -> Result<(), Vec<Fault>> {
        let unknown: Vec<(String, Source)> = self
            .values
            .iter()
            .filter(|(key, _)| !self.known.contains(*key))
            .map(|(key, value)| (key.clone(), value.source))
            .collect();
        for (key, source) in unknown {
            let expected = source::nearest(&key, &self.known).map_or_else(
                || format!("a key that {} has", self.service),
                |near| format!("a key that {} has, such as `{near}`", self.service),
            );
            self.fault(&key, format!("is not a setting (from {source})"), expected);
        }
        if self.faults.is_empty() { Ok(()) } else { Err(self.faults) }
    }

    /// What [`ChassisConfig::read`] read, for who starts the process.
    pub fn chassis(&self) -> Option<&ChassisConfig> {
        self.chassis.as_ref()
    }

    fn insert_text(&mut self, key: &str, text: String, source: Source) {
        self.values.insert(key.to_owned(), Value { raw: Raw::Text(text), source });
    }
}

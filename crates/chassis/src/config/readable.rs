//! The types a setting can have.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::{identity::TrustDomain, telemetry::LogFormat};

/// A type that can be read from TOML and from text.
pub trait Readable: Sized + Clone {
    /// What is expected, as a fault says it.
    const EXPECTED: &'static str;
    /// From the environment or the command line.
    fn from_text(text: &str) -> Option<Self>;
    /// From TOML. A string is text unless the type says otherwise.
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_str().and_then(Self::from_text)
    }
    /// How a fault shows the value.
    fn show(&self) -> String;
    /// Stands in for a value whose fault is reported; never used.
    fn placeholder() -> Self;
}

impl Readable for String {
    const EXPECTED: &'static str = "text";
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
    fn show(&self) -> String {
        self.clone()
    }
    fn placeholder() -> Self {
        String::new()
    }
}

impl Readable for PathBuf {
    const EXPECTED: &'static str = "a path";
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| PathBuf::from(text))
    }
    fn show(&self) -> String {
        self.display().to_string()
    }
    fn placeholder() -> Self {
        PathBuf::new()
    }
}

impl Readable for u64 {
    const EXPECTED: &'static str = "a whole number";
    fn from_text(text: &str) -> Option<Self> {
        text.replace('_', "").parse().ok()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_integer().and_then(|number| u64::try_from(number).ok())
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn placeholder() -> Self {
        0
    }
}

impl Readable for usize {
    const EXPECTED: &'static str = "a whole number";
    fn from_text(text: &str) -> Option<Self> {
        u64::from_text(text).and_then(|number| usize::try_from(number).ok())
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_integer().and_then(|number| usize::try_from(number).ok())
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn placeholder() -> Self {
        0
    }
}

impl Readable for f64 {
    const EXPECTED: &'static str = "a number";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().filter(|number: &f64| number.is_finite())
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        let number = value.as_float().or_else(|| value.as_integer().map(|number| number as f64));
        number.filter(|number| number.is_finite())
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn placeholder() -> Self {
        0.0
    }
}

impl Readable for bool {
    const EXPECTED: &'static str = "true or false";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        value.as_bool()
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn placeholder() -> Self {
        false
    }
}

impl Readable for Duration {
    const EXPECTED: &'static str = "a time such as `250ms`, `10s`, `5m`, `2h` or `7d`";
    fn from_text(text: &str) -> Option<Self> {
        let unit_at = text.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, unit) = text.split_at_checked(unit_at)?;
        let number: u64 = number.parse().ok()?;
        let milliseconds = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        number.checked_mul(milliseconds).map(Duration::from_millis)
    }
    fn show(&self) -> String {
        format!("{self:?}")
    }
    fn placeholder() -> Self {
        Duration::ZERO
    }
}

impl Readable for SocketAddr {
    const EXPECTED: &'static str = "an IP address with port, such as `127.0.0.1:7001`";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn placeholder() -> Self {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }
}

impl Readable for TrustDomain {
    const EXPECTED: &'static str = "a trust domain, such as `mesh.example`";
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn placeholder() -> Self {
        TrustDomain::unnamed()
    }
}

impl Readable for LogFormat {
    const EXPECTED: &'static str = "`json` or `text`";
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            _ => None,
        }
    }
    fn show(&self) -> String {
        format!("{self:?}").to_lowercase()
    }
    fn placeholder() -> Self {
        LogFormat::Json
    }
}

//! Configuration: every fault at once, and the nearer source wins.

use std::time::Duration;

use entente_chassis::{
    config::{ChassisConfig, Settings},
    telemetry::LogFormat,
};

const GOOD: &str = r#"
trust_domain = "entente.test"
[tls]
certificate = "tls/certificate.pem"
key = "tls/key.pem"
bundle = "tls/bundle.pem"
[server]
listen = "127.0.0.1:7001"
call_time_max = "5s"
calls_max = 64
[peers]
audit = "audit.example:7004"
"#;

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_good_file_is_read_and_the_rest_has_defaults() {
    let mut settings = Settings::new("intake").toml(GOOD);
    let config = ChassisConfig::read(&mut settings, &["audit"]);
    settings.finish().unwrap();
    assert_eq!(config.trust_domain.to_string(), "entente.test");
    assert_eq!(config.server.call_time_max, Duration::from_secs(5));
    assert_eq!((config.server.calls_max, config.server.connections_max), (64, 4_096));
    assert_eq!(config.peers.get("audit").map(String::as_str), Some("audit.example:7004"));
    assert_eq!(config.telemetry.log_format, LogFormat::Json);
}

#[test]
fn every_fault_is_listed_with_key_and_expectation() {
    let text = r#"
        trust_domain = "Not A Domain"
        [tls]
        certificate = "tls/certificate.pem"
        bundle = 5
        [server]
        listen = "localhost"
        calls_max = 0
        call_time_max = "5 parsecs"
        keepalive_intervall = "1s"
        [telemetry]
        trace_ratio = 1.5
        log_format = "xml"
        [peers]
        audit = "nowhere"
    "#;
    let mut settings = Settings::new("intake").toml(text);
    ChassisConfig::read(&mut settings, &["access", "audit"]);
    let faults = settings.finish().unwrap_err();
    let mut keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    keys.sort_unstable();
    let expected = [
        "peers.access",
        "peers.audit",
        "server.call_time_max",
        "server.calls_max",
        "server.keepalive_intervall",
        "server.listen",
        "telemetry.log_format",
        "telemetry.trace_ratio",
        "tls.bundle",
        "tls.key",
        "trust_domain",
    ];
    assert_eq!(keys, expected);
    let told = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains("tls.key: is missing; expected a path"), "{told}");
    assert!(
        told.contains("server.calls_max: `0` is out of range; expected at least 1 and at most 1000000"),
        "{told}"
    );
    assert!(told.contains("server.call_time_max: `5 parsecs` (from the file) does not fit"), "{told}");
}

#[test]
fn the_command_line_goes_before_the_environment_and_that_before_the_file() {
    let environment = variables(&[
        ("ENTENTE_INTAKE__SERVER__CALLS_MAX", "128"),
        ("ENTENTE_INTAKE__SERVER__LISTEN", "127.0.0.1:7009"),
        ("ENTENTE_AUDIT__SERVER__CALLS_MAX", "1"),
        ("ENTENTE_DATA", "elsewhere"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4317"),
    ]);
    let mut settings = Settings::new("intake")
        .toml(GOOD)
        .environment(environment)
        .set("server.calls_max=256")
        .set("peers.audit=a:1");
    let config = ChassisConfig::read(&mut settings, &["audit"]);
    settings.finish().unwrap();
    assert_eq!(config.server.calls_max, 256);
    assert_eq!(config.server.listen.port(), 7009);
    assert_eq!(config.peers.get("audit").map(String::as_str), Some("a:1"));
    assert_eq!(config.telemetry.otlp_endpoint.as_deref(), Some("http://localhost:4317"));
}

#[test]
fn a_misspelt_variable_or_assignment_is_a_fault_like_any_other() {
    let environment = variables(&[("ENTENTE_INTAKE__SERVER__CALS_MAX", "128")]);
    let mut settings = Settings::new("intake").toml(GOOD).environment(environment).set("server.calls_max");
    ChassisConfig::read(&mut settings, &["audit"]);
    let faults = settings.finish().unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, ["--set", "server.cals_max"]);
}

#[test]
fn what_is_no_toml_or_no_file_is_a_fault() {
    for settings in
        [Settings::new("intake").toml("server = "), Settings::new("intake").file("/nonexistent".as_ref())]
    {
        let faults = settings.finish().unwrap_err();
        assert_eq!(faults.first().map(|fault| fault.key.as_str()), Some("--config"));
    }
}

#[test]
fn a_service_reads_settings_of_its_own() {
    let text = "[limits]\npage = 1_000\nshare = 1\non = true\n[partners]\na = \"x\"\nb = \"y\"";
    let mut settings = Settings::new("intake").toml(text);
    assert_eq!(settings.u64("limits.page").default(5).range(1..=1_000).get(), 1_000);
    assert!((settings.f64("limits.share").default(0.5).get() - 1.0).abs() < f64::EPSILON);
    assert!(settings.bool("limits.on").default(false).get());
    assert_eq!(settings.path("registry_file").optional().get(), None);
    assert_eq!(settings.duration("limits.age").default(Duration::from_secs(1)).get(), Duration::from_secs(1));
    let partners = settings.string_map("partners");
    assert_eq!(
        partners.into_iter().collect::<Vec<_>>(),
        [("a".into(), "x".into()), ("b".into(), "y".into())]
    );
    settings.finish().unwrap();
}

//! `entente pki`: a development CA, what it issues, and what is in a certificate.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use entente_chassis::{
    identity::{Caller, TrustDomain},
    pki::{DevelopmentCa, Lifetime, PkiError},
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, pem::Pem};

use crate::{
    cli::{Pki, PkiCommand, PkiInit, PkiInspect, PkiIssue},
    exit::{Failure, NO_INPUT},
    input, output,
};

const DAY: Duration = Duration::from_secs(86_400);
/// Certificates begin a little earlier, for clocks that are behind.
const CLOCK_MARGIN: Duration = Duration::from_secs(300);

/// Runs the command.
pub(crate) fn run(arguments: Pki) -> Result<(), Failure> {
    match arguments.command {
        PkiCommand::Init(arguments) => init(&arguments),
        PkiCommand::Issue(arguments) => issue(&arguments),
        PkiCommand::Inspect(arguments) => inspect(&arguments),
    }
}

fn init(arguments: &PkiInit) -> Result<(), Failure> {
    let dir = &arguments.dir;
    if dir.exists() && dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        let failure = Failure::usage(format!("{} is not empty", dir.display()));
        return Err(failure
            .detail("a new CA there would make what the old one issued worthless; choose another --dir"));
    }
    let trust_domain: TrustDomain =
        arguments.trust_domain.parse().map_err(|error| Failure::usage(format!("--trust-domain: {error}")))?;
    let made = DevelopmentCa::create(&trust_domain).and_then(|authority| authority.save(dir));
    made.map_err(|error| failed(dir, &error))?;
    if arguments.json {
        output::json_line(&json!({ "dir": dir, "trust_domain": arguments.trust_domain }));
    } else {
        println!("a development CA for {} is in {}", arguments.trust_domain, dir.display());
        println!(
            "whoever has its key can be anyone in that trust domain; it is for trying, not for a deployment"
        );
    }
    Ok(())
}

fn issue(arguments: &PkiIssue) -> Result<(), Failure> {
    let authority = DevelopmentCa::load(&arguments.dir).map_err(|error| {
        failed(&arguments.dir, &error).detail("make one with `entente pki init --dir DIR`")
    })?;
    let caller = caller(arguments)?;
    let now = SystemTime::now();
    let lifetime = Lifetime { not_before: now - CLOCK_MARGIN, not_after: now + DAY * arguments.days };
    let issued = authority.issue(&caller, lifetime);
    let files = issued.and_then(|issued| issued.save(&arguments.out, &authority.bundle_pem()));
    let files = files.map_err(|error| failed(&arguments.out, &error))?;
    let spiffe_id = caller.spiffe_id(authority.trust_domain());
    if arguments.json {
        output::json_line(&json!({
            "spiffe_id": spiffe_id, "certificate": files.certificate, "key": files.key, "bundle": files.bundle,
        }));
    } else {
        println!("{spiffe_id}");
        println!("  certificate {}", files.certificate.display());
        println!("  key         {}", files.key.display());
        println!("  bundle      {}", files.bundle.display());
    }
    Ok(())
}

fn caller(arguments: &PkiIssue) -> Result<Caller, Failure> {
    if let Some(name) = &arguments.service {
        return Ok(Caller::Service { name: name.clone() });
    }
    let subject = arguments.subject.as_deref().unwrap_or_default();
    let (organization, name) = subject
        .split_once('/')
        .ok_or_else(|| Failure::usage("--subject is ORG/NAME, such as VLD-COAST/mira"))?;
    Ok(Caller::Subject { organization: organization.to_owned(), name: name.to_owned() })
}

/// The whole chain of causes: a missing file is told by its cause.
fn failed(path: &Path, error: &PkiError) -> Failure {
    let mut failure = Failure::usage(format!("{}: {error}", path.display()));
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        failure = failure.detail(error.to_string());
        cause = error.source();
    }
    failure
}

fn inspect(arguments: &PkiInspect) -> Result<(), Failure> {
    let name = arguments.certificate.display();
    let bytes = input::load(&arguments.certificate)?;
    let mut found = 0;
    for pem in Pem::iter_from_buffer(&bytes) {
        let pem = pem.map_err(|error| Failure::data(format!("{name}: not PEM: {error}")))?;
        if pem.label != "CERTIFICATE" {
            continue;
        }
        let certificate = pem.parse_x509().map_err(|error| Failure::data(format!("{name}: {error}")))?;
        let facts = facts(&certificate);
        if arguments.json {
            output::json_line(&facts)
        } else {
            print(&facts)
        }
        found += 1;
    }
    if found == 0 {
        return Err(Failure::new(NO_INPUT, format!("{name}: holds no certificate")));
    }
    Ok(())
}

fn facts(certificate: &X509Certificate<'_>) -> Value {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let uris: Vec<&str> = names
        .iter()
        .filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None })
        .collect();
    let validity = certificate.validity();
    let date = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    json!({
        "uris": uris,
        "issuer": certificate.issuer().to_string(),
        "serial": certificate.raw_serial_as_string(),
        "not_before": date(validity.not_before.to_datetime()),
        "not_after": date(validity.not_after.to_datetime()),
        "valid_now": validity.is_valid(),
        "ca": certificate.is_ca(),
    })
}

fn print(facts: &Value) {
    let text = |name: &str| facts.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    for uri in facts.get("uris").and_then(Value::as_array).into_iter().flatten() {
        println!("{}", uri.as_str().unwrap_or_default());
    }
    println!("  issuer      {}", text("issuer"));
    println!("  serial      {}", text("serial"));
    println!("  not before  {}", text("not_before"));
    println!("  not after   {}", text("not_after"));
    let flag = |name: &str| facts.get(name) == Some(&Value::Bool(true));
    println!("  valid now   {}", if flag("valid_now") { "yes" } else { "NO" });
    println!("  CA          {}", if flag("ca") { "yes" } else { "no" });
}

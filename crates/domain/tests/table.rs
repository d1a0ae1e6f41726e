//! The golden table that people read: label × subject × action → decision, reason, obligations, in a small world of three
//! partners. `ENTENTE_REGENERATE=1 cargo test -p entente-domain --test table` writes it anew; the change shows in review.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail loudly")]

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use serde_json::{Value, json};

#[path = "../examples/support/cases.rs"]
mod cases;

use self::cases::Cases;

/// The stored table.
const TABLE: &str = "tests/golden/decisions.txt";
/// Set to write the table anew.
const REGENERATE: &str = "ENTENTE_REGENERATE";
/// What each action of the table stands for.
const ACTIONS: [(&str, &str); 8] = [
    ("read", "reads it"),
    ("submit", "files it"),
    ("relabel", "opens it to everybody (TLP:CLEAR), nobody else signing"),
    ("release to Orsenna", "passes it on to the analyst of ORS-CERT"),
    ("release to Kestrel", "passes it on to the analyst of KSI-ISAC"),
    ("recall", "calls it back"),
    ("subscribe", "has it delivered to a sensor"),
    ("audit", "looks into the record of its disclosure by its first originator to ORS-CERT"),
];

#[test]
fn the_table_of_decisions_is_the_stored_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TABLE);
    let table = table();
    if std::env::var_os(REGENERATE).is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    let changed = table.lines().zip(stored.lines()).find(|(now, then)| now != then);
    assert_eq!(changed, None, "run with {REGENERATE}=1 and look at what changes");
    assert_eq!(table.lines().count(), stored.lines().count());
}

/// Labels, by what they are meant for; in the order of their names, whether or not `serde_json` keeps another.
fn labels() -> Value {
    let labels = json!({
        "public": "TLP:CLEAR//BY KSI-ISAC",
        "community": "TLP:GREEN//REL TO GRP:CERT-NET, ORG:KSI-ISAC//BY KSI-ISAC",
        "clients only": "TLP:AMBER//REL TO CLIENTS:VLD-COAST, ORG:VLD-COAST//BY VLD-COAST",
        "one person": "TLP:RED//REL TO PERSON:VLD-COAST/MIRA//BY VLD-COAST",
        "operation": "ENTENTE:CONFIDENTIAL//OP TIDEWALL//REL TO XOR, XVA//ORCON//BY VLD-COAST",
        "phase": "ENTENTE:CONFIDENTIAL//OP TIDEWALL/SEA/P2//REL TO XOR, XVA//ORCON//BY VLD-COAST",
        "secret": "ENTENTE:SECRET//OP TIDEWALL//REL TO XOR, XVA//ORCON//BY VLD-COAST",
        "national": "ENTENTE:SECRET//OP TIDEWALL//REL TO XVA//NO ONWARD//BY VLD-COAST",
        "joint": "ENTENTE:CONFIDENTIAL//OP TIDEWALL//REL TO XOR, XVA//ORCON//BY ORS-CERT, VLD-COAST",
        "lent": "NOLEVEL//OP TIDEWALL//REL TO XKE, XOR, XVA//ORCON//BY ORS-CERT",
        "vetted": "NOLEVEL//OP TIDEWALL//REL TO XOR, XVA//ORCON//VETTED HRV//BY VLD-COAST",
        "embargo": "NOLEVEL//OP TIDEWALL//REL TO XOR, XVA//ORCON//FROM 2026-12-01//UNTIL 2027-12-01//BY VLD-COAST",
        "screen only": "NOLEVEL//OP TIDEWALL//REL TO XOR, XVA//ORCON//DISPLAY ONLY//WITHHOLD SOURCE//PERSONAL DATA//BY VLD-COAST",
        "exercise": "EXERCISE FALCON-TALON//NOLEVEL//OP TIDEWALL//REL TO XOR, XVA//ORCON//BY VLD-COAST",
        "nobody": "NOLEVEL//REL TO NOBODY//ORCON//BY VLD-COAST",
    });
    let sorted: BTreeMap<String, Value> = serde_json::from_value(labels).unwrap();
    serde_json::to_value(sorted).unwrap()
}

/// For each label, the record that something under it went to ORS-CERT.
fn records() -> Value {
    let record = |(name, line): (&String, &Value)| {
        let originators = originators(line);
        let record = json!({
            "originators": originators, "actor_org": originators[0], "recipient_org": "ORS-CERT", "label": line,
        });
        (name.clone(), record)
    };
    Value::Object(labels().as_object().unwrap().iter().map(record).collect())
}

fn originators(line: &Value) -> Vec<&str> {
    line.as_str().unwrap().split("//BY ").nth(1).unwrap().split(", ").collect()
}

fn subjects() -> Value {
    let coast = json!({ "org": "VLD-COAST", "nation": "XVA", "groups": ["CERT-NET"], "purposes": ["CT"] });
    let orsenna = json!({ "org": "ORS-CERT", "nation": "XOR", "groups": ["CERT-NET"], "purposes": ["CT"] });
    let kestrel = json!({ "org": "KSI-ISAC", "nation": "XKE", "groups": ["CERT-NET"], "purposes": ["CT"] });
    let tidewall = json!([{ "path": "OP:TIDEWALL", "tree": true }]);
    let works = json!(["reader", "submitter", "subscriber"]);
    let leads =
        json!(["reader", "submitter", "label_authority", "release_authority", "recall_authority", "auditor"]);
    let cleared = json!({ "HRV": { "status": "cleared", "until": "2027-06-01" } });
    let with = |base: &Value, more: Value| {
        let mut subject = base.clone();
        subject.as_object_mut().unwrap().append(&mut more.as_object().unwrap().clone());
        subject
    };
    json!({
        "1 Mira, analyst of VLD-COAST": with(&coast, json!({
            "person": "VLD-COAST/MIRA", "roles": works, "clearances": { "ENTENTE": 3 }, "grants": tidewall, "vetting": cleared,
        })),
        "2 officer of VLD-COAST": with(&coast, json!({
            "person": "VLD-COAST/OFFICER", "roles": leads, "clearances": { "ENTENTE": 3 }, "grants": tidewall,
        })),
        "3 analyst of ORS-CERT": with(&orsenna, json!({
            "person": "ORS-CERT/NILS", "roles": works, "clearances": { "ENTENTE": 2 }, "grants": [{ "path": "OP:TIDEWALL/SEA" }],
        })),
        "4 officer of ORS-CERT": with(&orsenna, json!({
            "person": "ORS-CERT/OFFICER", "roles": leads, "clearances": { "ENTENTE": 3 }, "grants": tidewall,
            "other_hats": ["N:XVA"],
        })),
        "5 analyst of KSI-ISAC": with(&kestrel, json!({ "roles": works, "client_of": ["VLD-COAST"], "grants": tidewall })),
        "6 overseer of Valdoria": { "org": "VLD-WATCH", "nation": "XVA", "roles": ["reader", "oversight"],
            "purposes": ["CT"], "clearances": { "ENTENTE": 4 }, "grants": [], "mandate": { "nations": ["XVA"] } },
    })
}

fn document() -> Value {
    json!({
        "defaults": { "now": "2026-11-24", "purpose": "CT", "realm": "REAL", "aal": 3 },
        "orgs": {
            "VLD-COAST": { "nation": "XVA", "groups": ["CERT-NET"] },
            "VLD-WATCH": { "nation": "XVA", "groups": [] },
            "ORS-CERT": { "nation": "XOR", "groups": ["CERT-NET"] },
            "KSI-ISAC": { "nation": "XKE", "groups": ["CERT-NET"], "client_of": ["VLD-COAST"] },
        },
        "labels": labels(),
        "records": records(),
        "subjects": subjects(),
        "agreements": {
            "tidewall": {
                "parties": ["ORS-CERT", "VLD-COAST"],
                "flows": [["VLD-COAST", "ORS-CERT"], ["ORS-CERT", "VLD-COAST"]],
                "purposes": ["CT"], "realms": ["REAL"], "operations": ["OP:TIDEWALL"], "max_levels": { "ENTENTE": 2 },
                "overlay": { "retention_days": 180 }, "from": "2026-01-01", "until": "2028-01-01",
                "signatures": { "ORS-CERT": "SIGNED", "VLD-COAST": "SIGNED" },
            },
        },
    })
}

fn table() -> String {
    let document = document();
    let cases = Cases::new(&document);
    let mut table =
        String::from("What each subject may do under each label: generated, see tests/table.rs.\n\n");
    for (action, meaning) in ACTIONS {
        writeln!(table, "{action:<20}{meaning}").unwrap();
    }
    table.push_str("\nORS-CERT and VLD-COAST have an agreement in force: TIDEWALL only, up to CONFIDENTIAL, kept 180 days.\n");
    for (name, line) in document["labels"].as_object().unwrap() {
        writeln!(table, "\n{name}: {}", line.as_str().unwrap()).unwrap();
        for subject in document["subjects"].as_object().unwrap().keys() {
            writeln!(table, "  {subject}").unwrap();
            for (told, actions) in outcomes(&cases, name, subject) {
                writeln!(table, "    {}: {told}", actions.join(", ")).unwrap();
            }
        }
    }
    table
}

/// What is decided, each with the actions for which it is.
fn outcomes(cases: &Cases<'_>, label: &str, subject: &str) -> Vec<(String, Vec<&'static str>)> {
    let mut outcomes: Vec<(String, Vec<&str>)> = Vec::new();
    for (action, _) in ACTIONS {
        let case = case(cases.document, label, subject, action);
        let line = cases.decide(&case).to_line(&case);
        let words = |list: &Value| {
            let words = list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
            words.collect::<Vec<_>>().join(", ")
        };
        let told = match line["reason"].as_str() {
            Some(reason) => format!(
                "{}, {reason} (told {})",
                line["decision"].as_str().unwrap(),
                line["external"].as_str().unwrap()
            ),
            None => format!("allow, {}", words(&line["obligations"])),
        };
        match outcomes.iter_mut().find(|(known, _)| *known == told) {
            Some((_, actions)) => actions.push(action),
            None => outcomes.push((told, vec![action])),
        }
    }
    outcomes
}

fn case(document: &Value, label: &str, subject: &str, action: &str) -> Value {
    let mut case = json!({
        "action": action.split(' ').next(),
        "subject": subject,
        "label": label,
        "world": { "agreements": ["tidewall"] },
        "ctx": { "sink": "sensor" },
    });
    match action {
        "relabel" => {
            case["world"]["old"] = label.into();
            case["label"] =
                format!("TLP:CLEAR//BY {}", originators(&document["labels"][label]).join(", ")).into();
        }
        "release to Orsenna" | "release to Kestrel" => {
            case["action"] = "release_onward".into();
            let target =
                if action.ends_with("Orsenna") { "3 analyst of ORS-CERT" } else { "5 analyst of KSI-ISAC" };
            case["world"]["target"] = target.into();
        }
        _ => case["record"] = label.into(),
    }
    case
}

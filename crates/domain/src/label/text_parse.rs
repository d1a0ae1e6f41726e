//! Parsing the label line: strict about words, lenient about their order and about a missing onward rule.
//!
//! Nothing is ever ignored: a word nobody knows may be a restriction.

use crate::day::Day;
use crate::ids::{DomainName, OriginatorName, Purpose, Realm, VettingKind};
use crate::label::validate::TEXT_CHARS_MAX;
use crate::label::{Evidence, Label, LabelError, LabelErrorCode, LabelFields, Onward, PermittedUse, Tlp};
use crate::registry::Registry;
use crate::syntax::strip;
use crate::token::{Compartment, Token};

type Parsed<T> = Result<T, LabelError>;

/// Reads one line.
pub(super) fn parse(line: &str, registry: &Registry, originator_nation: Option<&str>) -> Parsed<Label> {
    if line.chars().count() > TEXT_CHARS_MAX {
        return Err(LabelError::new(LabelErrorCode::TooComplex, "text"));
    }
    let nation = originator_nation.filter(|nation| !nation.is_empty());
    let mut parser =
        Parser { fields: LabelFields::default(), seen: Vec::new(), onward: None, registry, nation };
    for (index, segment) in strip(line).split("//").map(strip).enumerate() {
        parser.segment(index, segment)?;
    }
    Ok(parser.finish())
}

struct Parser<'a> {
    fields: LabelFields,
    /// Kinds of segment met so far that may stand only once.
    seen: Vec<&'static str>,
    onward: Option<Onward>,
    registry: &'a Registry,
    nation: Option<&'a str>,
}

impl Parser<'_> {
    fn segment(&mut self, index: usize, segment: &str) -> Parsed<()> {
        if segment.is_empty() {
            return Err(LabelError::new(LabelErrorCode::Parse, "empty segment"));
        }
        if let Some(name) = segment.strip_prefix("EXERCISE ") {
            if index != 0 {
                return Err(LabelError::new(LabelErrorCode::Parse, "EXERCISE must come first"));
            }
            self.fields.realm = Realm::exercise(strip(name));
            return Ok(());
        }
        if self.phrase(segment)? || self.list(segment)? || self.date(segment)? {
            return Ok(());
        }
        if is_level(segment) {
            return self.levels(segment);
        }
        Err(LabelError::new(LabelErrorCode::UnknownSegment, segment))
    }

    /// Segments without variable part, and the two that pick a step of a scale.
    fn phrase(&mut self, segment: &str) -> Parsed<bool> {
        match segment {
            "NOLEVEL" => self.once("levels")?,
            "NOFORN" => self.noforn()?,
            "ONWARD OPEN" => self.onward(Onward::Open)?,
            "ORCON" => self.onward(Onward::Consent)?,
            "NO ONWARD" => self.onward(Onward::None)?,
            "EVIDENCE CONSENT" => self.evidence(Evidence::Consent)?,
            "NO EVIDENCE" => self.evidence(Evidence::No)?,
            "DISPLAY ONLY" => self.fields.display_only = true,
            "ATTRIBUTE SOURCE" => self.fields.attr_required = true,
            "WITHHOLD SOURCE" => self.fields.attr_withhold = true,
            "PERSONAL DATA" => self.fields.personal_data = true,
            _ => return self.step(segment),
        }
        Ok(true)
    }

    fn step(&mut self, segment: &str) -> Parsed<bool> {
        if let Some(colour) = segment.strip_prefix("TLP:") {
            self.once("tlp")?;
            let colour = if colour == "WHITE" { "CLEAR" } else { colour };
            let unknown = || LabelError::new(LabelErrorCode::UnknownLevel, segment);
            self.fields.tlp = Tlp::from_name(colour).ok_or_else(unknown)?;
            return Ok(true);
        }
        if let Some(step) = segment.strip_prefix("USE ") {
            self.once("use")?;
            let unknown = || LabelError::new(LabelErrorCode::UnknownSegment, segment);
            self.fields.permitted_use = PermittedUse::from_name(step).ok_or_else(unknown)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn list(&mut self, segment: &str) -> Parsed<bool> {
        if let Some(paths) = segment.strip_prefix("OP ") {
            self.compartments("OP", paths)?;
        } else if let Some(paths) = segment.strip_prefix("CW ") {
            self.compartments("CW", paths)?;
        } else if let Some(clause) = segment.strip_prefix("REL TO") {
            let clause = clause_tokens(strip(clause))?;
            self.fields.audience.push(clause);
        } else if let Some(tokens) = segment.strip_prefix("NOT REL TO ") {
            self.once("NOT REL")?;
            self.fields.excl = tokens_of(tokens)?;
        } else if let Some(purposes) = segment.strip_prefix("PURPOSE ") {
            self.once("purpose")?;
            let purposes = if purposes == "NOTHING" { Vec::new() } else { names(purposes)? };
            self.fields.purposes = Some(purposes.into_iter().map(Purpose::from).collect());
        } else if let Some(kinds) = segment.strip_prefix("VETTED ") {
            self.once("vetted")?;
            self.fields.vetting = names(kinds)?.into_iter().map(VettingKind::from).collect();
        } else if let Some(originators) = segment.strip_prefix("BY ") {
            self.once("by")?;
            self.fields.originators = names(originators)?.into_iter().map(OriginatorName::from).collect();
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn date(&mut self, segment: &str) -> Parsed<bool> {
        let (word, field, text) = if let Some(text) = segment.strip_prefix("FROM ") {
            ("FROM", &mut self.fields.not_before, text)
        } else if let Some(text) = segment.strip_prefix("UNTIL ") {
            ("UNTIL", &mut self.fields.not_after, text)
        } else if let Some(text) = segment.strip_prefix("REVIEW ") {
            ("REVIEW", &mut self.fields.review_by, text)
        } else {
            return Ok(false);
        };
        if field.is_some() {
            return Err(LabelError::new(LabelErrorCode::DuplicateSegment, word));
        }
        let day = text.parse::<Day>().map_err(|_| LabelError::new(LabelErrorCode::BadDate, text))?;
        *field = Some(day);
        Ok(true)
    }

    fn levels(&mut self, segment: &str) -> Parsed<()> {
        self.once("levels")?;
        for level in segment.split(" + ").map(strip) {
            let (name, level_name) = level.split_once(':').unwrap_or((level, ""));
            let unknown = || LabelError::new(LabelErrorCode::UnknownDomain, name);
            let domain = self.registry.domain(name).ok_or_else(unknown)?;
            let unknown = || LabelError::new(LabelErrorCode::UnknownLevel, level);
            let rank = domain.rank(level_name).ok_or_else(unknown)?;
            if self.fields.levels.insert(DomainName::from(name), rank).is_some() {
                return Err(LabelError::new(LabelErrorCode::DuplicateSegment, name));
            }
        }
        Ok(())
    }

    fn compartments(&mut self, kind: &'static str, paths: &str) -> Parsed<()> {
        self.once(kind)?;
        for path in names(paths)? {
            let compartment = Compartment::new(&format!("{kind}:{path}"));
            self.fields.comps.push(compartment.map_err(|_| LabelError::new(LabelErrorCode::BadToken, path))?);
        }
        Ok(())
    }

    fn noforn(&mut self) -> Parsed<()> {
        let missing = || LabelError::new(LabelErrorCode::NofornWithoutNation, "NOFORN");
        let nation = self.nation.ok_or_else(missing)?;
        // Not what the line says, but what the caller knows: a nation that is none makes the label malformed.
        self.fields.audience.push(vec![Token::as_stored(&format!("N:{nation}"))]);
        Ok(())
    }

    fn onward(&mut self, onward: Onward) -> Parsed<()> {
        self.once("onward")?;
        self.onward = Some(onward);
        Ok(())
    }

    fn evidence(&mut self, evidence: Evidence) -> Parsed<()> {
        self.once("evidence")?;
        self.fields.evidence = evidence;
        Ok(())
    }

    fn once(&mut self, kind: &'static str) -> Parsed<()> {
        if self.seen.contains(&kind) {
            return Err(LabelError::new(LabelErrorCode::DuplicateSegment, kind));
        }
        self.seen.push(kind);
        Ok(())
    }

    fn finish(mut self) -> Label {
        let pure_tlp =
            self.seen.contains(&"tlp") && self.fields.levels.is_empty() && self.fields.comps.is_empty();
        let unsaid = match self.fields.tlp {
            Tlp::Clear | Tlp::Green | Tlp::Amber if pure_tlp => Onward::Open,
            Tlp::AmberStrict | Tlp::Red if pure_tlp => Onward::None,
            // The third-party rule.
            Tlp::Clear | Tlp::Green | Tlp::Amber | Tlp::AmberStrict | Tlp::Red => Onward::Consent,
        };
        self.fields.onward = self.onward.unwrap_or(unsaid);
        Label::from(self.fields)
    }
}

/// Capital letters and a colon at the start of the first level.
fn is_level(segment: &str) -> bool {
    let letters = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase());
    let first = segment.split(" + ").next().unwrap_or_default();
    first.split_once(':').is_some_and(|(domain, _)| letters(domain))
}

fn clause_tokens(text: &str) -> Parsed<Vec<Token>> {
    match text {
        "NOBODY" => Ok(Vec::new()),
        "" => Err(LabelError::new(LabelErrorCode::RelEmpty, "REL TO")),
        tokens => tokens_of(tokens),
    }
}

fn tokens_of(text: &str) -> Parsed<Vec<Token>> {
    names(text)?.into_iter().map(token).collect()
}

fn names(text: &str) -> Parsed<Vec<&str>> {
    let names: Vec<&str> = text.split(',').map(strip).collect();
    if names.iter().any(|name| name.is_empty()) {
        return Err(LabelError::new(LabelErrorCode::ListEmpty, text));
    }
    Ok(names)
}

/// A token as people write it: three letters are a nation, everything else says what it is.
fn token(text: &str) -> Parsed<Token> {
    let bad = || LabelError::new(LabelErrorCode::BadToken, text);
    if crate::syntax::is_nation(text) {
        return Ok(Token::as_stored(&format!("N:{text}")));
    }
    let (kind, name) = text.split_once(':').ok_or_else(bad)?;
    let prefix = match kind {
        "ORG" => "O",
        "GRP" => "G",
        "CLIENTS" => "C",
        "PERSON" => "P",
        _ => return Err(bad()),
    };
    Token::new(&format!("{prefix}:{name}")).map_err(|_| bad())
}

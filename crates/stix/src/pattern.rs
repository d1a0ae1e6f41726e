//! A tolerant reading of STIX patterns: not whether a pattern is well-formed, only which object paths it compares for
//! equality with which texts. Anything not understood is passed over.

use std::iter::Peekable;
use std::str::Chars;

/// Most equalities taken from one pattern.
pub const EQUALITIES_MAX: usize = 4096;

/// `path = 'text'` in a pattern, or one member of `path IN ('text', …)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Equality {
    /// The object path without quotes and list positions, such as `file:hashes.SHA-256`.
    pub path: String,
    /// The text, unescaped.
    pub text: String,
}

/// The equalities of a pattern, in order. Negated ones are left out: they name what is not looked for.
#[must_use]
pub fn equalities(pattern: &str) -> Vec<Equality> {
    let mut found = Vec::new();
    let mut state = State::Elsewhere;
    for token in (Lexer { chars: pattern.chars().peekable() }) {
        state = match (state, token) {
            (State::Path(path), Token::Word(word)) if word.eq_ignore_ascii_case("in") => State::In(path),
            (_, Token::Word(word)) if word.contains(':') => State::Path(word),
            (State::Path(path), Token::Equals) => State::Compared(path),
            (State::In(path), Token::Open) | (State::Members(path), Token::Comma) => State::Members(path),
            (State::Compared(path), Token::Text(text)) => {
                found.push(Equality { path, text });
                State::Elsewhere
            }
            (State::Members(path), Token::Text(text)) => {
                found.push(Equality { path: path.clone(), text });
                State::Members(path)
            }
            // `NOT`, another operator, a typed literal, the end of a list: the path is no longer of interest.
            _ => State::Elsewhere,
        };
        if found.len() >= EQUALITIES_MAX {
            break;
        }
    }
    found
}

/// How far an equality has been read; each holds the path.
enum State {
    Elsewhere,
    Path(String),
    Compared(String),
    In(String),
    Members(String),
}

enum Token {
    Word(String),
    Text(String),
    Equals,
    Open,
    Comma,
    Other,
}

struct Lexer<'pattern> {
    chars: Peekable<Chars<'pattern>>,
}

impl Iterator for Lexer<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        while self.chars.next_if(|c| c.is_whitespace()).is_some() {}
        let token = match self.chars.next()? {
            '\'' => self.quoted().map_or(Token::Other, Token::Text),
            '=' => {
                let _ = self.chars.next_if_eq(&'=');
                Token::Equals
            }
            '(' => Token::Open,
            ',' => Token::Comma,
            first if is_word(first) => Token::Word(self.word(first)),
            _ => Token::Other,
        };
        Some(token)
    }
}

impl Lexer<'_> {
    /// The text up to the closing quote; `None` when there is none.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            match self.chars.next()? {
                '\'' => return Some(text),
                '\\' => text.push(self.chars.next()?),
                other => text.push(other),
            }
        }
    }

    /// A keyword or an object path. A quote belongs to a path only after a dot: `file:hashes.'SHA-256'`.
    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(next) = self.chars.peek().copied() {
            match next {
                '\'' if word.ends_with('.') => {
                    self.chars.next();
                    word.push_str(&self.quoted().unwrap_or_default());
                }
                '[' if word.contains(':') => while self.chars.next().is_some_and(|c| c != ']') {},
                next if is_word(next) => {
                    self.chars.next();
                    word.push(next);
                }
                _ => break,
            }
        }
        word
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-' | '.' | '*')
}

//! Reads one table of a TOML document key by key, and says where and what is wrong.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::{ConfigError, Problem};

/// One table, its name, and the keys that nobody has asked for yet.
pub(super) struct Table<'t> {
    text: &'t str,
    path: String,
    /// Byte offset where the table begins; missing keys are reported there.
    start: usize,
    left: DeTable<'t>,
}

/// A value and the place that a complaint about it names.
pub(super) struct Found<'t> {
    value: DeValue<'t>,
    start: usize,
    text: &'t str,
    path: String,
}

impl<'t> Table<'t> {
    /// Parses the whole document.
    pub(super) fn parse(text: &'t str) -> Result<Self, ConfigError> {
        let root = DeTable::parse(text).map_err(|error| ConfigError {
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            key: String::new(),
            problem: Problem::NoToml,
        })?;
        Ok(Self { text, path: String::new(), start: 0, left: root.into_inner() })
    }

    /// Takes the value of `key`, if there is one.
    pub(super) fn take(&mut self, key: &str) -> Option<Found<'t>> {
        let (_, value) = self.left.remove_entry(key)?;
        Some(self.found(key, value))
    }

    /// Takes the value of `key`, which must be there.
    pub(super) fn need(&mut self, key: &str) -> Result<Found<'t>, ConfigError> {
        match self.take(key) {
            Some(found) => Ok(found),
            None => Err(self.missing(key)),
        }
    }

    /// Makes the error about a key that is not there.
    pub(super) fn missing(&self, key: &str) -> ConfigError {
        let path = join(&self.path, key);
        complain(self.text, self.start, path, Problem::Missing)
    }

    /// Takes the table under `key`; a missing one is an empty one.
    pub(super) fn section(&mut self, key: &str) -> Result<Self, ConfigError> {
        match self.take(key) {
            Some(found) => found.table(),
            None => Ok(Self {
                text: self.text,
                path: join(&self.path, key),
                start: self.start,
                left: DeTable::new(),
            }),
        }
    }

    /// Takes every entry as a table with a name.
    pub(super) fn named(mut self) -> Result<Vec<(String, Self)>, ConfigError> {
        let entries = std::mem::take(&mut self.left);
        let tables = entries.into_iter().map(|(key, value)| {
            let name = key.into_inner().into_owned();
            let found = self.found(&name, value);
            if is_name(&name) {
                Ok((name, found.table()?))
            } else {
                Err(found.wrong(Problem::Rule(NAME_RULE)))
            }
        });
        tables.collect()
    }

    /// Holds that every key was asked for.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let (text, path) = (self.text, self.path);
        let keys = self.left.into_iter().map(|(key, _)| key);
        match keys.min_by_key(|key| key.span().start) {
            Some(key) => {
                let start = key.span().start;
                let path = join(&path, key.get_ref());
                Err(complain(text, start, path, Problem::Unknown))
            }
            None => Ok(()),
        }
    }

    fn found(&self, key: &str, value: Spanned<DeValue<'t>>) -> Found<'t> {
        Found {
            start: value.span().start,
            value: value.into_inner(),
            text: self.text,
            path: join(&self.path, key),
        }
    }
}

/// What a name of a caller or a destination must look like.
const NAME_RULE: &str = "a name has 1 to 32 letters, digits, - and _";

fn is_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

impl<'t> Found<'t> {
    /// Makes the error about this value.
    pub(super) fn wrong(&self, problem: Problem) -> ConfigError {
        complain(self.text, self.start, self.path.clone(), problem)
    }

    /// Reads text.
    pub(super) fn text(&self) -> Result<&str, ConfigError> {
        self.value.as_str().ok_or_else(|| self.wrong(Problem::Kind("a text in quotes")))
    }

    /// Reads a switch.
    pub(super) fn switch(&self) -> Result<bool, ConfigError> {
        self.value.as_bool().ok_or_else(|| self.wrong(Problem::Kind("true or false")))
    }

    /// Reads a whole number within `range`; `rule` says the range to people.
    pub(super) fn number(
        &self,
        range: RangeInclusive<u64>,
        rule: &'static str,
    ) -> Result<u64, ConfigError> {
        let digits =
            self.value.as_integer().ok_or_else(|| self.wrong(Problem::Kind("a whole number")))?;
        let number = i128::from_str_radix(digits.as_str(), digits.radix()).ok();
        number
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.wrong(Problem::Rule(rule)))
    }

    /// Reads text through `read`; `rule` says what it must be.
    pub(super) fn parsed<T>(
        &self,
        read: impl FnOnce(&str) -> Option<T>,
        rule: &'static str,
    ) -> Result<T, ConfigError> {
        read(self.text()?).ok_or_else(|| self.wrong(Problem::Rule(rule)))
    }

    /// Reads a list of texts, each with its own place.
    pub(super) fn list(self) -> Result<Vec<Self>, ConfigError> {
        let (text, path, start) = (self.text, self.path, self.start);
        let DeValue::Array(items) = self.value else {
            return Err(complain(text, start, path, Problem::Kind("a list")));
        };
        let found = items.into_iter().map(|item| Self {
            start: item.span().start,
            value: item.into_inner(),
            text,
            path: path.clone(),
        });
        Ok(found.collect())
    }

    fn table(self) -> Result<Table<'t>, ConfigError> {
        let DeValue::Table(left) = self.value else {
            return Err(complain(self.text, self.start, self.path, Problem::Kind("a table")));
        };
        Ok(Table { text: self.text, path: self.path, start: self.start, left })
    }
}

fn complain(text: &str, start: usize, key: String, problem: Problem) -> ConfigError {
    ConfigError { line: line_of(text, start), key, problem }
}

fn line_of(text: &str, start: usize) -> usize {
    let before = text.bytes().take(start);
    1 + before.filter(|byte| *byte == b'\n').count()
}

/// Joins names by dots; what could spoil a terminal is left out, and long names are cut.
fn join(path: &str, key: &str) -> String {
    let shown: String = key.chars().filter(char::is_ascii_graphic).take(64).collect();
    if path.is_empty() { shown } else { format!("{path}.{shown}") }
}

//! The model card: words for people, with the sections that a buyer asks for.

/// Headings (`## …`) that a card must have, in any order, each with words under it.
pub const SECTIONS: [&str; 6] =
    ["Intended use", "Not intended use", "Data", "Figures", "Known failures", "Licence"];

/// A card with all of [`SECTIONS`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    text: String,
}

/// Why a card was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CardError {
    /// A section is missing or empty.
    #[error("the card needs words under the heading \"## {section}\"")]
    Section {
        /// The heading.
        section: &'static str,
    },
}

impl Card {
    /// Checks that every section is there and says something.
    ///
    /// # Errors
    /// [`CardError::Section`] with the first section that is missing or empty.
    pub fn parse(text: &str) -> Result<Self, CardError> {
        for section in SECTIONS {
            if words_under(text, section) == 0 {
                return Err(CardError::Section { section });
            }
        }
        Ok(Self { text: text.into() })
    }

    /// Returns the card, Markdown.
    pub fn text(&self) -> &str {
        &self.text
    }
}

fn words_under(text: &str, section: &str) -> usize {
    let heading = |line: &str| line.strip_prefix("## ").map(str::trim) == Some(section);
    let under = text.lines().skip_while(|line| !heading(line)).skip(1);
    let under = under.take_while(|line| !line.starts_with("## "));
    under.flat_map(str::split_whitespace).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_needs_words_under_every_heading() {
        let whole = SECTIONS.map(|s| format!("## {s}\nwords\n\n")).concat();
        assert_eq!(Card::parse(&whole).map(|card| card.text().len()), Ok(whole.len()));
        for section in SECTIONS {
            let error = Err(CardError::Section { section });
            assert_eq!(Card::parse(&whole.replace(&format!("## {section}\n"), "")), error);
            let empty = whole.replace(&format!("## {section}\nwords"), &format!("## {section}"));
            assert_eq!(Card::parse(&empty), error);
        }
    }
}

//! The read-only page on loopback: what the box is doing, its studies and its results.
//!
//! It pulls: every request reads one snapshot through [`View`], and nothing in the box ever waits
//! for it.

mod pages;
pub mod serve;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

/// What the page shows. Each call may block; it runs on the blocking pool.
pub trait View: Send + Sync + 'static {
    /// The lamp's sentence and the studies, the latest first.
    ///
    /// # Errors
    ///
    /// A sentence for the reader.
    fn overview(&self) -> Result<Overview, String>;

    /// One study by the number in its address.
    ///
    /// # Errors
    ///
    /// A sentence for the reader.
    fn study(&self, number: i64) -> Result<Option<StudyPage>, String>;

    /// Picture `picture` of a study, counted from 1 over its results as the page lists them, as
    /// PNG; `None` where there is none or pictures are hidden.
    ///
    /// # Errors
    ///
    /// A sentence for the reader.
    fn picture(&self, number: i64, picture: usize) -> Result<Option<Vec<u8>>, String>;
}

/// What the first page shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// What the box lamp shows, as one word: green, yellow, red.
    pub colour: &'static str,
    /// The lamp's sentence.
    pub sentence: String,
    /// What to do about each open problem.
    pub problems: Vec<String>,
    /// What is owed to whom.
    pub destinations: Vec<DestinationLine>,
    /// Studies, the latest first.
    pub studies: Vec<StudyLine>,
}

/// One archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationLine {
    /// Its name in the settings.
    pub name: String,
    /// Instances owed to it.
    pub owed: u64,
    /// Instances that it refused.
    pub parked: u64,
    /// Its last words, where it had any.
    pub words: String,
}

/// One study in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StudyLine {
    /// The number in its address.
    pub number: i64,
    /// Who it is, or that names are hidden.
    pub who: String,
    /// Modality.
    pub modality: String,
    /// Instances kept.
    pub instances: u64,
    /// When the first of them came.
    pub first: String,
    /// Instances still owed.
    pub owed: u64,
    /// Instances that were refused.
    pub parked: u64,
}

/// One study.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StudyPage {
    /// Its line in the list.
    pub line: StudyLine,
    /// What came of it, the latest first; what was replaced is not among it.
    pub results: Vec<ResultView>,
    /// When what happened, oldest first.
    pub timeline: Vec<(String, String)>,
}

/// What one package made of a study.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResultView {
    /// Name and version of the package, and which revision this is.
    pub package: String,
    /// How far it is: read, waiting, not read and why.
    pub state: String,
    /// What it comes to, as the documents say it; empty before there are any.
    pub summary: String,
    /// One line a mark.
    pub marks: Vec<String>,
    /// Numbers of its pictures in [`View::picture`].
    pub pictures: std::ops::Range<usize>,
    /// Whether there are pictures that are not shown.
    pub are_pictures_hidden: bool,
    /// Where its documents go; empty in a silent trial.
    pub posted_to: Vec<String>,
}

/// The view behind the page.
pub type SharedView = Arc<dyn View>;

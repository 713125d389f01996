//! The pages as HTML: plain, calm, readable without script.

use maud::{DOCTYPE, Markup, html};

use crate::base::REGULATORY;
use crate::web::{Overview, ResultView, StudyLine, StudyPage};

/// The one style sheet.
pub(super) const STYLE: &str = include_str!("style.css");

fn frame(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – Scanpost" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                header { a href="/" { "Scanpost" } }
                main { (body) }
                footer { p { (REGULATORY) } }
            }
        }
    }
}

/// The first page.
pub(super) fn overview(view: &Overview) -> Markup {
    let body = html! {
        p.lamp.(view.colour) { span.dot aria-hidden="true" {} (view.sentence) }
        @if !view.problems.is_empty() {
            h2 { "What to do" }
            ul { @for problem in &view.problems { li { (problem) } } }
        }
        h2 { "Archives" }
        @if view.destinations.is_empty() {
            p { "The settings name no archive: studies are kept and go nowhere." }
        } @else {
            table {
                thead { tr { th { "Archive" } th { "Owed" } th { "Refused" } th { "Its words" } } }
                tbody {
                    @for line in &view.destinations {
                        tr {
                            td { (line.name) } td { (line.owed) } td { (line.parked) }
                            td { (line.words) }
                        }
                    }
                }
            }
        }
        h2 { "Studies" }
        (studies(&view.studies))
    };
    frame("Now", &body)
}

fn studies(lines: &[StudyLine]) -> Markup {
    html! {
        @if lines.is_empty() {
            p { "No study has arrived yet." }
        } @else {
            table {
                thead {
                    tr {
                        th { "Study" } th { "Modality" } th { "Kept" } th { "Arrived" }
                        th { "Owed" } th { "Refused" }
                    }
                }
                tbody {
                    @for line in lines {
                        tr {
                            td dir="auto" {
                                a href=(format!("/studies/{}", line.number)) { (line.who) }
                            }
                            td { (line.modality) } td { (line.instances) } td { (line.first) }
                            td { (line.owed) } td { (line.parked) }
                        }
                    }
                }
            }
        }
    }
}

/// One study's page.
pub(super) fn study(page: &StudyPage) -> Markup {
    let body = html! {
        h1 dir="auto" { (page.line.who) }
        p { (page.line.modality) ", " (page.line.instances) " instances kept, "
            (page.line.owed) " owed, " (page.line.parked) " refused" }
        @if !page.results.is_empty() {
            h2 { "AI results: research, not for diagnosis" }
            p { (REGULATORY) }
            @for view in &page.results { (result(page.line.number, view)) }
        }
        h2 { "Timeline" }
        ol.timeline { @for (when, what) in &page.timeline { li { time { (when) } " " (what) } } }
    };
    frame("Study", &body)
}

fn result(study: i64, view: &ResultView) -> Markup {
    html! {
        section {
            h3 { (view.package) ": " (view.state) }
            @if !view.summary.is_empty() { p { (view.summary) } }
            @if !view.marks.is_empty() {
                ul { @for mark in &view.marks { li { (mark) } } }
            }
            div.pictures {
                @for number in view.pictures.clone() {
                    @let path = format!("/studies/{study}/pictures/{number}.png");
                    a href=(path) {
                        img loading="lazy" src=(path)
                            alt=(format!("Picture {number}: slice with outlines and model scores"));
                    }
                }
            }
            @if view.are_pictures_hidden {
                p { "Pictures are hidden: the settings do not open the page." }
            }
            p {
                @if view.posted_to.is_empty() {
                    "Silent trial: nothing of this leaves the box."
                } @else { "Posted to " (view.posted_to.join(", ")) "." }
            }
        }
    }
}

/// A page that says one thing.
pub(super) fn notice(title: &str, sentence: &str) -> Markup {
    frame(title, &html! { h1 { (title) } p { (sentence) } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scanner_sent_is_text_and_never_markup() {
        let who = "<script>alert(1)</script>".to_owned();
        let line = StudyLine { who, ..StudyLine::default() };
        let page = StudyPage { line: line.clone(), ..StudyPage::default() };
        let first = Overview { studies: vec![line], ..Overview::default() };
        for text in [study(&page).into_string(), overview(&first).into_string()] {
            assert!(text.contains("&lt;script&gt;") && !text.contains("<script"), "{text}");
        }
    }

    #[test]
    fn every_page_carries_the_regulatory_sentence_and_asks_no_other_host() {
        for page in [overview(&Overview::default()), notice("Gone", "There is no such study.")] {
            let text = page.into_string();
            assert!(text.contains(REGULATORY));
            assert!(!text.contains("http://") && !text.contains("https://"));
        }
    }
}

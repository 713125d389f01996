//! Who hears a result: nobody, until somebody answers for the model.
//!
//! I4: in a silent trial nothing new leaves. Silence is the default, for every package and every
//! destination.

use crate::config::Config;

/// Where one package's results may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Nowhere: the result is kept and shown on the page.
    Silent,
    /// To these destinations, in the order of names; never empty.
    Posts(Vec<String>),
}

impl Voice {
    /// Returns the destinations; none when silent.
    pub fn routes(&self) -> &[String] {
        match self {
            Self::Silent => &[],
            Self::Posts(routes) => routes,
        }
    }
}

/// Decides where the results of a package go about a study whose results `results` takes
/// (`flow::route`).
///
/// No package is approved yet, so only `danger_post_unapproved_results` gives a voice. A
/// destination that the settings no longer name, or that takes no results any more, is left out.
pub fn voice(config: &Config, results: &[String]) -> Voice {
    if !config.models.danger_post_unapproved_results {
        return Voice::Silent;
    }
    let takes = |name: &&String| {
        let destination = config.destinations.get(name.as_str());
        destination.is_some_and(|destination| destination.results)
    };
    let mut routes: Vec<String> = results.iter().filter(takes).cloned().collect();
    routes.sort();
    routes.dedup();
    if routes.is_empty() { Voice::Silent } else { Voice::Posts(routes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(models: &str) -> Config {
        let text = format!(
            "[destinations.A]\nae = \"A\"\nhost = \"a\"\nport = 1\n\
             [destinations.B]\nae = \"B\"\nhost = \"b\"\nport = 1\nresults = false\n\
             [models]\n{models}"
        );
        Config::parse(&text).unwrap()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn i4_without_the_dangerous_key_nothing_leaves() {
        assert_eq!(voice(&config(""), &names(&["A"])), Voice::Silent);
        let off = config("danger_post_unapproved_results = false");
        assert_eq!(voice(&off, &names(&["A"])), Voice::Silent);
    }

    #[test]
    fn with_it_results_go_where_they_are_taken_and_only_there() {
        let config = config("danger_post_unapproved_results = true");
        let all = names(&["GONE", "B", "A", "A"]);
        assert_eq!(voice(&config, &all), Voice::Posts(names(&["A"])));
        assert_eq!(voice(&config, &names(&["B"])), Voice::Silent);
        assert_eq!(voice(&config, &[]), Voice::Silent);
    }
}

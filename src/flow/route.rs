//! Where a caller's studies go, and how urgent they are.

use crate::base::urgency::Urgency;
use crate::config::Config;

/// Where an instance goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Names of the destinations that the instance itself is owed to, in the order of names.
    pub originals: Vec<String>,
    /// Names of the destinations that get results about it, in the order of names; who may post
    /// there is `flow::shadow`'s.
    pub results: Vec<String>,
    /// How urgent.
    pub urgency: Urgency,
}

/// Decides where an instance of `caller` goes that came with Priority (0000,0700) `priority`.
///
/// `caller` is the name that `flow::admit` gave, or `None` for a device that
/// `danger_any_caller` let in: its studies go everywhere. A caller that the settings no longer
/// name goes nowhere, for lack of a rule; it was refused before it came here.
///
/// Source: PS3.7 9.3.1.1 for the priorities: 0 MEDIUM, 1 HIGH, 2 LOW; anything else counts as
/// MEDIUM, since senders put 0xFFFF there.
pub fn route(config: &Config, caller: Option<&str>, priority: Option<u16>) -> Route {
    let asked = match priority {
        Some(1) => Urgency::High,
        Some(2) => Urgency::Low,
        _ => Urgency::Normal,
    };
    let (names, urgency) = match caller {
        None => (config.destinations.keys().cloned().collect(), asked),
        Some(name) => match config.callers.get(name) {
            // `High` is the least: the more urgent of rule and request counts.
            Some(caller) if caller.urgency == Urgency::High => {
                (caller.routes.clone(), Urgency::High)
            }
            Some(caller) => (caller.routes.clone(), asked),
            None => (Vec::new(), asked),
        },
    };
    let taking = |takes: fn(&crate::config::Destination) -> bool| {
        let names = names.iter().filter(|name| {
            let destination = config.destinations.get(name.as_str());
            destination.is_some_and(takes)
        });
        names.cloned().collect()
    };
    Route {
        originals: taking(|destination| destination.originals),
        results: taking(|destination| destination.results),
        urgency,
    }
}

/// Returns the destinations that get results about studies of a device with this AE title: what
/// any of its callers in the settings says, or every destination where none names it.
pub fn results(config: &Config, calling: &str) -> Vec<String> {
    let named = config.callers.iter().filter(|(_, caller)| caller.ae.as_str() == calling);
    let mut callers: Vec<Option<&str>> = named.map(|(name, _)| Some(name.as_str())).collect();
    if callers.is_empty() && config.danger_any_caller {
        callers.push(None);
    }
    let mut all: Vec<String> =
        callers.into_iter().flat_map(|caller| route(config, caller, None).results).collect();
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::parse(
            r#"
            [callers.CT1]
            ae = "CT1"
            routes = ["PACS", "AI"]
            [callers.ER]
            ae = "ER"
            urgent = true
            [callers.KEPT]
            ae = "KEPT"
            routes = []
            [destinations.AI]
            ae = "AI"
            host = "ai"
            port = 104
            originals = false
            [destinations.PACS]
            ae = "PACS"
            host = "pacs"
            port = 104
            results = false
            [destinations.FAR]
            ae = "FAR"
            host = "far"
            port = 104
            "#,
        )
        .unwrap()
    }

    #[test]
    fn studies_go_where_the_caller_says_and_the_destination_takes_them() {
        let route = route(&config(), Some("CT1"), None);
        assert_eq!(route.originals, ["PACS"]);
        assert_eq!(route.results, ["AI"]);
    }

    #[test]
    fn without_a_list_they_go_everywhere_and_with_an_empty_one_nowhere() {
        let config = config();
        assert_eq!(route(&config, Some("ER"), None).originals, ["FAR", "PACS"]);
        assert_eq!(route(&config, None, None).originals, ["FAR", "PACS"]);
        assert!(route(&config, Some("KEPT"), None).originals.is_empty());
        assert!(route(&config, Some("GONE"), None).originals.is_empty());
    }

    #[test]
    fn results_go_where_the_callers_with_this_title_say() {
        assert_eq!(results(&config(), "CT1"), ["AI"]);
        assert_eq!(results(&config(), "ER"), ["AI", "FAR"]);
        assert!(results(&config(), "KEPT").is_empty() && results(&config(), "GONE").is_empty());
    }

    #[test]
    fn the_more_urgent_of_rule_and_request_counts() {
        let config = config();
        let urgency = |caller, priority| route(&config, Some(caller), priority).urgency;
        let asked = [None, Some(0), Some(1), Some(2), Some(0xffff)];
        let by_ct1 = asked.map(|priority| urgency("CT1", priority));
        let (high, normal, low) = (Urgency::High, Urgency::Normal, Urgency::Low);
        assert_eq!(by_ct1, [normal, normal, high, low, normal]);
        assert_eq!(asked.map(|priority| urgency("ER", priority)), [high; 5]);
    }
}

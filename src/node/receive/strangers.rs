//! Callers that were refused: aggregated, bounded, shown.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::aet::AeTitle;
use crate::base::limits::STRANGERS_MAX;
use crate::base::time::Stamp;

/// One line a minute and caller: a peer on the LAN must not fill the log.
const QUIET: Duration = Duration::from_mins(1);

/// A device that asked for access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// What it calls itself.
    pub calling: AeTitle,
    /// Where it is.
    pub peer: IpAddr,
    /// Why it was refused the last time.
    pub words: String,
    /// How often.
    pub count: u64,
    /// The last time.
    pub last: Stamp,
}

/// The refused callers, shared with page and lamp.
#[derive(Clone, Debug, Default)]
pub struct Strangers(Arc<Mutex<BTreeMap<(AeTitle, IpAddr), Entry>>>);

#[derive(Debug)]
struct Entry {
    stranger: Stranger,
    logged: Stamp,
}

impl Strangers {
    /// Notes a refusal; logs it unless the same caller was logged within the last minute.
    pub fn note(&self, calling: &AeTitle, peer: IpAddr, words: &str, now: Stamp) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (calling.clone(), peer);
        if let Some(entry) = known.get_mut(&key) {
            entry.stranger.count = entry.stranger.count.saturating_add(1);
            entry.stranger.last = now;
            words.clone_into(&mut entry.stranger.words);
            if QUIET <= now.monotonic.since(entry.logged.monotonic) {
                entry.logged = now;
                tracing::warn!(%calling, %peer, words, count = entry.stranger.count, "refused");
            }
            return;
        }
        if STRANGERS_MAX <= known.len() {
            let oldest = known.iter().min_by_key(|(_, entry)| entry.stranger.last.monotonic);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                known.remove(&oldest);
            }
        }
        tracing::warn!(%calling, %peer, words, "{calling} from {peer} asks for access: refused");
        let words = words.to_owned();
        let stranger = Stranger { calling: calling.clone(), peer, words, count: 1, last: now };
        known.insert(key, Entry { stranger, logged: now });
    }

    /// Returns them, the latest first.
    pub fn list(&self) -> Vec<Stranger> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<Stranger> = known.values().map(|entry| entry.stranger.clone()).collect();
        list.sort_by_key(|stranger| std::cmp::Reverse(stranger.last.monotonic));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::time::Instant;

    fn at(second: u64) -> Stamp {
        Stamp { monotonic: Instant::from_nanos(second * 1_000_000_000), ..Stamp::default() }
    }

    #[test]
    fn a_flood_of_names_is_bounded_and_the_latest_stay() {
        let strangers = Strangers::default();
        for number in 0..200_u32 {
            let calling = AeTitle::parse(format!("S{number}").as_bytes()).unwrap();
            let peer = IpAddr::from([10, 0, 0, 1]);
            strangers.note(&calling, peer, "unknown", at(u64::from(number)));
        }
        let list = strangers.list();
        assert_eq!(list.len(), STRANGERS_MAX);
        assert_eq!(list[0].calling.as_str(), "S199");
    }

    #[test]
    fn the_same_caller_is_one_line_with_a_count() {
        let strangers = Strangers::default();
        let calling = AeTitle::parse(b"CT1").unwrap();
        (0..5).for_each(|n| strangers.note(&calling, IpAddr::from([10, 0, 0, 1]), "x", at(n)));
        assert_eq!(strangers.list()[0].count, 5);
    }
}

//! Keeping a long conversation within what a model can read.

use crate::model::Turn;
use std::borrow::Cow;

/// The newest turns are left as they are.
const WHOLE: usize = 6;

/// What stands in the place of an older result.
const REMOVED: &str = "[removed to save room; call the tool again if it is needed]";

/// A result that is shorter than this is left.
const SHORT: usize = 400;

/// Bytes of a token, on the safe side for code.
const TOKEN_BYTES: u64 = 3;

/// About how many tokens a conversation is, rather too many than too few.
pub(super) fn size(turns: &[Turn], system: &str) -> u64 {
    let bytes: usize =
        turns.iter().map(|turn| serde_json::to_string(turn).map_or(0, |text| text.len())).sum();
    (bytes + system.len()) as u64 / TOKEN_BYTES
}

/// The conversation such that it fits into `tokens`: older results of tools go first. `None` when
/// that is not enough.
pub(super) fn fitted<'a>(turns: &'a [Turn], system: &str, tokens: u64) -> Option<Cow<'a, [Turn]>> {
    let fits = |turns: &[Turn]| size(turns, system) <= tokens;
    if fits(turns) {
        return Some(Cow::Borrowed(turns));
    }
    let mut shorter = turns.to_vec();
    let old = shorter.len().saturating_sub(WHOLE);
    // Rather much at once than a little each time: the vendor's cache holds only for what is the
    // same from the beginning on.
    for turn in shorter.iter_mut().take(old) {
        if let Turn::Tools { results } = turn {
            for result in results.iter_mut().filter(|result| result.output.len() > SHORT) {
                result.output = REMOVED.to_owned();
            }
        }
    }
    fits(&shorter).then_some(Cow::Owned(shorter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ToolResult;

    fn turns(count: usize, bytes: usize) -> Vec<Turn> {
        let result = |id: usize| ToolResult {
            id: id.to_string(),
            name: "shell".into(),
            output: "x".repeat(bytes),
            is_error: false,
        };
        (0..count).map(|id| Turn::Tools { results: vec![result(id)] }).collect()
    }

    #[test]
    fn older_results_go_first_and_what_is_still_too_long_is_said() {
        let all = turns(20, 3_000);
        assert!(matches!(fitted(&all, "", 100_000), Some(Cow::Borrowed(_))));
        let Some(Cow::Owned(shorter)) = fitted(&all, "", 10_000) else { panic!("it fits") };
        let long = |turn: &Turn| serde_json::to_string(turn).unwrap().len() > 3_000;
        assert_eq!(shorter.iter().filter(|turn| long(turn)).count(), WHOLE);
        assert!(shorter[14..].iter().all(long), "the newest are whole");
        assert!(fitted(&all, "", 1_000).is_none());
    }
}

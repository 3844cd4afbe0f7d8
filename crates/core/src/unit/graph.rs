//! Dependencies between units: existence, cycles, and levels for stopping.

use super::spec::{Condition, UnitName};
use std::collections::{BTreeMap, BTreeSet};

/// What is wrong with `after`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// A unit names another that does not exist.
    #[error("unit {unit} is to start after {missing}, which is not configured")]
    Unknown {
        /// Who names it.
        unit: UnitName,
        /// The name that leads nowhere.
        missing: UnitName,
    },
    /// Units wait for each other.
    #[error("units wait for each other in a circle: {}", show(.path))]
    Cycle {
        /// The way round; the first name is repeated at the end.
        path: Vec<UnitName>,
    },
}

fn show(path: &[UnitName]) -> String {
    path.iter().map(UnitName::as_str).collect::<Vec<_>>().join(" → ")
}

/// For each unit what it comes after.
pub type After<'a> = BTreeMap<&'a UnitName, &'a BTreeMap<UnitName, Condition>>;

/// Checks that every name exists and that nobody waits for itself, directly or by others.
///
/// # Errors
/// The first unknown name or cycle, in the order of names.
pub fn check(after: &After<'_>) -> Result<(), GraphError> {
    for (unit, dependencies) in after {
        if let Some(missing) = dependencies.keys().find(|name| !after.contains_key(name)) {
            return Err(GraphError::Unknown { unit: (*unit).clone(), missing: missing.clone() });
        }
    }
    let mut done = BTreeSet::new();
    for start in after.keys() {
        if let Some(path) = cycle_from(start, after, &mut done) {
            return Err(GraphError::Cycle { path });
        }
    }
    Ok(())
}

/// Depth-first without recursion, so that a chain of thousands of units needs no deep stack.
fn cycle_from<'a>(
    start: &'a UnitName,
    after: &After<'a>,
    done: &mut BTreeSet<&'a UnitName>,
) -> Option<Vec<UnitName>> {
    let mut path: Vec<(&UnitName, Vec<&UnitName>)> = Vec::new();
    let next_of = |name: &'a UnitName| {
        after.get(name).map(|deps| deps.keys().collect::<Vec<_>>()).unwrap_or_default()
    };
    if done.contains(start) {
        return None;
    }
    path.push((start, next_of(start)));
    while let Some((name, rest)) = path.last_mut() {
        let Some(next) = rest.pop() else {
            done.insert(name);
            path.pop();
            continue;
        };
        if let Some(at) = path.iter().position(|(seen, _)| *seen == next) {
            let mut circle: Vec<_> = path.iter().skip(at).map(|(n, _)| (*n).clone()).collect();
            circle.push(next.clone());
            return Some(circle);
        }
        if !done.contains(next) {
            path.push((next, next_of(next)));
        }
    }
    None
}

/// How many levels of dependents there are among `names`: 1 when nobody depends on anybody.
pub fn levels(after: &After<'_>, names: &BTreeSet<&UnitName>) -> usize {
    let mut left = names.clone();
    let mut levels = 0;
    while !left.is_empty() {
        let needed: BTreeSet<&UnitName> = left
            .iter()
            .filter_map(|name| after.get(*name))
            .flat_map(|dependencies| dependencies.keys())
            .collect();
        let before = left.len();
        left.retain(|name| needed.contains(name));
        levels += 1;
        if left.len() == before {
            break;
        }
    }
    levels.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Owned = BTreeMap<UnitName, BTreeMap<UnitName, Condition>>;

    fn name(text: &str) -> UnitName {
        text.parse().unwrap()
    }

    fn graph(edges: &[(&str, &[&str])]) -> Owned {
        edges
            .iter()
            .map(|(n, deps)| {
                (name(n), deps.iter().map(|d| (name(d), Condition::Started)).collect())
            })
            .collect()
    }

    fn check_text(edges: &[(&str, &[&str])]) -> String {
        let owned = graph(edges);
        let after = owned.iter().collect();
        check(&after).map_or_else(|e| e.to_string(), |()| "ok".to_owned())
    }

    #[test]
    fn finds_unknown_names_and_circles() {
        assert_eq!(check_text(&[("a", &[]), ("b", &["a"]), ("c", &["a", "b"])]), "ok");
        assert_eq!(
            check_text(&[("a", &["x"])]),
            "unit a is to start after x, which is not configured"
        );
        assert_eq!(
            check_text(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])]),
            "units wait for each other in a circle: a → b → c → a"
        );
        assert_eq!(check_text(&[("a", &["a"])]), "units wait for each other in a circle: a → a");
    }

    #[test]
    fn a_long_chain_is_no_cycle_and_has_as_many_levels() {
        let names: Vec<String> = (0..2000).map(|n| format!("u{n}")).collect();
        let owned: Owned = names
            .iter()
            .enumerate()
            .map(|(n, text)| {
                let deps = n.checked_sub(1).and_then(|p| names.get(p));
                (name(text), deps.map(|d| (name(d), Condition::Started)).into_iter().collect())
            })
            .collect();
        let after: After<'_> = owned.iter().collect();
        assert_eq!(check(&after), Ok(()));
        let some: BTreeSet<_> = owned.keys().take(10).collect();
        assert!(levels(&after, &some) <= 10);
    }
}

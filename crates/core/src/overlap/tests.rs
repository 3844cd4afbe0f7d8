//! Cases, and edits by chance: a clean merge loses nothing, and a line that is taken out of one is
//! found.

use super::*;
use proptest::prelude::*;

fn block(start: u32, removed: &[&str], added: &[&str]) -> Block {
    let own = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    Block { start, removed: own(removed), added: own(added) }
}

fn touched(path: &str, lines: &[(u32, u32)]) -> Touched {
    let lines = lines.iter().map(|(start, lines)| Stretch { start: *start, lines: *lines });
    Touched { path: path.to_owned(), lines: lines.collect(), whole: false }
}

#[test]
fn the_same_file_is_soft_and_the_same_line_is_hot() {
    let one = [touched("a", &[(0, 2), (10, 1)]), touched("b", &[(5, 1)])];
    let other = [touched("a", &[(20, 1)]), touched("b", &[(5, 3)]), touched("c", &[(0, 1)])];
    let met = meet(&one, &other);
    assert_eq!(met.len(), 2);
    assert_eq!((met[0].level, met[0].lines.as_slice()), (Level::Soft, &[][..]));
    assert_eq!((met[1].level, met[1].lines.as_slice()), (Level::Hot, &[(6, 6)][..]));
    assert_eq!(level_of(&met), Some(Level::Hot));
    assert_eq!(level_of(&[]), None);
    // Both put something between the same two lines, or one next to the other's line.
    assert_eq!(
        level_of(&meet(&[touched("a", &[(4, 0)])], &[touched("a", &[(4, 0)])])),
        Some(Level::Hot)
    );
    assert_eq!(
        level_of(&meet(&[touched("a", &[(4, 1)])], &[touched("a", &[(5, 1)])])),
        Some(Level::Hot)
    );
    assert_eq!(
        level_of(&meet(&[touched("a", &[(4, 1)])], &[touched("a", &[(6, 1)])])),
        Some(Level::Soft)
    );
    let whole = Touched { path: "a".to_owned(), whole: true, lines: Vec::new() };
    assert_eq!(level_of(&meet(&[whole], &[touched("a", &[(6, 1)])])), Some(Level::Hot));
}

#[test]
fn lines_of_a_later_base_are_told_as_lines_of_an_earlier_one() {
    // Two lines were put after line 3, and line 10 was made two.
    let blocks = [block(3, &[], &["x", "y"]), block(9, &["ten"], &["10", "10b"])];
    let back = |start, lines| told_before(&[Stretch { start, lines }], &blocks)[0];
    assert_eq!(back(0, 2), Stretch { start: 0, lines: 2 });
    assert_eq!(back(5, 1), Stretch { start: 3, lines: 1 }, "behind what was put in");
    assert_eq!(back(11, 2), Stretch { start: 9, lines: 1 }, "all of what was replaced");
    assert_eq!(back(14, 1), Stretch { start: 11, lines: 1 });
}

fn content(id: &str) -> Option<Content> {
    Some(Content { id: id.to_owned(), mode: "100644".to_owned() })
}

fn change(path: &str, before: Option<Content>, after: Option<Content>) -> Change {
    Change { path: path.to_owned(), old_path: None, before, after }
}

#[test]
fn what_only_one_side_changed_must_be_as_it_left_it() {
    let ours = [change("a", content("1"), content("2")), change("pic", content("5"), content("6"))];
    let theirs = [change("b", content("3"), None)];
    let both = [ours[0].clone(), ours[1].clone(), theirs[0].clone()];
    assert_eq!(sort_out(&ours, &theirs, &both, false), (Vec::new(), Vec::new()));
    // A change that is not there, and a file that is there again.
    let (losses, looks) = sort_out(&ours, &theirs, &ours[..1], false);
    let differs = |path: &str| Loss::Differs { path: path.to_owned() };
    assert_eq!((losses, looks.len()), (vec![differs("b"), differs("pic")], 0).into_sorted());
    // Nobody changed it, and it differs.
    let more = change("c", content("8"), content("9"));
    let result = [both.as_slice(), &[more]].concat();
    assert_eq!(sort_out(&ours, &theirs, &result, false).0, [differs("c")]);
    assert_eq!(sort_out(&ours, &theirs, &result, true).0, [], "the author may");
}

/// So that cases do not depend on the order of files.
trait Sorted {
    fn into_sorted(self) -> Self;
}

impl Sorted for (Vec<Loss>, usize) {
    fn into_sorted(mut self) -> Self {
        self.0.sort_by_key(|loss| std::cmp::Reverse(loss.in_words()));
        self
    }
}

#[test]
fn what_both_changed_is_read_and_what_has_no_lines_is_unsure() {
    let ours = [change("a", content("1"), content("2"))];
    let theirs = [change("a", content("1"), content("3"))];
    let made = [change("a", content("1"), content("4"))];
    let (losses, looks) = sort_out(&ours, &theirs, &made, false);
    assert_eq!((losses.len(), looks.len()), (0, 1));
    assert_eq!(
        (looks[0].base.as_slice(), looks[0].result.as_slice()),
        (&["1".to_owned()][..], &["4".to_owned()][..])
    );
    // The same on both sides: nothing to read.
    assert_eq!(sort_out(&ours, &ours, &ours, false), (Vec::new(), Vec::new()));
    let link = |id: &str| Some(Content { id: id.to_owned(), mode: "120000".to_owned() });
    let (losses, _) = sort_out(&[change("a", link("1"), link("2"))], &theirs, &made, false);
    assert_eq!(losses, [Loss::Unsure { path: "a".to_owned() }]);
}

#[test]
fn a_file_that_one_side_renamed_is_looked_at_with_its_old_name() {
    let renamed = Change {
        path: "new".to_owned(),
        old_path: Some("old".to_owned()),
        before: content("1"),
        after: content("1"),
    };
    let theirs = [change("old", content("1"), content("2"))];
    let made = [Change { after: content("2"), ..renamed.clone() }];
    let (losses, looks) = sort_out(&[renamed], &theirs, &made, false);
    assert_eq!((losses.len(), looks.len()), (0, 1));
    assert_eq!(looks[0].paths.iter().map(String::as_str).collect::<Vec<_>>(), ["new", "old"]);
    assert_eq!(looks[0].base, ["1"]);
    assert_eq!(looks[0].theirs, ["2"]);
}

#[test]
fn a_lost_line_is_named() {
    let ours = [block(0, &["a"], &["A"])];
    let theirs = [block(8, &["h"], &["H", "H2"])];
    let whole = [ours[0].clone(), theirs[0].clone()];
    assert_eq!(judge("f", &ours, &theirs, &whole, false), []);
    let lost = judge("f", &ours, &theirs, &[ours[0].clone(), block(8, &["h"], &["H"])], false);
    assert_eq!(lost, [Loss::Missing { path: "f".to_owned(), line: "H2".to_owned() }]);
    let back = judge("f", &ours, &theirs, &[ours[0].clone(), block(8, &[], &["H", "H2"])], false);
    assert_eq!(back, [Loss::Back { path: "f".to_owned(), line: "h".to_owned() }]);
    // Whoever settled a conflict may add, but not drop what the other side had added.
    let more = [whole.as_slice(), &[block(20, &["z"], &["Z"])]].concat();
    assert_eq!(judge("f", &ours, &theirs, &more, true), []);
    assert_eq!(judge("f", &ours, &theirs, &more, false).len(), 2);
    assert_eq!(judge("f", &ours, &theirs, &[ours[0].clone()], true).len(), 3);
    // Both did the same: it is there once.
    assert_eq!(judge("f", &ours, &ours, &ours, false), []);
}

/// An edit of one stretch of a text: the stretch, and what stands there instead.
#[derive(Debug, Clone)]
struct Edit {
    start: usize,
    lines: usize,
    with: Vec<String>,
}

fn word() -> impl Strategy<Value = String> {
    // Few words, so that the same line is there often.
    prop_oneof![Just("}".to_owned()), Just("x".to_owned()), Just(String::new()), "[a-d]{1,2}"]
}

/// A text, and for each of its parts who changes it to what: 0 nobody, 1 we, 2 they, 3 both alike.
fn story() -> impl Strategy<Value = (Vec<String>, Vec<(u8, Edit)>)> {
    let part = (0u8..4, 0usize..4, proptest::collection::vec(word(), 0..4));
    let parts = proptest::collection::vec((part, 4usize..9), 1..8);
    (parts, proptest::collection::vec(word(), 80)).prop_map(|(parts, words)| {
        let (mut at, mut edits) = (0, Vec::new());
        for ((who, lines, with), room) in parts {
            edits.push((who, Edit { start: at, lines, with }));
            at += room.max(lines + 1);
        }
        (words, edits)
    })
}

fn blocks(base: &[String], edits: &[&Edit]) -> Vec<Block> {
    let block = |edit: &&Edit| Block {
        start: u32::try_from(edit.start).unwrap(),
        removed: base[edit.start..edit.start + edit.lines].to_vec(),
        added: edit.with.clone(),
    };
    edits.iter().map(block).collect()
}

proptest! {
    #[test]
    fn a_clean_merge_loses_nothing_and_a_dropped_line_is_found(
        (base, edits) in story(), drop in any::<proptest::sample::Index>()
    ) {
        let of = |who: &[u8]| -> Vec<&Edit> {
            edits.iter().filter(|(by, _)| who.contains(by)).map(|(_, edit)| edit).collect()
        };
        let (ours, theirs) = (blocks(&base, &of(&[1, 3])), blocks(&base, &of(&[2, 3])));
        let result = blocks(&base, &of(&[1, 2, 3]));
        prop_assert_eq!(judge("f", &ours, &theirs, &result, false), []);
        prop_assert_eq!(judge("f", &ours, &theirs, &result, true), []);
        // One line that one side alone added is taken out of the result.
        let alone: Vec<(usize, usize)> = result.iter().enumerate().flat_map(|(place, block)| {
            let near = |others: &[Block]| others.iter().any(|other| {
                block.stretch().is_within(other.stretch(), SLACK)
            });
            let mine = !(near(&ours) && near(&theirs));
            let lines = if mine { block.added.len() } else { 0 };
            (0..lines).map(move |line| (place, line))
        }).filter(|(place, line)| !result[*place].added[*line].trim().is_empty()).collect();
        if !alone.is_empty() {
            let (place, line) = alone[drop.index(alone.len())];
            let mut broken = result.clone();
            let gone = broken[place].added.remove(line);
            // It is found unless both sides changed that very line near each other, and differently.
            let lost = judge("f", &ours, &theirs, &broken, false);
            let unsure = ours.iter().any(|a| theirs.iter().any(|b| {
                a != b && a.stretch().is_within(b.stretch(), SLACK)
                    && [a, b].iter().any(|c| c.added.contains(&gone) || c.removed.contains(&gone))
            }));
            if !unsure {
                prop_assert!(!lost.is_empty(), "{gone:?} was lost");
            }
        }
    }

    #[test]
    fn whoever_changes_the_same_line_meets(start in 0u32..50, a in 0u32..9, b in 0u32..9) {
        let (one, other) = (touched("f", &[(start, a + 1)]), touched("f", &[(start + a.min(b), b)]));
        prop_assert_eq!(level_of(&meet(&[one.clone()], &[other.clone()])), Some(Level::Hot));
        let met = meet(&[other], &[one]);
        let (from, to) = met[0].lines[0];
        prop_assert!(from <= to && from > start);
    }
}

//! Finds the known words a misspelt one may have been meant to be.

use super::{Run, runs_of};

/// Returns the words of `vocabulary` that differ from `word` by a slip or two, best first, at most `most`.
///
/// The vocabulary is index tokens, in order of preference (the most frequent first); `word` is as a person typed it. A
/// slip is a letter too many, too few, wrong, or swapped with its neighbour: one in words from four letters, two from
/// eight. A word that is known itself comes alone: it needs no correction.
///
/// # Example
///
/// ```
/// let known = ["hose", "gauge", "garage", "hydraulic"];
/// assert_eq!(fieldsync_protocol::search::closest("Guage", known, 3), ["gauge"]);
/// ```
pub fn closest<'v>(word: &str, vocabulary: impl IntoIterator<Item = &'v str>, most: usize) -> Vec<&'v str> {
    let Some(Run::Words(words)) = runs_of(word).into_iter().next() else { return Vec::new() };
    let Some(word) = words.first().map(|first| first.text.as_str()) else { return Vec::new() };
    let allowed = match word.chars().count() {
        0..4 => 0,
        4..8 => 1,
        _ => 2,
    };
    let mut found: Vec<(usize, &str)> = vocabulary
        .into_iter()
        .filter_map(|known| distance_within(word, known, allowed).map(|distance| (distance, known)))
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    if found.first().is_some_and(|(distance, _)| *distance == 0) {
        found.truncate(1);
    }
    found.truncate(most);
    found.into_iter().map(|(_, known)| known).collect()
}

/// Returns how many slips (insertion, removal, replacement, swap of neighbours) lie between two words, or nothing when
/// it is more than `most`.
pub fn distance_within(left: &str, right: &str, most: usize) -> Option<usize> {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.len().abs_diff(right.len()) > most {
        return None;
    }
    // Three rows of the table of distances between beginnings suffice; a row above `most` throughout ends the search.
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let mut best = (last[column] + usize::from(from != to)).min(last[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && *from == right[column - 1] && left[row - 1] == *to {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        if current.iter().all(|distance| *distance > most) {
            return None;
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_an_insertion_a_removal_a_replacement_or_a_swap() {
        for (left, right, distance) in [
            ("hose", "hose", Some(0)),
            ("hoose", "hose", Some(1)),
            ("hse", "hose", Some(1)),
            ("hosa", "hose", Some(1)),
            ("hsoe", "hose", Some(1)),
            ("guage", "gauge", Some(1)),
            ("solinoid", "solenoid", Some(1)),
            ("", "ab", Some(2)),
            ("abc", "", None),
            ("kitten", "sitting", None),
            ("漏由", "漏油", Some(1)),
        ] {
            assert_eq!(distance_within(left, right, 2), distance, "{left} {right}");
        }
    }

    #[test]
    fn short_words_are_never_corrected_and_known_ones_stand_alone() {
        assert_eq!(closest("pum", ["pump", "pin"], 5), [""; 0]);
        assert_eq!(closest("pump", ["pumps", "pump"], 5), ["pump"]);
        assert_eq!(closest("hydralic", ["hydraulics", "hydraulic", "hydration"], 2), ["hydraulic", "hydraulics"]);
        assert_eq!(closest("??", ["pump"], 2), [""; 0]);
    }
}

//! Shows why something was found: the piece of a text around the words that matched, with the words marked.

use std::collections::BTreeSet;

use fieldsync_protocol::search::index_tokens;
use serde::Serialize;

/// A piece of a snippet; all pieces in order are the text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SnippetPart {
    /// What stands there.
    pub text: String,
    /// Whether it is one of the words looked for.
    pub is_match: bool,
}

/// Characters of a snippet before it is cut.
const LENGTH: usize = 120;
/// Characters shown before the first match.
const LEAD: usize = 30;
/// Fewest letters by which the beginning of a word counts as the word.
const BEGINNING: usize = 2;

/// The text that matches `query` best, by its place among `texts`, and its snippet.
pub(super) fn best(texts: &[String], query: &str) -> (usize, Vec<SnippetPart>) {
    let wanted = Words::of(query);
    let marked: Vec<Vec<SnippetPart>> = texts.iter().map(|text| wanted.mark(text)).collect();
    let score = |parts: &[SnippetPart]| parts.iter().filter(|part| part.is_match).count();
    // Of equal ones the first: the columns stand in the order of what they say about a job.
    let at = (0..marked.len()).rev().max_by_key(|at| score(&marked[*at])).unwrap_or(0);
    (at, marked.get(at).map(|parts| cut(parts)).unwrap_or_default())
}

struct Words {
    tokens: BTreeSet<String>,
    /// The words as typed, for text that is written without spaces.
    typed: Vec<String>,
}

impl Words {
    fn of(query: &str) -> Words {
        let tokens = index_tokens(query).split(' ').filter(|token| !token.is_empty()).map(str::to_owned).collect();
        Words { tokens, typed: query.split_whitespace().map(str::to_lowercase).collect() }
    }

    fn mark(&self, text: &str) -> Vec<SnippetPart> {
        let mut parts: Vec<SnippetPart> = Vec::new();
        let mut push = |text: &str, is_match: bool| match parts.last_mut() {
            _ if text.is_empty() => {}
            Some(last) if !last.is_match && !is_match => last.text.push_str(text),
            _ => parts.push(SnippetPart { text: text.to_owned(), is_match }),
        };
        for piece in text.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let space = &piece[word.len()..];
            match self.find(word) {
                Some((from, to)) => {
                    push(&word[..from], false);
                    push(&word[from..to], true);
                    push(&word[to..], false);
                }
                None => push(word, false),
            }
            push(space, false);
        }
        parts
    }

    /// Where `word` matches, in bytes.
    fn find(&self, word: &str) -> Option<(usize, usize)> {
        if let Some(range) = self.typed.iter().find_map(|typed| find_ignoring_case(word, typed)) {
            return Some(range);
        }
        let is_wanted = |token: &str| {
            self.tokens.contains(token)
                || self
                    .tokens
                    .iter()
                    .any(|wanted| wanted.chars().count() >= BEGINNING && token.starts_with(wanted.as_str()))
        };
        index_tokens(word).split(' ').any(|token| !token.is_empty() && is_wanted(token)).then_some((0, word.len()))
    }
}

/// Where `typed`, in lower case, stands in `word`; only for text written without spaces, where a word has no bounds.
fn find_ignoring_case(word: &str, typed: &str) -> Option<(usize, usize)> {
    if typed.is_ascii() || word.is_ascii() {
        return None;
    }
    let at = word.find(typed)?;
    Some((at, at + typed.len()))
}

/// Cuts what lies too far from the first match.
fn cut(parts: &[SnippetPart]) -> Vec<SnippetPart> {
    let before: usize = parts.iter().take_while(|part| !part.is_match).map(|part| part.text.chars().count()).sum();
    let total: usize = parts.iter().map(|part| part.text.chars().count()).sum();
    let skip = if total <= LENGTH { 0 } else { before.saturating_sub(LEAD).min(total - LENGTH) };
    let (mut at, mut cut) = (0, Vec::new());
    for part in parts {
        let length = part.text.chars().count();
        let from = skip.saturating_sub(at).min(length);
        let to = (skip + LENGTH).saturating_sub(at).min(length);
        at += length;
        if from < to {
            let text: String = part.text.chars().skip(from).take(to - from).collect();
            cut.push(SnippetPart { text, is_match: part.is_match });
        }
    }
    if skip > 0
        && let Some(first) = cut.first_mut()
    {
        first.text.insert(0, '…');
    }
    if skip + LENGTH < total
        && let Some(last) = cut.last_mut()
    {
        last.text.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(texts: &[&str], query: &str) -> (usize, String) {
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        let (at, parts) = best(&texts, query);
        let shown = parts.iter().map(|part| if part.is_match { format!("[{}]", part.text) } else { part.text.clone() });
        (at, shown.collect())
    }

    #[test]
    fn the_words_looked_for_are_marked_in_the_text_that_has_most_of_them() {
        assert_eq!(shown(&["WO-1", "L/H bucket cyl leaking"], "bucket leak"), (1, "L/H [bucket] cyl [leaking]".into()));
        assert_eq!(shown(&["pump", "pump"], "pump"), (0, "[pump]".into()));
        assert_eq!(shown(&["L/H mirror"], "left hand"), (0, "[L/H] mirror".into()));
        assert_eq!(shown(&["更换液压油滤芯,漏油"], "漏油"), (0, "更换液压油滤芯,[漏油]".into()));
        assert_eq!(shown(&[], "pump"), (0, String::new()));
    }

    #[test]
    fn a_long_text_is_cut_around_the_first_match() {
        let long = format!("{} pump {}", "word ".repeat(60), "more ".repeat(60));
        let (_, text) = shown(&[&long], "pump");
        assert!(text.starts_with('…') && text.ends_with('…') && text.contains("[pump]"));
        assert!(text.chars().count() <= LENGTH + 4);
    }
}

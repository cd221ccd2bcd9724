//! Turns text into index tokens and a person's query into an expression over them, alike on a device and at the office.
//!
//! Promises: what [`index_tokens`] gives for a text is found by the words of that text, in whole or (the last one) from
//! its beginning; by its Chinese characters, one or more in a row; whatever the case, the accents, the apostrophes, and
//! whether hyphens, slashes and points divide a word or not; and by the other spellings of the shop floor (`L/H`, `left
//! hand`). An expression from [`match_expression`] consists of quoted tokens only: no query can be a syntax error or
//! reach another column.
//!
//! Tokens are letters and digits that SQLite's `unicode61 remove_diacritics 2` passes on unchanged. The index of a text
//! depends on the tables in here: a store remembers [`TOKENS_VERSION`] beside its index and rebuilds it when they differ.
//!
//! Layout of the tokens of one text: first its words in order, a run of Chinese as overlapping pairs, so that a phrase in
//! the index is a phrase in the text; then, in any order, what else the text can be found by.

mod abbreviations;
mod closest;

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

pub use self::closest::{closest, distance_within};

/// Version of the tokens. It grows with every change to what a text's tokens are.
pub const TOKENS_VERSION: u32 = 1;

/// Longest token, bytes. Longer words are cut, in the index and in queries alike.
const TOKEN_BYTES_MAX: usize = 60;

/// Terms of a query that are looked for; a person types fewer, a pasted text has more.
const TERMS_MAX: usize = 24;

/// Returns the tokens by which a text is found, divided by single spaces. Empty when the text has no letter or digit.
///
/// The result is meant for one column of an FTS5 table with `tokenize = "unicode61 remove_diacritics 2"`.
///
/// # Example
///
/// ```
/// let tokens = fieldsync_protocol::search::index_tokens("L/H Cyl leaking");
/// assert!(tokens.starts_with("l h cyl leaking"));
/// assert!(tokens.split(' ').any(|token| token == "cylinder"));
/// ```
pub fn index_tokens(text: &str) -> String {
    let runs = runs_of(text);
    let mut base: Vec<String> = Vec::new();
    let mut more = Extras::default();
    for run in &runs {
        match run {
            Run::Chinese(characters) => {
                base.extend(pairs_of(characters));
                characters.iter().for_each(|character| more.add(spelt(*character)));
            }
            Run::Words(words) => {
                base.extend(words.iter().map(|word| word.text.clone()));
                joined_forms(words).into_iter().for_each(|joined| more.add(joined));
                words.iter().filter_map(|word| word.variant.clone()).for_each(|variant| more.add(variant));
                abbreviations::equivalents(words).for_each(|other| more.add(other));
            }
        }
    }
    more.append_to(base)
}

/// Returns the FTS5 `match` expression for what a person typed, or nothing when that has no letter or digit.
///
/// All words must occur, in any order; the last one may be the beginning of a word.
///
/// # Example
///
/// ```
/// use fieldsync_protocol::search::match_expression;
///
/// assert_eq!(match_expression("Leck: pump").as_deref(), Some(r#""leck" AND "pump"*"#));
/// assert_eq!(match_expression("l/h").as_deref(), Some(r#"("l h"* OR "lh")"#));
/// assert_eq!(match_expression("*\" OR").as_deref(), Some(r#""or"*"#));
/// assert_eq!(match_expression("?!"), None);
/// ```
pub fn match_expression(query: &str) -> Option<String> {
    let written: Vec<String> = terms_of(query).iter().map(Term::written).collect();
    (!written.is_empty()).then(|| written.join(" AND "))
}

/// What a query asks for.
fn terms_of(query: &str) -> Vec<Term> {
    let mut terms = Vec::new();
    for run in runs_of(query) {
        match run {
            Run::Chinese(characters) => {
                terms.push(Term { alternatives: vec![Alternative::phrase(pairs_of(&characters))], is_open: false });
            }
            Run::Words(words) => terms.extend(word_terms(&words)),
        }
    }
    terms.truncate(TERMS_MAX);
    if let Some(last) = terms.last_mut() {
        last.is_open = true;
    }
    terms
}

/// A stretch of text in one way of writing.
enum Run {
    /// Characters written without spaces: Chinese, and the Japanese syllables.
    Chinese(Vec<char>),
    /// Words divided by something.
    Words(Vec<Word>),
}

/// One word in the form in which words are compared.
struct Word {
    text: String,
    /// The word with its umlauts written out, where it has some: `gearol` is also `gearoel`.
    variant: Option<String>,
    /// Whether only a hyphen, slash, point or the like divides it from the word before.
    is_glued: bool,
}

impl Word {
    fn is_single(&self) -> bool {
        self.text.chars().nth(1).is_none()
    }
}

/// Reads a text into runs. Everything that is neither letter nor digit divides words; an apostrophe does not.
fn runs_of(text: &str) -> Vec<Run> {
    let mut reader = RunReader::default();
    for c in text.nfc() {
        match c {
            '\'' | '’' | '‘' | '`' | '´' | 'ʼ' | '′' | '\u{ff07}' => {}
            '-' | '/' | '\\' | '.' | '&' | '_' | '+' | '⁄' | '‐' | '‑' | '–' | '\u{ff0d}' | '\u{ff0f}' => {
                reader.divide(true);
            }
            _ => reader.read(c),
        }
    }
    reader.end_word();
    reader.runs
}

/// Collects runs character by character.
#[derive(Default)]
struct RunReader {
    runs: Vec<Run>,
    text: String,
    variant: String,
    /// Whether a single gluing divider stands between the last word and what comes.
    is_glued: bool,
    /// Whether anything stands between the last character and what comes.
    is_divided: bool,
}

impl RunReader {
    fn read(&mut self, c: char) {
        for lower in c.to_lowercase() {
            if let Some((plain, written_out)) = unaccented(lower) {
                self.text.push_str(plain);
                self.variant.push_str(written_out);
                continue;
            }
            for part in lower.nfkd().filter(|part| !is_combining_mark(*part)).flat_map(char::to_lowercase) {
                self.read_part(part);
            }
        }
    }

    fn read_part(&mut self, c: char) {
        if !c.is_alphanumeric() {
            self.divide(c == '⁄');
        } else if is_chinese(c) {
            self.end_word();
            let is_divided = std::mem::take(&mut self.is_divided);
            match self.runs.last_mut() {
                Some(Run::Chinese(characters)) if !is_divided => characters.push(c),
                _ => self.runs.push(Run::Chinese(vec![c])),
            }
        } else {
            push_spelt(&mut self.text, c);
            push_spelt(&mut self.variant, c);
        }
    }

    fn divide(&mut self, glues: bool) {
        let follows_word = !self.text.is_empty();
        self.end_word();
        self.is_glued = glues && follows_word;
        self.is_divided = true;
    }

    fn end_word(&mut self) {
        let text = cut(std::mem::take(&mut self.text));
        let variant = Some(cut(std::mem::take(&mut self.variant))).filter(|variant| *variant != text);
        let is_glued = std::mem::take(&mut self.is_glued);
        if text.is_empty() {
            return;
        }
        match self.runs.last_mut() {
            Some(Run::Words(words)) => words.push(Word { text, variant, is_glued }),
            _ => self.runs.push(Run::Words(vec![Word { text, variant, is_glued: false }])),
        }
    }
}

/// Letters whose accent is part of the letter for some and an ornament for others: without it, and written out.
fn unaccented(lower: char) -> Option<(&'static str, &'static str)> {
    Some(match lower {
        'ä' => ("a", "ae"),
        'ö' => ("o", "oe"),
        'ü' => ("u", "ue"),
        'ø' => ("o", "oe"),
        'å' => ("a", "aa"),
        'ß' => ("ss", "ss"),
        'æ' => ("ae", "ae"),
        'œ' => ("oe", "oe"),
        'ł' => ("l", "l"),
        'đ' => ("d", "d"),
        'ı' => ("i", "i"),
        _ => return None,
    })
}

fn is_chinese(c: char) -> bool {
    matches!(
        c,
        '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
}

/// Writes a letter or digit so that the tokenizer, which knows an older Unicode, takes it for one: as it is, or as the
/// number of its code point.
fn push_spelt(target: &mut String, c: char) {
    // The two small sigmas are one letter.
    let c = if c == 'ς' { 'σ' } else { c };
    let is_known = c.is_ascii_alphanumeric()
        || matches!(
            c,
            'α'..='ω' | 'а'..='я' | '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'
                | '\u{3400}'..='\u{4db5}' | '\u{4e00}'..='\u{9fcb}'
        );
    if is_known {
        target.push(c);
    } else {
        target.push_str(&format!("u{:x}", u32::from(c)));
    }
}

fn spelt(c: char) -> String {
    let mut token = String::new();
    push_spelt(&mut token, c);
    token
}

/// Cuts a token to the longest one kept.
fn cut(mut token: String) -> String {
    token.truncate(token.floor_char_boundary(TOKEN_BYTES_MAX));
    token
}

/// A run of Chinese as overlapping pairs; a lone character stands for itself.
fn pairs_of(characters: &[char]) -> Vec<String> {
    match characters {
        [lone] => vec![spelt(*lone)],
        _ => characters.windows(2).map(|pair| pair.iter().map(|c| spelt(*c)).collect()).collect(),
    }
}

/// What the words of a text become when what divides them is left out: `o-ring` and `o ring` are also `oring`.
fn joined_forms(words: &[Word]) -> Vec<String> {
    let mut joined = Vec::new();
    for pair in words.windows(2) {
        if pair[1].is_glued || pair[0].is_single() || pair[1].is_single() {
            joined.push(join(pair));
        }
    }
    joined.extend(compounds(words).filter(|compound| compound.len() > 2).map(join));
    joined
}

/// The words in groups that may be one word: glued ones, and single letters in a row (but `l/h b` is two groups).
fn compounds(words: &[Word]) -> impl Iterator<Item = &[Word]> {
    words.chunk_by(|before, after| after.is_glued || (before.is_single() && after.is_single() && !before.is_glued))
}

fn join(words: &[Word]) -> String {
    cut(words.iter().map(|word| word.text.as_str()).collect())
}

/// Tokens that stand behind the words of a text, each once.
#[derive(Default)]
struct Extras {
    tokens: Vec<String>,
    seen: BTreeSet<String>,
}

impl Extras {
    fn add(&mut self, token: String) {
        if self.seen.insert(token.clone()) {
            self.tokens.push(token);
        }
    }

    fn append_to(self, mut base: Vec<String>) -> String {
        let known: BTreeSet<String> = base.iter().cloned().collect();
        base.extend(self.tokens.into_iter().filter(|token| !known.contains(token)));
        base.join(" ")
    }
}

/// One thing that must be found, in one of several ways.
struct Term {
    alternatives: Vec<Alternative>,
    /// Whether the last word may be the beginning of a longer one.
    is_open: bool,
}

/// One way to find a thing: phrases that must all occur.
struct Alternative {
    phrases: Vec<Vec<String>>,
    /// Whether it is complete as it stands, as `lh` is for `l/h`, even at the end of a query.
    is_complete: bool,
}

impl Alternative {
    fn phrase(words: Vec<String>) -> Self {
        Self { phrases: vec![words], is_complete: false }
    }

    fn word(word: String) -> Self {
        Self::phrase(vec![word])
    }

    fn words(words: Vec<String>) -> Self {
        Self { phrases: words.into_iter().map(|word| vec![word]).collect(), is_complete: false }
    }

    /// All phrases, and whether more of them than one.
    fn written(&self, is_open: bool) -> (String, bool) {
        let mut written: Vec<String> = self.phrases.iter().map(|phrase| format!("\"{}\"", phrase.join(" "))).collect();
        if let Some(last) = written.last_mut().filter(|_| is_open && !self.is_complete) {
            last.push('*');
        }
        (written.join(" AND "), written.len() > 1)
    }
}

impl Term {
    fn written(&self) -> String {
        let alternatives: Vec<(String, bool)> =
            self.alternatives.iter().map(|alternative| alternative.written(self.is_open)).collect();
        match alternatives.as_slice() {
            [(only, _)] => only.clone(),
            several => {
                let bracketed =
                    several.iter().map(|(text, several)| if *several { format!("({text})") } else { text.clone() });
                format!("({})", bracketed.collect::<Vec<_>>().join(" OR "))
            }
        }
    }
}

/// The terms of a run of words.
fn word_terms(words: &[Word]) -> Vec<Term> {
    let compounds: Vec<&[Word]> = compounds(words).collect();
    let mut rest = compounds.as_slice();
    let mut terms = Vec::new();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let alternatives = match (*first, after.first()) {
            // A single letter beside a word may belong to it: `o ring`, `pump 2`.
            ([lone], Some([next])) if lone.is_single() || next.is_single() => {
                rest = &after[1..];
                let apart = vec![lone.text.clone(), next.text.clone()];
                vec![Alternative::words(apart), Alternative::word(join_two(lone, next))]
            }
            ([lone], _) => {
                std::iter::once(lone.text.clone()).chain(lone.variant.clone()).map(Alternative::word).collect()
            }
            (several, _) => compound_alternatives(several),
        };
        terms.push(Term { alternatives, is_open: false });
    }
    terms
}

/// Words that are one word to some: `l/h`, `o-ring`, `repair/replace`.
fn compound_alternatives(words: &[Word]) -> Vec<Alternative> {
    let parts = words.iter().map(|word| word.text.clone()).collect();
    let apart = if words.iter().any(Word::is_single) { Alternative::phrase(parts) } else { Alternative::words(parts) };
    let joined = Alternative { phrases: vec![vec![join(words)]], is_complete: words.iter().all(Word::is_single) };
    vec![apart, joined]
}

fn join_two(first: &Word, second: &Word) -> String {
    cut(format!("{}{}", first.text, second.text))
}

#[cfg(test)]
mod tests;

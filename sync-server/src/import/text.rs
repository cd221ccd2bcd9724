//! Turns bytes of unknown origin into characters.
//!
//! The order of guesses is the order of certainty: a byte-order mark says it, valid UTF-8 is hardly ever anything else,
//! GB18030 shows itself by pairs of high bytes, and what is left is the western code page of old spreadsheets. Nothing
//! is dropped: a byte that fits nowhere becomes a visible replacement character.

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::Serialize;

/// How many proper characters beyond ASCII a broken byte may stand between for the file still to be taken as UTF-8.
const PROPER_PER_BROKEN: usize = 4;

/// How the bytes of a file were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    Utf8,
    /// UTF-8 in which some bytes were broken; each is shown as a replacement character.
    DamagedUtf8,
    /// UTF-16, said by its byte-order mark.
    Utf16,
    /// GB18030, which includes GBK and GB 2312. A guess.
    Gb18030,
    /// Windows-1252, which includes Latin-1. A guess.
    Windows1252,
}

/// The characters of a file and how they were found.
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) encoding: Encoding,
}

/// Reads any bytes. A byte-order mark is not part of the text.
pub(super) fn decode(bytes: &[u8]) -> Decoded {
    let (text, encoding) = match bytes {
        [0xff, 0xfe, rest @ ..] => (UTF_16LE.decode_without_bom_handling(rest).0.into_owned(), Encoding::Utf16),
        [0xfe, 0xff, rest @ ..] => (UTF_16BE.decode_without_bom_handling(rest).0.into_owned(), Encoding::Utf16),
        _ => decode_unmarked(bytes),
    };
    Decoded { text: text.trim_start_matches('\u{feff}').to_owned(), encoding }
}

fn decode_unmarked(bytes: &[u8]) -> (String, Encoding) {
    if let Ok(text) = str::from_utf8(bytes) {
        return (text.to_owned(), Encoding::Utf8);
    }
    let lossy = String::from_utf8_lossy(bytes);
    let broken = lossy.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    let proper = lossy.chars().filter(|c| !c.is_ascii()).count() - broken;
    if proper >= broken.saturating_mul(PROPER_PER_BROKEN) {
        return (lossy.into_owned(), Encoding::DamagedUtf8);
    }
    if looks_chinese(bytes)
        && let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes)
    {
        return (text.into_owned(), Encoding::Gb18030);
    }
    (WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(), Encoding::Windows1252)
}

/// Whether high bytes come in pairs, as they do in GB 2312 text. In a western text an accented letter stands between
/// ASCII letters, and GB18030 would swallow its neighbour.
fn looks_chinese(bytes: &[u8]) -> bool {
    let (mut pairs, mut lone) = (0_usize, 0_usize);
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        match (*first, tail.first()) {
            (0xa1..=0xfe, Some(0xa1..=0xfe)) => {
                pairs += 1;
                rest = &tail[1..];
            }
            (0x80.., _) => {
                lone += 1;
                rest = tail;
            }
            _ => rest = tail,
        }
    }
    pairs > lone
}

/// Returns the cell as it was before somebody read its UTF-8 as a western code page and saved that (`Ã¤` for `ä`), or
/// nothing when the *whole* cell does not go back cleanly. Half a repair would be worse than none.
pub(super) fn undo_double_encoding(cell: &str) -> Option<String> {
    if cell.is_ascii() {
        return None;
    }
    let (bytes, _, unmappable) = WINDOWS_1252.encode(cell);
    if unmappable {
        return None;
    }
    String::from_utf8(bytes.into_owned()).ok()
}

/// Cuts spaces of every kind from both ends: the no-break ones of web pages, the wide one of Chinese keyboards, and
/// those without width.
pub(super) fn trim(cell: &str) -> &str {
    cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}'))
}

/// One space wherever there were several or other kinds: for names by which things are found again.
pub(super) fn single_spaced(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        for bytes in [&b"\xef\xbb\xbfDate"[..], b"\xff\xfeD\0a\0t\0e\0", b"\xfe\xff\0D\0a\0t\0e"] {
            assert_eq!(decode(bytes).text, "Date");
        }
    }

    #[test]
    fn gb18030_is_tried_only_when_the_bytes_are_not_utf8() {
        let chinese = "日期,设备,故障描述\n2024-03-05,挖掘机,液压泵漏油";
        let (bytes, _, _) = GB18030.encode(chinese);

        assert_eq!((decode(&bytes).text.as_str(), decode(&bytes).encoding), (chinese, Encoding::Gb18030));
        assert_eq!(
            (decode(chinese.as_bytes()).text.as_str(), decode(chinese.as_bytes()).encoding),
            (chinese, Encoding::Utf8)
        );
    }

    #[test]
    fn a_western_code_page_is_not_taken_for_chinese() {
        let decoded = decode(b"Datum;Text\n05.03.2024;Getriebe\xf6l nachf\xfcllen, Stra\xdfe");

        assert_eq!(decoded.encoding, Encoding::Windows1252);
        assert!(decoded.text.ends_with("Getriebeöl nachfüllen, Straße"));
    }

    #[test]
    fn one_broken_byte_does_not_make_a_utf8_file_something_else() {
        let mut bytes = "液压泵漏油".as_bytes().to_vec();
        bytes.truncate(bytes.len() - 1);
        let decoded = decode(&bytes);

        assert_eq!(decoded.encoding, Encoding::DamagedUtf8);
        assert_eq!(decoded.text, "液压泵漏\u{fffd}");
    }

    #[test]
    fn double_encoding_is_undone_only_for_a_whole_cell() {
        assert_eq!(undo_double_encoding("GetriebeÃ¶l, StraÃŸe").as_deref(), Some("Getriebeöl, Straße"));
        assert_eq!(undo_double_encoding("voilÃ\u{a0}").as_deref(), Some("voilà"));
        assert_eq!(undo_double_encoding("ä\u{bd}\u{a0}å¥½").as_deref(), Some("你好"));
        assert_eq!(undo_double_encoding("Öl, GetriebeÃ¶l"), None);
        assert_eq!(undo_double_encoding("Getriebeöl"), None);
        assert_eq!(undo_double_encoding("液压 Ã¶"), None);
        assert_eq!(undo_double_encoding("plain"), None);
    }

    #[test]
    fn spaces_that_do_not_break_are_trimmed() {
        assert_eq!(trim("\u{a0} \u{202f}A 1\u{3000}\u{200b}\t"), "A 1");
        assert_eq!(single_spaced("Exc\u{a0} 12"), "Exc 12");
    }
}

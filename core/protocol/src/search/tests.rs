//! What is found by what, judged on the tokens alone; the same with the real index belongs to the stores.

use super::*;

/// Whether a query finds a text: evaluates the expression on the tokens by the rules of the index.
fn finds(query: &str, text: &str) -> bool {
    let tokens = index_tokens(text);
    let tokens: Vec<&str> = tokens.split(' ').collect();
    terms_of(query).iter().all(|term| {
        term.alternatives.iter().any(|Alternative { phrases, is_complete }| {
            phrases.iter().enumerate().all(|(at, phrase)| {
                let is_open = term.is_open && !is_complete && at + 1 == phrases.len();
                tokens.windows(phrase.len()).any(|window| {
                    window.iter().zip(phrase).enumerate().all(|(at, (token, wanted))| {
                        token == wanted || (is_open && at + 1 == phrase.len() && token.starts_with(wanted.as_str()))
                    })
                })
            })
        })
    })
}

#[test]
fn chinese_is_found_by_one_character_or_more() {
    for query in ["液", "压", "液压", "压泵", "液压泵漏油", "漏油 液压", "泵漏"] {
        assert!(finds(query, "检查液压泵漏油,更换密封圈"), "{query}");
    }
    for query in ["压液", "液泵", "油更", "气"] {
        assert!(!finds(query, "检查液压泵漏油,更换密封圈"), "{query}");
    }
}

#[test]
fn chinese_beside_letters_and_digits_is_found() {
    for query in ["rh120e", "液压泵", "3", "号泵", "RH120E液压泵", "泵 rh120"] {
        assert!(finds(query, "RH120E液压泵3号泵"), "{query}");
    }
}

#[test]
fn abbreviations_are_found_by_the_whole_word_and_the_reverse() {
    for (short, long) in [
        ("L/H BUCKET CYL LEAKING", "left hand bucket cylinder leak"),
        ("HORN U/S", "horn unserviceable"),
        ("HYD HOSE BLOWN", "hydraulic hose burst"),
        ("C/O RHS ENG", "change out right hand engine"),
        ("REPL BKT TEETH", "replace bucket tooth"),
        ("R.H. TRACK ASSY", "right hand track assembly"),
        ("A/C not cooling", "air conditioning not cooling"),
        ("P.T.O. TEMP", "power take off temperature"),
        ("Zyl. links undicht", "Zylinder linke Leckage"),
    ] {
        assert!(finds(long, short), "{long} in {short}");
        assert!(finds(short, long), "{short} in {long}");
    }
}

#[test]
fn the_beginning_of_the_last_word_suffices_also_of_a_word_that_is_abbreviated() {
    for query in ["cyl", "cylind", "left ha", "buck", "leak cylin"] {
        assert!(finds(query, "L/H BUCKET CYL LEAKING"), "{query}");
    }
    assert!(!finds("buck left", "L/H BUCKET CYL LEAKING"));
}

#[test]
fn dividers_and_apostrophes_do_not_matter() {
    let alike = [
        &["O-RING", "o ring", "oring", "O/RING", "O.RING"][..],
        &["L/H", "l-h", "L.H.", "LH", "l h"],
        &["WON'T", "wont", "won’t", "WON`T"],
        &["RE-SEAL", "reseal", "re seal"],
        &["NO-2", "no 2", "NO2"],
        &["P.T.O", "pto", "P T O", "PTO'"],
    ];
    for group in alike {
        for query in group {
            for text in group {
                assert!(finds(query, text), "{query} in {text}");
            }
        }
    }
}

#[test]
fn case_accents_and_width_do_not_matter() {
    for (query, text) in [
        ("getriebeol", "Getriebeöl"),
        ("getriebeoel", "Getriebeöl"),
        ("GETRIEBEÖL", "getriebeoel"),
        ("getriebeo\u{308}l", "GETRIEBEÖL"),
        ("strasse", "Straße"),
        ("cafe", "Café"),
        ("rh120", "RH120"),
        ("ящик", "ЯЩИК"),
        ("ελαιοσ", "ΈΛΑΙΟΣ"),
        ("가", "가나"),
    ] {
        assert!(finds(query, text), "{query} in {text}");
    }
}

#[test]
fn tokens_are_words_first_and_letters_and_digits_only() {
    assert_eq!(index_tokens("Pump 2, NO OIL!"), "pump 2 no oil pump2 2no");
    assert_eq!(index_tokens("漏油"), "漏油 漏 油");
    assert_eq!(index_tokens("漏"), "漏");
    assert_eq!(index_tokens("\u{20000}ŋ"), "u20000 u14b");
    assert_eq!(index_tokens(" -- \u{301} ?"), "");
}

#[test]
fn a_query_is_quoted_tokens_only() {
    assert_eq!(match_expression("pump"), Some(r#""pump"*"#.into()));
    assert_eq!(
        match_expression("NEAR(hose b) OR col:x* \"^-{}"),
        Some(r#""near" AND (("hose" AND "b") OR "hoseb") AND "or" AND (("col" AND "x"*) OR "colx"*)"#.into())
    );
    assert_eq!(match_expression("l h cyl"), Some(r#"("l h" OR "lh") AND "cyl"*"#.into()));
    assert_eq!(match_expression("l/h b"), Some(r#"("l h" OR "lh") AND "b"*"#.into()));
    assert_eq!(match_expression("液压泵 oil"), Some(r#""液压 压泵" AND "oil"*"#.into()));
    assert_eq!(match_expression("泵"), Some(r#""泵"*"#.into()));
    assert_eq!(match_expression("o ring"), Some(r#"(("o" AND "ring"*) OR "oring"*)"#.into()));
    assert_eq!(match_expression("repair/replace"), Some(r#"(("repair" AND "replace"*) OR "repairreplace"*)"#.into()));
    assert_eq!(match_expression("'\" ; --"), None);
}

#[test]
fn a_pasted_page_is_cut_to_a_bounded_query() {
    let page = "lorem ipsum ".repeat(10_000);

    assert_eq!(match_expression(&page).unwrap().matches("AND").count(), TERMS_MAX - 1);
    assert!(index_tokens(&"x".repeat(10_000)).len() <= TOKEN_BYTES_MAX);
}

proptest::proptest! {
    #[test]
    fn any_text_gives_clean_tokens(text in "\\PC{0,60}") {
        for token in index_tokens(&text).split(' ').filter(|token| !token.is_empty()) {
            proptest::prop_assert!(token.chars().all(char::is_alphanumeric), "{token}");
            proptest::prop_assert!(token.len() <= TOKEN_BYTES_MAX);
        }
    }

    #[test]
    fn any_query_is_quoted_tokens_only(query in "\\PC{0,60}") {
        if let Some(expression) = match_expression(&query) {
            for (at, part) in expression.split('"').enumerate() {
                if at % 2 == 1 {
                    proptest::prop_assert!(part.chars().all(|c| c.is_alphanumeric() || c == ' '));
                } else {
                    let plain = part.replace("AND", "").replace("OR", "");
                    proptest::prop_assert!(plain.chars().all(|c| " ()*".contains(c)), "{plain}");
                }
            }
        }
    }

    #[test]
    fn a_text_is_found_by_its_own_words(text in "[a-zA-Z0-9äöüé/ .'液压泵漏油-]{1,30}") {
        if match_expression(&text).is_some() {
            proptest::prop_assert!(finds(&text, &text));
        }
    }
}

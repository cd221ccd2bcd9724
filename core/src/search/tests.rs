use fieldsync_protocol::fields;

use crate::fixture::{Fixture, id, office_edit, order};

/// Four jobs in the language of the shop floor.
fn shop_floor() -> Fixture {
    let fixture = Fixture::with_job();
    let mut chinese = order(51, "WO-51", "挖掘机漏油，更换液压油滤芯");
    office_edit(&mut chinese, "instructions", fields! { "text" => "先联系客户" });
    fixture.deliver(&[
        chinese,
        order(52, "WO-52", "right hand mirror broken"),
        order(53, "WO-53", "engine U/S, hydraulic hose burst"),
    ]);
    fixture
}

fn found(fixture: &Fixture, query: &str) -> Vec<String> {
    let mut numbers: Vec<String> =
        fixture.device.search(query, 10).unwrap().jobs.into_iter().map(|hit| hit.job.number).collect();
    numbers.sort();
    numbers
}

#[test]
fn search_finds_chinese_text_by_one_character_or_several() {
    let fixture = shop_floor();
    assert_eq!(found(&fixture, "漏油"), ["WO-51"]);
    assert_eq!(found(&fixture, "液压油滤芯"), ["WO-51"]);
    assert_eq!(found(&fixture, "油"), ["WO-51"]);
    assert_eq!(found(&fixture, "客户 漏油"), ["WO-51"]);
    assert!(found(&fixture, "油漏").is_empty());
    let hit = fixture.device.search("漏油", 10).unwrap().jobs.remove(0);
    assert_eq!(hit.place, "problem");
    assert!(hit.snippet.iter().any(|part| part.is_match && part.text == "漏油"));
}

#[test]
fn search_understands_abbreviations_in_both_directions() {
    let fixture = shop_floor();
    assert_eq!(found(&fixture, "left hand bucket"), ["WO-50"]);
    assert_eq!(found(&fixture, "LH bucket"), ["WO-50"]);
    assert_eq!(found(&fixture, "r/h mirror"), ["WO-52"]);
    assert_eq!(found(&fixture, "bucket cylinder"), ["WO-50"]);
    assert_eq!(found(&fixture, "engine unserviceable"), ["WO-53"]);
}

#[test]
fn a_misspelt_word_is_corrected_only_when_it_occurs_nowhere() {
    let fixture = shop_floor();
    assert_eq!(found(&fixture, "hydralic hose"), ["WO-53"]);
    let corrected = fixture.device.search("hydralic", 10).unwrap();
    assert_eq!(corrected.corrections[0].typed, "hydralic");
    assert_eq!(corrected.corrections[0].taken[0], "hydraulic");
    assert!(fixture.device.search("hydraulic", 10).unwrap().corrections.is_empty());
    assert!(found(&fixture, "xylophone").is_empty());
    assert!(found(&fixture, "mirror hose").is_empty());
}

#[test]
fn what_is_typed_is_never_a_syntax_error() {
    let fixture = shop_floor();
    for query in ["\"", "AND", "a* OR (", "number:50", "-", "'; drop table job", "NEAR(", "", "漏 AND"] {
        fixture.device.search(query, 10).unwrap();
        fixture.device.customers(query, 10).unwrap();
    }
}

#[test]
fn a_number_ranks_before_a_mention_and_the_directory_is_searched_too() {
    let fixture = shop_floor();
    fixture.device.add_note(id(53), "same as 52").unwrap();
    let found = fixture.device.search("52", 10).unwrap();
    assert_eq!(found.jobs.iter().map(|hit| hit.place).collect::<Vec<_>>(), ["number", "notes"]);
    assert_eq!(fixture.device.search("filter", 10).unwrap().directory[0].number, "F-100");
}

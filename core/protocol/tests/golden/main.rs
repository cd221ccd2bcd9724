//! Golden messages: every message as it stands on the wire, in JSON for people and in CBOR as it travels, compared byte
//! for byte. A difference means that devices in the field would not understand this build.
//!
//! The files are `tests/golden/wire/v1/` of the repository. `FIELDSYNC_BLESS=1 cargo test -p fieldsync-protocol --test
//! golden` writes them anew; that is right for a new message, never for one that was released.

mod carried;
mod messages;
mod paper;

use std::fs;
use std::path::PathBuf;

use fieldsync_protocol::encode;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Every message that has a JSON and a CBOR form.
const MESSAGES: [&str; 23] = [
    "exchange_pieces",
    "exchange_answer_pieces",
    "exchange_ranges",
    "exchange_answer_ranged",
    "record",
    "edit",
    "exchange",
    "exchange_idle",
    "exchange_answer",
    "exchange_answer_again",
    "exchange_wiping",
    "exchange_answer_start_over",
    "exchange_answer_words",
    "exchange_answer_wipe",
    "delivery_whole",
    "delivery_delta",
    "enrol",
    "enrol_answer",
    "enrol_answer_with_office_key",
    "office_key",
    "certificate",
    "fault",
    "visits",
];

/// Files with a form of their own.
const PAPERS: [&str; 7] = [
    "voucher.json",
    "statement.json",
    "signature.json",
    "signed_request.json",
    "hashes.json",
    "bundle.json",
    "bundle.hex",
];

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/wire/v1"))
}

/// The golden file `name` as it must be; written instead of compared when blessing.
fn golden(name: &str, current: &[u8]) -> Vec<u8> {
    let path = folder().join(name);
    if std::env::var_os("FIELDSYNC_BLESS").is_some() {
        fs::create_dir_all(folder()).expect("the folder of golden files can be made");
        fs::write(&path, current).expect("a golden file can be written");
    }
    fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}; FIELDSYNC_BLESS=1 writes golden files"))
}

fn holds<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(name: &str, message: &T) {
    assert!(MESSAGES.contains(&name), "{name} is not in the list of golden messages");

    let mut json = encode::json(message);
    json.push(b'\n');
    let file = golden(&format!("{name}.json"), &json);
    assert_eq!(String::from_utf8_lossy(&json), String::from_utf8_lossy(&file), "{name}.json");
    assert_eq!(&encode::from_json::<T>(&file).expect("the golden JSON reads"), message, "{name}.json");

    let cbor = encode::cbor(message);
    let file = golden(&format!("{name}.cbor.hex"), lines_of_hex(&cbor).as_bytes());
    assert_eq!(lines_of_hex(&cbor), String::from_utf8_lossy(&file), "{name}.cbor.hex");
    let bytes = bytes_of_hex(&file);
    assert_eq!(&encode::from_cbor::<T>(&bytes).expect("the golden CBOR reads"), message, "{name}.cbor.hex");
}

/// Hexadecimal, 64 digits a line, so that a difference is seen where it is.
fn lines_of_hex(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|chunk| hex::encode(chunk) + "\n").collect()
}

fn bytes_of_hex(file: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = file.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    hex::decode(digits).expect("a golden file holds hexadecimal digits")
}

#[test]
fn records_and_edits_stand_as_they_did() {
    holds("record", &messages::record());
    holds("edit", &messages::edit());
    holds("visits", &messages::visits());
}

#[test]
fn the_exchange_and_its_answer_stand_as_they_did() {
    holds("exchange", &messages::exchange());
    holds("exchange_idle", &messages::exchange_idle());
    holds("exchange_answer", &messages::exchange_answer());
    holds("exchange_answer_again", &messages::exchange_answer_again());
    holds("exchange_wiping", &messages::exchange_wiping());
    holds("exchange_answer_start_over", &messages::exchange_answer_start_over());
    holds("exchange_answer_words", &messages::exchange_answer_words());
    holds("exchange_answer_wipe", &messages::exchange_answer_wipe());
    holds("exchange_ranges", &messages::exchange_ranges());
    holds("exchange_answer_ranged", &messages::exchange_answer_ranged());
    holds("exchange_pieces", &messages::exchange_pieces());
    holds("exchange_answer_pieces", &messages::exchange_answer_pieces());
    holds("delivery_whole", &messages::delivery_whole());
    holds("delivery_delta", &messages::delivery_delta());
    holds("fault", &messages::faults());
}

#[test]
fn enrolment_stands_as_it_did() {
    holds("enrol", &messages::enrol());
    holds("enrol_answer", &messages::enrol_answer());
    holds("certificate", &messages::certificate());
}

#[test]
fn the_golden_exchange_keeps_the_limits_and_its_delta_builds() {
    assert!(fieldsync_protocol::exchange::within_limits(&messages::exchange()));
    assert!(fieldsync_protocol::exchange::within_limits(&messages::exchange_idle()));
    let whole = messages::delivery_whole().onto(None).expect("a whole record fits its check");
    assert!(messages::delivery_delta().onto(Some(&whole)).is_some());
    assert!(messages::delivery_delta().onto(None).is_none());
}

#[test]
fn no_file_lies_in_the_folder_that_nothing_checks() {
    for entry in fs::read_dir(folder()).expect("the folder of golden files is there") {
        let name = entry.expect("the folder can be listed").file_name().to_string_lossy().into_owned();
        let stem = name.strip_suffix(".cbor.hex").or_else(|| name.strip_suffix(".json"));
        let known = stem.is_some_and(|stem| MESSAGES.contains(&stem)) || PAPERS.contains(&name.as_str());
        assert!(known, "{name} is checked by nothing");
    }
}

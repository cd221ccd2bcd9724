//! The enumeration can fail: with a bug planted that a power cut brings out, it does.

use std::process::Command;

use crate::world::PLANT;

/// What a test of this binary says in a process of its own with the bug planted; plants are active in a whole process.
fn with(plant: &str, test: &str) -> (bool, String) {
    let me = std::env::current_exe().unwrap();
    let output = Command::new(me).args(["--exact", test]).env(PLANT, plant).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_phone_that_does_not_wait_for_its_log_is_caught() {
    let (passed, said) = with("synchronous-normal", "phone::no_power_cut_loses_an_edit_whose_call_returned");
    assert!(!passed && said.contains("a store that never was"), "{said}");
}

#[test]
fn an_office_that_does_not_wait_for_its_log_is_caught() {
    let (passed, said) = with("office-synchronous-normal", "office::no_power_cut_takes_back_what_the_office_answered");
    assert!(!passed && said.contains("a store that never was"), "{said}");
}

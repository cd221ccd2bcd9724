//! The registry of planted bugs against the sources.

use std::collections::BTreeSet;
use std::path::Path;

use fieldsync_protocol::plant::{self, PLANTS};

/// The names between `before` and the next quote in every source of a folder.
fn names(folder: &Path, before: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("the sources can be listed").path();
        if path.is_dir() {
            names(&path, before, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("sources are text");
            found.extend(text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
}

#[test]
fn every_planted_bug_is_in_the_list_and_every_row_of_the_list_in_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    for folder in ["core/protocol/src", "core/src", "sync-server/src"] {
        names(&root.join(folder), "planted!(\"", &mut found);
    }
    // The module's own documentation shows how it is written.
    found.remove("its-name");
    let listed: BTreeSet<String> = PLANTS.iter().map(|plant| plant.name.to_owned()).collect();
    assert_eq!(found, listed);
    assert_eq!(listed.len(), PLANTS.len(), "a name stands twice");
}

#[test]
fn every_planted_bug_is_found_by_something_there_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let text = std::fs::read_to_string(folder.join("plants")).expect("the list is here");
    // The crash enumeration of tests/disk finds these.
    let mut found = BTreeSet::from(["synchronous-normal", "office-synchronous-normal"]);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let words: Vec<&str> = line.split(' ').collect();
        let [name, how, what] = words[..] else { panic!("`{line}` names no bug and what finds it") };
        found.extend(name.split(',').next());
        for name in name.split(',') {
            assert!(PLANTS.iter().any(|plant| plant.name == name), "there is no planted bug {name}");
        }
        assert!(how != "script" || folder.join(format!("{what}.script")).exists(), "there is no script {what}");
    }
    for plant in PLANTS {
        assert!(found.contains(plant.name), "nothing is known to find {}", plant.name);
    }
}

#[test]
fn an_unknown_plant_is_not_switched_on() {
    assert!(!plant::activate(&["no-such-plant"]));
    assert!(!plant::activate(&[PLANTS[0].name, "no-such-plant"]));
    assert!(!plant::is_active(PLANTS[0].name));
}

//! The file itself.

use std::fs;
use std::path::Path;

use fieldsync_tests::fleet::Fleet;

/// SQLite's own WAL-reset fault (3.7.0 to 3.51.2): several connections that write and checkpoint at once could corrupt
/// the file. We refuse such a version; here several threads of one app write and read what one file holds.
#[test]
fn a_store_used_from_many_threads_stays_sound() {
    let fleet = Fleet::open();
    let mut anna = fleet.phone("Anna");
    let order = fleet.given(&anna, "Quarry North", "bucket drops");
    let (writers, notes) = (4, 25);
    let device = anna.device();
    std::thread::scope(|scope| {
        for writer in 0..writers {
            scope.spawn(move || {
                for number in 0..notes {
                    device.add_note(order, &format!("{writer}/{number}")).expect("a note is added");
                    device.job(order).expect("the job is there");
                }
            });
        }
        scope.spawn(|| (0..10).for_each(|_| drop(anna.sync())));
    });

    fleet.reopen(&mut anna);
    fleet.settle(&[&anna]);

    assert_eq!(anna.device().job(order).expect("the job is there").job.notes.len(), writers * notes);
}

/// The camstack report: whatever opens and closes a database's file beside SQLite drops SQLite's locks, and the next
/// checkpoint truncates what another connection has mapped. So nobody of ours does: the only module of the engine that
/// touches files is the one for files, and it is never given the database while it is open.
#[test]
fn nothing_in_the_engine_opens_files_but_the_module_for_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut offenders = Vec::new();
    visit(&root.join("core/src"), &mut |path, text| {
        let shipped = text.split("#[cfg(test)]").next().unwrap_or(text);
        let opens = ["File::open", "File::create", "OpenOptions", "fs::read(", "fs::write(", "fs::copy("];
        let is_files = path.ends_with("core/src/files.rs") || path.to_string_lossy().contains("tests");
        if !is_files && opens.iter().any(|call| shipped.contains(call)) {
            offenders.push(path.to_owned());
        }
    });
    assert!(offenders.is_empty(), "these open files themselves: {offenders:?}");
}

fn visit(folder: &Path, see: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("the sources are here").path();
        if path.is_dir() {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path, &fs::read_to_string(&path).expect("a source reads"));
        }
    }
}

//! SQLite on the disk in memory: what is committed, what is lost, who waits for whom.
#![cfg(test)]

use fieldsync_disk::{Call, Calls, Disk, Effect, Fault, Loss, Process, Times};
use rusqlite::{Connection, OpenFlags};

const FILE: &str = "/db";

fn connect(process: &Process) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    process.medium().connect(FILE.as_ref(), flags).unwrap()
}

fn open(process: &Process, synchronous: &str) -> Connection {
    let connection = connect(process);
    connection.pragma_update(None, "synchronous", synchronous).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection.execute_batch("create table if not exists line (text)").unwrap();
    connection
}

fn lines(connection: &Connection) -> i64 {
    let verdict: String = connection.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    // A table that a power cut took has no lines.
    connection.query_row("select count(*) from line", [], |row| row.get(0)).unwrap_or(0)
}

fn add(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.execute("insert into line values (zeroblob(3000))", []).map(drop)
}

/// Committed lines that some power cut loses, over every moment and every mode.
fn lost(synchronous: &str) -> usize {
    let disk = Disk::new();
    let connection = open(&disk.process(), synchronous);
    disk.record();
    let committed: Vec<usize> = (0..20).map(|_| add(&connection).map(|()| disk.recorded()).unwrap()).collect();
    connection.execute_batch("pragma wal_checkpoint(truncate)").unwrap();
    add(&connection).unwrap();
    let mut lost = 0;
    for (at, point) in disk.take_record().into_iter().enumerate() {
        let acknowledged = committed.iter().filter(|done| **done <= at).count();
        for loss in Loss::ALL {
            let found = Disk::from_image(&point.image.crash(loss, at as u64));
            let found = usize::try_from(lines(&connect(&found.process()))).unwrap();
            assert!(found <= 21, "nothing is there twice");
            lost += acknowledged.saturating_sub(found);
        }
    }
    lost
}

#[test]
fn a_log_that_is_synced_loses_nothing_at_any_call_and_one_that_is_not_does() {
    assert_eq!(lost("extra"), 0);
    assert!(lost("normal") > 20, "otherwise the disk syncs what nobody asked it to");
    // The journal of the change to a log was removed and its folder not synced: it may be back, and roll that back.
    assert!(lost("full") > 0);
}

#[test]
fn a_picture_is_put_back_as_it_was_and_who_worked_on_the_disk_is_gone() {
    let disk = Disk::new();
    let process = disk.process();
    let connection = open(&process, "extra");
    add(&connection).unwrap();
    let image = disk.image();
    add(&connection).unwrap();

    disk.restore(&image);

    assert!(add(&connection).is_err(), "its process is dead");
    assert!(!process.is_alive());
    assert_eq!(lines(&connect(&disk.process())), 1);
    assert_eq!(lines(&connect(&Disk::from_image(&image).process())), 1);
}

#[test]
fn two_processes_wait_for_each_other_and_a_killed_one_holds_nothing() {
    let disk = Disk::new();
    let (one, two) = (disk.process(), disk.process());
    let (first, second) = (open(&one, "extra"), open(&two, "extra"));
    add(&first).unwrap();
    assert_eq!(lines(&second), 1);
    first.execute_batch("begin immediate; insert into line values (1)").unwrap();
    second.busy_timeout(std::time::Duration::from_secs(10)).unwrap();

    let busy = add(&second).unwrap_err();
    assert_eq!(busy.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy));
    assert!(disk.slept_us() > 5_000_000, "it would have waited");
    one.kill();
    std::mem::forget(first);

    add(&second).unwrap();
    assert_eq!(lines(&second), 2, "what was not committed is not there");
    assert_eq!(lines(&connect(&disk.process())), 2);
}

#[test]
fn a_full_disk_says_so_and_has_room_again() {
    let disk = Disk::new();
    let connection = open(&disk.process(), "extra");
    add(&connection).unwrap();
    disk.set_quota(Some(disk.used()));

    let full = add(&connection).unwrap_err();
    assert_eq!(full.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    assert_eq!(lines(&connection), 1);
    disk.set_quota(None);

    add(&connection).unwrap();
    assert_eq!(lines(&connection), 2);
}

#[test]
fn whichever_call_fails_the_transaction_fails_with_it_and_nothing_else() {
    let calls = Calls::of(&[Call::Write, Call::Sync]);
    for effect in [Effect::Fail, Effect::Full, Effect::Half] {
        for times in [Times::Once, Times::ForEver] {
            let disk = Disk::new();
            let connection = open(&disk.process(), "extra");
            add(&connection).unwrap();
            let mut nth = 1;
            loop {
                disk.inject(Fault { calls, nth, times, effect });
                let outcome = add(&connection);
                disk.heal();
                if outcome.is_ok() {
                    break;
                }
                assert_eq!(lines(&connection), 1, "call {nth}");
                nth += 1;
            }
            assert!(nth > 5, "a transaction writes more than {nth} times");
            assert_eq!(lines(&connection), 2);
        }
    }
}

#[test]
fn a_turned_bit_is_seen() {
    let disk = Disk::new();
    let connection = open(&disk.process(), "extra");
    (0..50).for_each(|_| add(&connection).unwrap());
    connection.execute_batch("pragma wal_checkpoint(truncate)").unwrap();
    drop(connection);

    assert!(disk.flip(FILE, 4_096 * 3, 0x80));
    assert!(!disk.flip(FILE, 1 << 30, 1) && !disk.flip("/other", 0, 1));

    let connection = connect(&disk.process());
    let verdict: String = connection.query_row("pragma integrity_check", [], |row| row.get(0)).unwrap();
    assert_ne!(verdict, "ok");
    drop(connection);
    disk.flip(FILE, 4_096 * 3, 0x80);
    assert_eq!(lines(&connect(&disk.process())), 50);

    disk.inject(Fault { calls: Calls::of(&[Call::Read]), nth: 1, times: Times::Once, effect: Effect::Flip });
    let _ = connect(&disk.process()).query_row("select count(*) from line", [], |row| row.get::<_, i64>(0));
    assert_eq!(lines(&connect(&disk.process())), 50, "the disk itself is sound");
}

#[test]
fn threads_share_a_disk() {
    let disk = Disk::new();
    let process = disk.process();
    drop(open(&process, "extra"));
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let connection = connect(&process);
            (0..200).map(|_| lines(&connection)).collect::<Vec<_>>()
        });
        let writer = connect(&process);
        writer.pragma_update(None, "synchronous", "extra").unwrap();
        (0..200).for_each(|_| add(&writer).unwrap());
        let seen = reader.join().unwrap();
        assert!(seen.is_sorted(), "a reader never sees less than before");
    });
    assert_eq!(lines(&connect(&process)), 200);
}

#[test]
fn the_same_seed_leaves_the_same() {
    let disk = Disk::new();
    let connection = open(&disk.process(), "normal");
    (0..30).for_each(|_| add(&connection).unwrap());
    let image = disk.image();
    for loss in Loss::ALL {
        let content = |seed| image.crash(loss, seed).read("/db-wal");
        assert_eq!(content(3), content(3));
        assert_eq!(content(3) == content(4), matches!(loss, Loss::Nothing | Loss::Everything), "{loss:?}");
    }
}

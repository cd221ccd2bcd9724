//! An answer taken in short transactions: nobody waits for a page, and a page that is cut in the middle is taken again.

use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::mpsc::channel;
use std::thread;

use fieldsync_protocol::exchange::{ExchangeAnswer, Sealed};
use fieldsync_protocol::wire;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OpenFlags};

use super::office::{ORDER, Office};
use super::*;
use crate::Error;
use crate::config::STEP_RECORDS;

/// Records on the page that is watched.
const PAGE: usize = 90;

fn office_with_page() -> Office {
    let mut office = Office::new();
    for number in 0..PAGE {
        office.write("technician", many(number), "profile", fields! { "name" => format!("T{number}") });
    }
    office
}

fn many(number: usize) -> RecordId {
    RecordId(uuid::Uuid::from_u128(0xabc0_0000 + number as u128))
}

/// Calls `noticed` inside the writer's transaction for each record the office delivers that was not here.
fn notice(phone: &Phone, noticed: impl Fn() -> Result<(), &'static str> + Send + 'static) {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    phone
        .device
        .write(|tx, _| {
            tx.create_scalar_function("noticed", 0, flags, move |_| {
                noticed().map(|()| 0).map_err(|error| rusqlite::Error::UserFunctionError(error.into()))
            })?;
            Ok(tx.execute_batch(
                "create temp trigger noticing after insert on record when new.theirs is not null
                 begin select noticed(); end",
            )?)
        })
        .unwrap();
}

fn delivered(connection: &Connection) -> usize {
    let sql = "select count(*) from record where theirs is not null";
    usize::try_from(connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()).unwrap()
}

#[test]
fn no_transaction_of_a_page_changes_more_records_than_a_step() {
    let (phone, mut office) = (Phone::new(1), office_with_page());
    let reader = Connection::open_with_flags(phone.dir.join("fieldsync.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let (seen, largest) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let max = Arc::clone(&largest);
    notice(&phone, move || {
        let so_far = seen.fetch_add(1, Ordering::Relaxed) + 1;
        max.fetch_max(so_far - delivered(&reader), Ordering::Relaxed);
        Ok(())
    });

    let receipt = phone.sync(&mut office);

    assert!(receipt.is_complete());
    assert_eq!((receipt.received as usize, receipt.round_trips), (PAGE + 3, 1));
    assert_eq!(largest.load(Ordering::Relaxed), STEP_RECORDS);
}

#[test]
fn what_is_entered_while_a_page_is_applied_is_stored_before_the_page_ends() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    for number in 0..PAGE {
        office.write("technician", many(number), "profile", fields! { "name" => format!("T{number}") });
    }
    let (go, told) = channel();
    let (device, is_asked) = (phone.device.clone(), AtomicBool::new(false));
    notice(&phone, move || {
        if !is_asked.swap(true, Ordering::Relaxed) {
            go.send(()).unwrap();
            while !device.is_awaited() {
                thread::yield_now();
            }
        }
        Ok(())
    });

    let phone = &phone;
    let found = thread::scope(|scope| {
        let person = scope.spawn(move || {
            told.recv().unwrap();
            let note =
                Draft::new("note").set("text", fields! { "work_order" => id(ORDER), "text" => "gate code 4711" });
            phone.device.change(|work| phone.device.edit_in(work, vec![note]).map(|_| delivered(work.tx))).unwrap()
        });
        assert!(phone.sync(&mut office).is_complete());
        person.join().unwrap()
    });

    assert_eq!(found, 3 + STEP_RECORDS / 4, "as much of the page as is taken although somebody waits");
    assert!(phone.sync(&mut office).is_complete());
    assert_eq!(phone.device.status().unwrap().fingerprint, office.fingerprint());
    assert_eq!(office.records.values().filter(|record| record.kind == "note").count(), 1);
}

/// A sync that dies in the middle of its page, after some of its transactions.
fn cut_in_the_page(phone: &mut Phone, office: &mut Office) {
    let left = AtomicUsize::new(STEP_RECORDS * 2 + 5);
    notice(phone, move || match left.fetch_sub(1, Ordering::Relaxed) {
        1 => Err("the disk is gone"),
        _ => Ok(()),
    });
    let mut session = Session::begin(&phone.device).unwrap();
    let Step::Send(request) = session.next().unwrap() else { panic!("a request is expected") };
    assert!(matches!(session.answer(office.respond(&request)), Err(Error::Storage(_))));
    drop(session);
    phone.kill();
}

#[test]
fn a_page_that_is_cut_between_two_transactions_is_taken_again_and_skips_nothing() {
    for is_first in [true, false] {
        let (mut phone, mut office) = (Phone::new(1), Office::new());
        if !is_first {
            phone.sync(&mut office);
        }
        for number in 0..PAGE {
            office.write("technician", many(number), "profile", fields! { "name" => format!("T{number}") });
        }
        let cursor = |phone: &Phone| phone.device.read(|connection| meta::get::<Sealed>(connection, meta::CURSOR));
        let before = cursor(&phone).unwrap();

        cut_in_the_page(&mut phone, &mut office);

        assert!(
            phone.device.read(|connection| Ok(delivered(connection))).unwrap() >= STEP_RECORDS,
            "some of it is there"
        );
        assert_eq!(cursor(&phone).unwrap(), before, "the cursor stands where everything below it is applied");
        let receipt = phone.sync(&mut office);
        assert!(receipt.is_complete());
        assert_eq!(receipt.agrees, Some(true));
        assert_eq!(phone.device.status().unwrap().records as usize, 3 + PAGE);
        assert_eq!(phone.device.status().unwrap().offers, 0);
    }
}

#[test]
fn what_a_cut_page_brought_and_left_the_scope_before_the_next_does_not_stay() {
    let (mut phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    for number in 0..PAGE {
        office.write("technician", many(number), "profile", fields! { "name" => format!("T{number}") });
    }
    cut_in_the_page(&mut phone, &mut office);
    let first = many(0);
    assert!(phone.record(first).is_some());
    office.take_away(first);
    office.untold.insert(first);

    let receipt = phone.sync(&mut office);

    assert!(phone.record(first).is_none());
    assert_eq!((receipt.left, receipt.agrees), (1, Some(true)));
    assert!(office.received.iter().all(|exchange| exchange.ranges.is_empty()), "nothing had to be compared for it");
}

#[test]
fn what_an_outcome_tells_of_a_cut_page_counts_as_named() {
    let (mut phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    let report = many(PAGE);
    office.write("work_report", report, "subject", fields! { "work_order" => id(ORDER), "technician" => id(1) });
    for number in 0..PAGE {
        office.write("technician", many(number), "profile", fields! { "name" => format!("T{number}") });
    }
    cut_in_the_page(&mut phone, &mut office);
    phone.enter(report, "finding", "worn seal");
    // An office that tells a record in an outcome leaves it out of the page.
    office.is_terse = true;

    let receipt = phone.sync(&mut office);

    assert_eq!((receipt.accepted, receipt.left, receipt.agrees), (1, 0, Some(true)));
    assert_eq!(phone.text(report, "finding").as_deref(), Some("worn seal"));
    assert!(office.received.iter().all(|exchange| exchange.offers.is_empty()));
}

#[test]
fn what_erased_rows_left_is_wiped_once_a_sync_however_many_answers_erase() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    office.page = 1;
    for number in 0..10 {
        office.write("technician", many(number), "profile", fields! { "name" => format!("T{number}") });
    }
    // Rewriting the whole store raises this number by one.
    let rewritten = || -> i64 {
        let version = |connection: &Connection| connection.query_row("pragma schema_version", [], |row| row.get(0));
        phone.device.read(|connection| Ok(version(connection)?)).unwrap()
    };
    let before = rewritten();

    let mut number = 0;
    let receipt = phone.sync_over(|request| {
        let response = office.respond(request);
        let mut answer: ExchangeAnswer = wire::unpack(&response.body).unwrap();
        answer.erased.push(many(number));
        number += 1;
        Some(Response { body: wire::pack(&answer), ..response })
    });

    assert!(receipt.round_trips >= 10);
    assert_eq!(rewritten(), before + 1);
    assert!(phone.device.read(|connection| Ok(!meta::has(connection, meta::SCRUB)?)).unwrap());
}

#[test]
fn a_look_at_the_whole_store_and_whoever_writes_do_not_wait_for_each_other() {
    let (phone, mut office) = (Phone::new(1), office_with_page());
    phone.sync(&mut office);
    let phone = &phone;
    let (said, heard) = channel();
    let (go, told) = channel::<()>();
    let report = thread::scope(|scope| {
        let (writes, has_written) = channel();
        scope.spawn(move || {
            phone
                .device
                .change(|_| {
                    writes.send(()).unwrap();
                    // Until the look is over, or the test has failed.
                    let _ = told.recv();
                    Ok(())
                })
                .unwrap();
        });
        has_written.recv().unwrap();
        scope.spawn(move || said.send(phone.device.check().unwrap()).unwrap());
        let report = heard.recv_timeout(std::time::Duration::from_secs(20));
        drop(go);
        report
    });
    assert_eq!(report.expect("it ends while somebody writes").records as usize, 3 + PAGE);
}

#[test]
fn what_is_entered_while_a_difference_is_looked_for_waits_for_a_few_records() {
    let (phone, mut office) = (Phone::new(1), office_with_page());
    phone.sync(&mut office);
    // Every copy has changed under its checksum, and the sums are wrong as well.
    phone
        .device
        .write(|tx, _| {
            meta::clear(tx, meta::FINGERPRINT)?;
            Ok(tx.execute("update record set theirs = cast(theirs || x'00' as blob) where kind = 'technician'", [])?)
        })
        .unwrap();
    phone.device.write(|tx, _| meta::set(tx, meta::EXAMINED, &Some(many(PAGE)))).unwrap();
    let (go, told) = channel();
    let (device, is_asked) = (phone.device.clone(), AtomicBool::new(false));
    phone
        .device
        .write(|tx, _| {
            let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
            tx.create_scalar_function("mending", 0, flags, move |_| {
                if !is_asked.swap(true, Ordering::Relaxed) {
                    go.send(()).unwrap();
                    while !device.is_awaited() {
                        thread::yield_now();
                    }
                }
                Ok(0)
            })?;
            Ok(tx.execute_batch("create temp trigger mending after insert on repair begin select mending(); end")?)
        })
        .unwrap();

    let phone = &phone;
    let (found, receipt) = thread::scope(|scope| {
        let person = scope.spawn(move || {
            told.recv().unwrap();
            let note =
                Draft::new("note").set("text", fields! { "work_order" => id(ORDER), "text" => "gate code 4711" });
            let mended = |work: &mut store::record::Work<'_>| {
                phone.device.edit_in(work, vec![note]).and_then(|_| store::repair::count(work.tx))
            };
            phone.device.change(mended).unwrap()
        });
        let receipt = phone.sync(&mut office);
        (person.join().unwrap(), receipt)
    });

    assert_eq!(found as usize, STEP_RECORDS / 4, "as much as is mended although somebody waits");
    assert_eq!((receipt.repairs as usize, receipt.agrees), (PAGE, Some(true)));
    assert!(phone.sync(&mut office).is_complete());
    assert_eq!(phone.device.status().unwrap().fingerprint, office.fingerprint());
    assert_eq!(office.records.values().filter(|record| record.kind == "note").count(), 1);
}

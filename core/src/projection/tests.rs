use std::collections::BTreeMap;

use fieldsync_protocol::{Record, RecordId, fields};
use rusqlite::Connection;
use rusqlite::types::Value as Sql;

use crate::entropy::{Entropy, SeededEntropy};
use crate::error::Error;
use crate::fixture::{
    COLLEAGUE, Fixture, ME, MORNING_MS, assignment, edit_by, id, office_edit, order, part, record, technician,
};
use crate::search;

/// Every row of every projected table, without the places that only number them.
fn everything(fixture: &Fixture) -> BTreeMap<String, Vec<Vec<Sql>>> {
    let tables = [
        ("job", "select * from job order by id"),
        ("job_source", "select * from job_source order by source, work_order"),
        ("job_said", "select job.id, job_said.* from job_said join job using (place) order by job.id"),
        ("part_used", "select * from part_used order by id"),
        ("directory", "select * from directory order by id"),
    ];
    fixture
        .device
        .read(|conn| {
            let mut all = BTreeMap::new();
            for (name, text) in tables {
                all.insert(name.to_owned(), rows(conn, text)?);
            }
            for word in ["pump", "leak", "filter", "berg", "nord", "漏油", "seal", "wo"] {
                for (index, text) in [
                    ("job", "select job.id from job_text join job on place = job_text.rowid where job_text match ?1"),
                    (
                        "name",
                        "select id from directory_text join directory on place = directory_text.rowid
                         where directory_text match ?1",
                    ),
                ] {
                    let expression = fieldsync_protocol::search::match_expression(word).unwrap();
                    let mut select = conn.prepare(&format!("{text} order by 1"))?;
                    let found = select.query_map([expression], |row| Ok(vec![row.get(0)?]))?;
                    all.insert(format!("{index} with {word}"), found.collect::<Result<_, _>>()?);
                }
            }
            Ok(all)
        })
        .unwrap()
}

fn rows(conn: &Connection, text: &str) -> Result<Vec<Vec<Sql>>, Error> {
    let mut select = conn.prepare(text)?;
    let columns: Vec<usize> = (0..select.column_count())
        .filter(|column| select.column_name(*column).is_ok_and(|name| name != "place"))
        .collect();
    let rows = select.query_map([], |row| columns.iter().map(|column| row.get(*column)).collect())?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A chooser for random days: the same seed gives the same day.
struct Dice(SeededEntropy);

impl Dice {
    fn below(&self, limit: u8) -> u8 {
        let mut byte = [0];
        self.0.fill(&mut byte);
        byte[0] % limit
    }

    fn word(&self) -> &'static str {
        ["pump", "leak", "filter", "漏油", "seal", "L/H", "boom", "hose"][usize::from(self.below(8))]
    }
}

/// What the office knows in a random day: it edits, makes and moves records.
fn step(dice: &Dice, records: &mut BTreeMap<RecordId, Record>) -> Vec<RecordId> {
    let order_number = 50 + dice.below(4);
    let number = 100 + dice.below(60);
    let said = format!("{} {}", dice.word(), dice.word());
    let below = |kind: &str, group: &str, mut fields: fieldsync_protocol::Fields| {
        fields.insert("work_order".into(), id(order_number).into());
        fields.insert("technician".into(), id(1 + dice.below(2)).into());
        record(kind, number, group, fields)
    };
    let made = match dice.below(11) {
        0 => order(order_number, &format!("WO-{order_number}"), &said),
        1 => record("customer", 20 + dice.below(2), "identity", fields! { "name" => said }),
        2 => technician(1 + dice.below(2), &said),
        3 => assignment(60 + dice.below(6), order_number, 1 + dice.below(2), MORNING_MS + i64::from(dice.below(9))),
        4 => below(
            "visit_event",
            "event",
            fields! { "event" => "on_site", "seen" => Vec::<fieldsync_protocol::Value>::new() },
        ),
        5 => below(
            "part_line",
            "use",
            fields! { "number" => "F-1", "name" => said, "quantity_milli" => 2_000, "unit" => "pc" },
        ),
        6 => below("note", "text", fields! { "text" => said }),
        7 => part(30 + dice.below(3), "F-1", &said),
        8 => below("work_report", "subject", fields! {}),
        _ => {
            let Some(record) = records.values_mut().nth(usize::from(dice.below(30))) else { return Vec::new() };
            let nothing = fieldsync_protocol::Version::new();
            match record.kind.as_str() {
                "work_order" => edit_by(record, 201, None, "problem", fields! { "text" => said }, &nothing),
                "part_line" | "note" => office_edit(record, "void", fields! { "reason" => "by mistake" }),
                "assignment" => office_edit(record, "withdrawn", fields! { "withdrawn" => true }),
                "work_report" => office_edit(record, "action", fields! { "method" => said }),
                "customer" => {
                    let seen = fieldsync_protocol::record::delete_fields(&record.version);
                    office_edit(record, fieldsync_protocol::record::DELETED, seen);
                }
                _ => {}
            }
            return vec![record.id];
        }
    };
    let known = records.entry(made.id).or_insert_with(|| Record::new(made.kind.clone(), made.id));
    if known.kind != made.kind {
        return Vec::new();
    }
    for (group, siblings) in &made.groups {
        for sibling in siblings.values() {
            office_edit(known, group, sibling.fields.clone());
        }
    }
    vec![made.id]
}

#[test]
fn projections_equal_a_rebuild_after_random_edits() {
    for seed in 0..12 {
        let dice = Dice(SeededEntropy::new(seed));
        let fixture = Fixture::new();
        let mut records = BTreeMap::new();
        for _ in 0..60 {
            let changed: Vec<RecordId> = (0..=dice.below(4)).flat_map(|_| step(&dice, &mut records)).collect();
            fixture.deliver(&changed.iter().map(|id| records[id].clone()).collect::<Vec<_>>());
            if dice.below(8) == 0 {
                let gone: Vec<RecordId> = changed.into_iter().take(1).collect();
                fixture.evict(&gone);
            }
        }

        let refreshed = everything(&fixture);
        fixture.device.write(|tx, _| super::rebuild(tx)).unwrap();

        assert_eq!(refreshed, everything(&fixture), "seed {seed}");
        assert!(!refreshed["job"].is_empty() && !refreshed["part_used"].is_empty());
    }
}

#[test]
fn a_customers_new_name_reaches_every_job_that_names_it() {
    let fixture = Fixture::with_job();
    let mut customer = record("customer", 20, "identity", fields! { "name" => "Steinbruch Nord" });
    office_edit(&mut customer, "identity", fields! { "name" => "Steinbruch Süd" });

    fixture.deliver(&[customer]);

    let page = fixture.device.jobs(&Default::default()).unwrap();
    assert_eq!(page.items[0].customer, "Steinbruch Süd");
    assert_eq!(fixture.device.search("sued", 10).unwrap().jobs.len(), 1);
    assert!(fixture.device.search("nord", 10).unwrap().jobs.is_empty());
}

#[test]
fn an_order_finds_what_arrived_before_it_and_leaves_nothing_behind() {
    let fixture = Fixture::new();
    let used = fields! {
        "work_order" => id(50), "technician" => id(ME), "number" => "F-1", "name" => "Filter",
        "quantity_milli" => 1_000, "unit" => "pc",
    };
    fixture.deliver(&[record("part_line", 70, "use", used), assignment(60, 50, ME, MORNING_MS)]);
    assert!(fixture.device.jobs(&Default::default()).unwrap().items.is_empty());

    fixture.deliver(&[order(50, "WO-50", "pump leaks"), assignment(61, 50, COLLEAGUE, MORNING_MS)]);
    assert!(fixture.device.jobs(&Default::default()).unwrap().items[0].is_mine);
    assert_eq!(fixture.device.parts_used(&Default::default()).unwrap().items.len(), 1);

    fixture.evict(&[id(50), id(60), id(61), id(70)]);
    let left = everything(&fixture);
    assert!(left.values().all(Vec::is_empty), "{left:?}");
    assert!(fixture.device.search("pump", 10).unwrap().jobs.is_empty());
}

#[test]
fn an_index_of_an_older_version_is_computed_again_at_the_next_opening() {
    let fixture = Fixture::with_job();
    fixture.device.write(|tx, _| Ok(tx.execute_batch("delete from job; update projection set version = 0")?)).unwrap();

    fixture.device.write(|tx, _| super::ensure(tx)).unwrap();

    assert_eq!(fixture.device.jobs(&Default::default()).unwrap().items.len(), 1);
    assert!(fixture.device.read(|conn| search::Wanted::understand(conn, &search::JOBS, "bucket")).unwrap().is_some());
}

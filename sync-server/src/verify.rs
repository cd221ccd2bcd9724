//! Checks everything an office holds: the database's own structure, the history's chain, that every record is what its
//! history says, the sums that devices are compared with, every signature, every blob.
//!
//! Promises: nothing is changed; what cannot be read is a finding, not an end; a finding says where, never what: the
//! content may be personal.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::document::verify_in;
use fieldsync_protocol::exchange::SetHash;
use fieldsync_protocol::{FieldsExt, Hash, Record, RecordId, show};

use crate::blobs::{BlobError, Blobs};
use crate::office::Office;
use crate::store::{Action, Audience, StoreError, Txn};
use crate::sync::board;

/// Rows read at once.
const PAGE: u64 = 1_000;

/// What was checked and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong, each as a sentence.
    pub problems: Vec<String>,
    /// Entries of history.
    pub entries: u64,
    /// Records.
    pub records: u64,
    /// Records whose content was rebuilt from history and compared; those refilled by devices cannot be.
    pub rebuilt: u64,
    /// Sums of what somebody sees.
    pub sums: u64,
    /// Signatures.
    pub signatures: u64,
    /// Blobs that have arrived.
    pub blobs: u64,
    /// Attachments whose content has not arrived yet. That is no problem.
    pub blobs_missing: u64,
}

/// Checks an office.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked at all.
pub async fn verify(office: &Office, blobs: &Blobs) -> Result<Report, StoreError> {
    let (mut report, arrived) = {
        let office = office.clone();
        let checked = tokio::task::spawn_blocking(move || check_database(&office)).await;
        checked.map_err(|_| StoreError::Aborted)??
    };
    for (hash, attachment) in &arrived {
        let problem = match blobs.is_intact(hash).await {
            Ok(true) => None,
            Ok(false) => Some(format!("the content of attachment {attachment} is not what its hash says")),
            Err(BlobError::Missing) => Some(format!("the content of attachment {attachment} is lost")),
            Err(_) => Some(format!("the content of attachment {attachment} cannot be read")),
        };
        report.blobs += 1;
        report.problems.extend(problem);
    }
    Ok(report)
}

/// Checks the database; returns the blobs that must be there too, with an attachment that names each.
fn check_database(office: &Office) -> Result<(Report, BTreeMap<Hash, RecordId>), StoreError> {
    let mut report = Report::default();
    for line in office.store.check()? {
        report.problems.push(format!("the database is damaged: {line}"));
    }
    let arrived = office.read(|txn| {
        let ids = check_history(txn, &mut report)?;
        check_records(txn, &ids, &mut report)?;
        check_sums(txn, &mut report)?;
        check_signatures(office, txn, &mut report)?;
        arrived(txn, &mut report)
    })?;
    Ok((report, arrived))
}

/// The chain, and which records history knows.
fn check_history(txn: &mut dyn Txn, report: &mut Report) -> Result<BTreeSet<RecordId>, StoreError> {
    match readable(txn.verify_chain())? {
        Some(Ok(entries)) => report.entries = entries,
        Some(Err(place)) => report.problems.push(format!("the history's chain breaks at entry {place}")),
        None => report.problems.push("an entry of the history cannot be read".to_owned()),
    }
    let (mut ids, mut place) = (BTreeSet::new(), 0);
    while let Some(page) = readable(txn.history_after(place, PAGE))? {
        let Some(last) = page.last() else { break };
        place = last.sequence;
        ids.extend(page.iter().map(|placed| placed.entry.record));
    }
    Ok(ids)
}

/// Every record can be read, has the check that is stored with it, and is what its history makes.
fn check_records(txn: &mut dyn Txn, ids: &BTreeSet<RecordId>, report: &mut Report) -> Result<(), StoreError> {
    let mut gone = 0;
    for id in ids {
        let stored = match readable(txn.record(*id))? {
            Some(Some(stored)) => stored,
            Some(None) if txn.erased(*id)?.is_some() || txn.collected(*id)?.is_some() => {
                gone += 1;
                continue;
            }
            Some(None) => {
                report.problems.push(format!("record {id} stands in the history and is lost"));
                continue;
            }
            None => {
                report.problems.push(format!("record {id} cannot be read"));
                continue;
            }
        };
        report.records += 1;
        if stored.record.id != *id || stored.record.check() != stored.check {
            report.problems.push(format!("record {id} is not what its check says"));
        }
        if !stored.record.is_deleted() && txn.collected(*id)?.is_some() {
            report.problems.push(format!("record {id} was collected and lives"));
        }
        let Some(history) = readable(txn.history_of(*id))? else { continue };
        // A refill brings values back without what they had replaced: such a record cannot be rebuilt.
        if history.iter().any(|placed| placed.entry.action == Action::Refilled) {
            continue;
        }
        let mut rebuilt = Record::new(stored.record.kind.clone(), *id);
        for placed in &history {
            rebuilt.put(&placed.entry.edit);
        }
        report.rebuilt += 1;
        if rebuilt != stored.record {
            report.problems.push(format!("record {id} is not what its history says"));
        }
    }
    let total: u64 = txn.count_records()?.values().sum();
    let known = (ids.len() - gone) as u64;
    if total > known {
        report.problems.push(format!("{} records have no history", total - known));
    }
    Ok(())
}

/// The sums over what everybody and each technician sees.
fn check_sums(txn: &mut dyn Txn, report: &mut Report) -> Result<(), StoreError> {
    let technicians = readable(txn.of_kind("technician"))?.unwrap_or_default();
    let people = technicians.iter().map(|technician| (Audience::of(technician.id), technician.id.to_string()));
    let audiences: Vec<_> = [(Audience::SHARED, "everybody".to_owned())].into_iter().chain(people).collect();
    for (audience, name) in audiences {
        let mut sum = SetHash::default();
        for row in members(txn, audience)? {
            if let Some(Some(stored)) = readable(txn.record(row))? {
                sum.add(&stored.record.check());
            }
        }
        report.sums += 1;
        if sum != txn.audience(audience)?.set {
            report.problems.push(format!("the sum of what {name} sees is wrong: their devices would find differences"));
        }
    }
    Ok(())
}

fn members(txn: &mut dyn Txn, audience: Audience) -> Result<Vec<RecordId>, StoreError> {
    // Rows that changed at the same place may be divided by a page, so everything is asked for at once.
    let rows = txn.scope_after(audience, 0, i64::MAX as u64)?;
    Ok(rows.into_iter().filter(|row| !row.has_left).map(|row| row.record).collect())
}

/// Every signature verifies against its document, its device's certificate and the office's root.
fn check_signatures(office: &Office, txn: &mut dyn Txn, report: &mut Report) -> Result<(), StoreError> {
    let Some(signatures) = readable(txn.of_kind("signature"))? else {
        report.problems.push("the signatures cannot be read".to_owned());
        return Ok(());
    };
    let order = |record: &Record| show::main_fields(record).and_then(|fields| fields.id("work_order"));
    let orders: BTreeSet<RecordId> = signatures.iter().filter_map(order).collect();
    let root = office.keys.public_root();
    for order in orders {
        let Some(Some(loaded)) = readable(board::load(txn, order))? else {
            report.problems.push(format!("order {order} cannot be read, so its signatures cannot be verified"));
            continue;
        };
        for signature in &loaded.job.signatures {
            report.signatures += 1;
            if let Err(reason) = verify_in(&loaded.job, signature, &root) {
                report.problems.push(format!("signature {} does not verify: failed to {reason}", signature.id));
            }
        }
    }
    Ok(())
}

/// Which blobs have arrived, by the attachments that name them.
pub(crate) fn arrived(txn: &mut dyn Txn, report: &mut Report) -> Result<BTreeMap<Hash, RecordId>, StoreError> {
    let mut arrived = BTreeMap::new();
    for attachment in readable(txn.of_kind("attachment"))?.unwrap_or_default() {
        let Some(hash) = show::main_fields(&attachment).and_then(|fields| fields.hash("hash")) else { continue };
        if txn.has_blob(&hash)? {
            arrived.insert(hash, attachment.id);
        } else {
            report.blobs_missing += 1;
        }
    }
    Ok(arrived)
}

/// A stored value that cannot be read becomes `None`; that the database failed stays an error.
fn readable<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use fieldsync_protocol::fields;
    use rusqlite::Connection;

    use super::*;
    use crate::folder::{Folder, Opened, open};
    use crate::people::{OPERATOR, add_technician};
    use crate::sync::edit::{Draft, commit};

    /// An office with an order, an assignment and a photo, and the photo's hash.
    async fn office(folder: &std::path::Path) -> (Opened, Hash) {
        let opened = open(folder, "acme").unwrap();
        let office = &opened.office;
        let anna = add_technician(office, "Anna", "", "").unwrap();
        let order = office.new_id();
        let groups = vec![
            ("origin", fields! { "channel" => "phone" }),
            ("problem", fields! { "text" => "pump leaks" }),
            ("plan", fields! { "priority" => "normal" }),
        ];
        let hash = opened.blobs.put(Bytes::from_static(b"a photo")).await.unwrap();
        let blob = fields! { "work_order" => order, "hash" => hash, "media_type" => "image/png", "size" => 7 };
        let drafts = vec![
            Draft { kind: "work_order", id: order, groups, context: None },
            Draft::one("assignment", office.new_id(), "plan", fields! { "work_order" => order, "technician" => anna }),
            Draft::one("attachment", office.new_id(), "blob", blob),
        ];
        commit(office, &OPERATOR, drafts).unwrap();
        office.write(move |txn| txn.put_blob(&hash, 7, 0)).unwrap();
        (opened, hash)
    }

    /// Changes one letter wherever a table's column holds `pump`.
    fn flip(folder: &std::path::Path, table: &str, column: &str) -> usize {
        let connection = Connection::open(Folder::new(folder).database()).unwrap();
        let mut changed = 0;
        let mut statement = connection.prepare(&format!("select {column} from {table}")).unwrap();
        let contents: Vec<Vec<u8>> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        for content in contents {
            let Some(at) = content.windows(4).position(|four| four == b"pump") else { continue };
            let mut flipped = content.clone();
            flipped[at + 1] = b'o';
            let sql = format!("update {table} set {column} = ?1 where {column} = ?2");
            changed += connection.execute(&sql, (flipped, content)).unwrap();
        }
        changed
    }

    #[tokio::test]
    async fn a_sound_office_has_no_problems() {
        let folder = tempfile::tempdir().unwrap();
        let (opened, _) = office(folder.path()).await;

        let report = verify(&opened.office, &opened.blobs).await.unwrap();

        assert_eq!(report.problems, [""; 0]);
        assert_eq!((report.records, report.rebuilt, report.sums, report.blobs), (4, 4, 2, 1));
        assert_eq!(report.entries, 8, "a technician's two, an order's four with its number, an assignment, a photo");
    }

    #[tokio::test]
    async fn one_flipped_byte_in_a_record_or_in_history_is_found() {
        for (table, column, problem) in [
            ("record", "body", "is not what its check says"),
            ("history", "content", "the history's chain breaks at entry"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let (opened, _) = office(folder.path()).await;
            assert_eq!(flip(folder.path(), table, column), 1);

            let report = verify(&opened.office, &opened.blobs).await.unwrap();

            assert!(report.problems.iter().any(|found| found.contains(problem)), "{table}: {:?}", report.problems);
            assert!(report.problems.iter().any(|found| found.contains("is not what its history says")));
        }
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_a_wrong_sum_and_a_lost_photo_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let (opened, hash) = office(folder.path()).await;
        let connection = Connection::open(Folder::new(folder.path()).database()).unwrap();
        connection.execute("update record set body = x'ff' where kind = 'assignment'", []).unwrap();
        connection.execute("update audience set members = members + 1 where audience = zeroblob(16)", []).unwrap();
        std::fs::write(folder.path().join(format!("blobs/blob/{hash}")), b"b photo").unwrap();

        let problems = verify(&opened.office, &opened.blobs).await.unwrap().problems;

        for problem in ["cannot be read", "the sum of what everybody sees", "is not what its hash says"] {
            assert!(problems.iter().any(|found| found.contains(problem)), "{problem}: {problems:?}");
        }
        std::fs::remove_file(folder.path().join(format!("blobs/blob/{hash}"))).unwrap();
        let problems = verify(&opened.office, &opened.blobs).await.unwrap().problems;
        assert!(problems.iter().any(|found| found.contains("is lost")));
    }
}

//! History in SQLite.

use fieldsync_protocol::{Dot, Edit, Hash, RecordId, ReplicaId, encode};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{Action, Entry, History, Placed, StoreError, Tenants};

const COLUMNS: &str = "sequence, action, kind, record, content, arrived_ms, replaced, chain, content_hash, happened_ms";

/// What the chain commits to at one place: everything that stands there, with the content as its hash.
fn link(previous: &Hash, sequence: u64, place: &Link<'_>) -> Hash {
    let Link { action, kind, record, dot, content, arrived_ms, replaced } = place;
    Hash::blake3(&encode::cbor(&(previous, sequence, action, kind, record, dot, content, arrived_ms, replaced)))
}

struct Link<'e> {
    action: &'e str,
    kind: &'e str,
    record: RecordId,
    dot: Dot,
    content: Hash,
    arrived_ms: i64,
    replaced: &'e [Dot],
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Accepted => "accepted",
        Action::Refilled => "refilled",
        Action::Released => "released",
    }
}

type Raw = (i64, String, String, RecordId, Option<Vec<u8>>, i64, Vec<u8>, Hash, Hash);

fn raw(row: &Row<'_>) -> rusqlite::Result<Raw> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        column!(row, 3, RecordId),
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        column!(row, 7, Hash),
        column!(row, 8, Hash),
    ))
}

fn placed(raw: Raw) -> Result<Placed, StoreError> {
    let (sequence, action, kind, record, content, arrived_ms, replaced, chain, _) = raw;
    let action = match action.as_str() {
        "accepted" => Action::Accepted,
        "refilled" => Action::Refilled,
        "released" => Action::Released,
        _ => return Err(StoreError::Damaged("history entry")),
    };
    let content = content.ok_or(StoreError::Damaged("history entry"))?;
    let edit: Edit = encode::from_cbor(&content).map_err(|_| StoreError::Damaged("history entry"))?;
    let replaced = encode::from_cbor(&replaced).map_err(|_| StoreError::Damaged("history entry"))?;
    Ok(Placed { sequence: sequence as u64, entry: Entry { action, kind, record, edit, arrived_ms, replaced }, chain })
}

impl History for SqliteTxn<'_> {
    fn append(&mut self, entry: &Entry) -> Result<u64, StoreError> {
        let tenant = self.tenant()?;
        let sequence = tenant.sequence + 1;
        let content = entry.edit.content();
        let place = Link {
            action: name(entry.action),
            kind: &entry.kind,
            record: entry.record,
            dot: entry.edit.dot,
            content,
            arrived_ms: entry.arrived_ms,
            replaced: &entry.replaced,
        };
        let previous = match entry.action {
            Action::Refilled if fieldsync_protocol::planted!("chain-breaks") => Hash([0; 32]),
            _ => tenant.chain,
        };
        let chain = link(&previous, sequence, &place);
        self.connection
            .prepare_cached(
                "insert into history (tenant, sequence, action, kind, record, group_name, replica, counter, content,
                    content_hash, meaning, person, device, happened_ms, arrived_ms, replaced, chain)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            )?
            .execute(rusqlite::params![
                self.tenant.0,
                sequence as i64,
                name(entry.action),
                entry.kind,
                entry.record.as_bytes(),
                entry.edit.group,
                entry.edit.dot.replica.as_bytes(),
                entry.edit.dot.counter as i64,
                encode::cbor(&entry.edit),
                content.as_bytes(),
                entry.edit.meaning().as_bytes(),
                entry.edit.stamp.person.as_bytes(),
                entry.edit.stamp.device.map(|id| *id.as_bytes()),
                entry.edit.stamp.happened_ms(),
                entry.arrived_ms,
                encode::cbor(&entry.replaced),
                chain.as_bytes(),
            ])?;
        self.connection.prepare_cached("update tenant set sequence = ?2, chain = ?3 where tenant = ?1")?.execute((
            self.tenant.0,
            sequence as i64,
            chain.as_bytes(),
        ))?;
        Ok(sequence)
    }

    fn dot(&mut self, record: RecordId, dot: Dot) -> Result<Option<Hash>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select content_hash from history where tenant = ?1 and record = ?2 and replica = ?3 and counter = ?4",
        )?;
        let key = (self.tenant.0, record.as_bytes(), dot.replica.as_bytes(), dot.counter as i64);
        Ok(statement.query_row(key, |row| Ok(column!(row, 0, Hash))).optional()?)
    }

    fn chain_at(&mut self, sequence: u64) -> Result<Option<Hash>, StoreError> {
        if sequence == 0 {
            return Ok(Some(Hash([0; 32])));
        }
        let mut statement =
            self.connection.prepare_cached("select chain from history where tenant = ?1 and sequence = ?2")?;
        Ok(statement.query_row((self.tenant.0, sequence as i64), |row| Ok(column!(row, 0, Hash))).optional()?)
    }

    fn history_of(&mut self, record: RecordId) -> Result<Vec<Placed>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from history
             where tenant = ?1 and record = ?2 and content is not null order by sequence"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map((self.tenant.0, record.as_bytes()), raw)?;
        rows.map(|row| placed(row?)).collect()
    }

    fn history_after(&mut self, sequence: u64, limit: u64) -> Result<Vec<Placed>, StoreError> {
        let sql = format!(
            "select {COLUMNS} from history
                     where tenant = ?1 and sequence > ?2 and content is not null order by sequence limit ?3"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let rows = statement.query_map((self.tenant.0, sequence as i64, limit as i64), raw)?;
        rows.map(|row| placed(row?)).collect()
    }

    fn verify_chain(&mut self) -> Result<Result<u64, u64>, StoreError> {
        let tenant = self.tenant()?;
        let sql = format!("select {COLUMNS}, replica, counter from history where tenant = ?1 order by sequence");
        let mut statement = self.connection.prepare(&sql)?;
        let rows = statement.query_map([self.tenant.0], |row| {
            let dot = Dot { replica: column!(row, 10, ReplicaId), counter: row.get::<_, i64>(11)? as u64 };
            Ok((raw(row)?, dot))
        })?;
        let (mut previous, mut expected) = (Hash([0; 32]), 0);
        for row in rows {
            let (row, dot) = row?;
            let (sequence, action, kind, record, content, arrived_ms, replaced, chain, content_hash) = row;
            let damaged = |_| StoreError::Damaged("history entry");
            let replaced: Vec<Dot> = encode::from_cbor(&replaced).map_err(damaged)?;
            let says_so = match content {
                Some(content) => {
                    let edit: Edit = encode::from_cbor(&content).map_err(damaged)?;
                    edit.content() == content_hash && edit.dot == dot
                }
                // Erased: its place holds, and says nothing.
                None => true,
            };
            expected += 1;
            let place = Link {
                action: &action,
                kind: &kind,
                record,
                dot,
                content: content_hash,
                arrived_ms,
                replaced: &replaced,
            };
            if sequence as u64 != expected || !says_so || chain != link(&previous, expected, &place) {
                return Ok(Err(expected));
            }
            previous = chain;
        }
        let is_complete = expected == tenant.sequence && previous == tenant.chain;
        Ok(if is_complete { Ok(expected) } else { Err(expected + 1) })
    }
}

//! One exchange, walked in the order of checks: epoch, refill, identity, push, pull. Authentication came before.

use std::collections::BTreeMap;

use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Fingerprint, Offered, Outcome, SentDot};
use fieldsync_protocol::rights::{Actor, Code, Role};
use fieldsync_protocol::{DeviceId, RecordId};

use super::accept::{Author, Door};
use super::sealed::{Cursor, Token};
use super::{erase, held, pull, push, refill, returning};
use crate::office::Office;
use crate::store::{Audience, Device, Replica, StoreError, Txn};

/// Why an exchange is not answered.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The device was revoked. What it pushed is kept aside.
    #[error("answer a revoked device")]
    Revoked,
    /// There is no such device.
    #[error("find the device")]
    UnknownDevice,
    /// The store failed; nothing was changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Answers one exchange of an authenticated device.
///
/// Repeating a request, in whole or in part, earlier or later, changes nothing twice.
///
/// # Errors
/// [`ExchangeError`]. `Revoked` must still be committed: what was pushed is held.
pub fn exchange(
    office: &Office,
    txn: &mut dyn Txn,
    device: DeviceId,
    message: &Exchange,
) -> Result<Result<ExchangeAnswer, ExchangeError>, StoreError> {
    let Some(mut device) = txn.device(device)? else { return Ok(Err(ExchangeError::UnknownDevice)) };
    if device.revoked_ms.is_some() && !fieldsync_protocol::planted!("serve-revoked") {
        for record in &message.push {
            let order = push::order_of(txn, record)?;
            if !erase::is_gone(office, txn, record.id, &record.kind, order)? {
                held::hold(office, txn, &device, &record.kind, record.id, order, &record.edits, Code::Revoked)?;
            }
        }
        if device.wipe_ms.is_some() {
            return wipe(office, txn, device, message).map(Ok);
        }
        return Ok(Err(ExchangeError::Revoked));
    }
    let now_ms = office.now_ms();
    let last_contact_ms = device.contact_ms.replace(now_ms);
    device.offset_ms = Some(now_ms.saturating_sub(message.clock_ms));
    device.holding = message.holding;
    device.table_version = message.table;

    let cursor = message.cursor.as_ref().and_then(|sealed| Cursor::open(office, sealed));
    let cursor = cursor.filter(|cursor| cursor.person == device.person);
    let token = message.token.as_ref().and_then(|sealed| Token::open(office, sealed));
    let mut tenant = txn.tenant()?;
    if message.epoch == tenant.epoch && office_forgot(txn, tenant.epoch, message, cursor.as_ref(), token.as_ref())? {
        tenant.epoch = new_epoch(office, tenant.epoch);
        txn.begin_epoch(tenant.epoch, now_ms)?;
    }

    let mut door = Door::open(office);
    let mut answer = nothing(tenant.epoch, now_ms);
    for offer in &message.offers {
        let id = offer.record.id;
        let order = refill::order_of(&offer.record);
        let outcome = if erase::is_gone(office, txn, id, &offer.record.kind, order)? {
            answer.erased.push(id);
            Offered::Refused
        } else {
            refill::take(office, txn, &mut door, &device, offer)?
        };
        answer.offered.push((id, outcome));
    }

    if message.epoch != tenant.epoch {
        answer.again = Some(known(txn, message)?);
        if let Some(cursor) = cursor.filter(|cursor| cursor.epoch == message.epoch) {
            txn.claim_place(cursor.highest)?;
        }
    } else {
        let is_retired = returning::is_retired(office, txn, &mut device, tenant.epoch, message.replica)?;
        let replica = txn.replica(message.replica)?;
        if !is_retired && is_copy(txn, &device, message, replica.as_ref(), token.as_ref())? {
            answer.again = Some(known(txn, message)?);
            door.close(txn)?;
            txn.put_device(&device)?;
            return Ok(Ok(answer));
        }
        let present = cursor.filter(|cursor| cursor.epoch == tenant.epoch);
        let is_stale =
            present.is_some_and(|cursor| returning::is_stale(office, &tenant, &cursor, last_contact_ms, now_ms));
        let position = present.map_or(0, |cursor| cursor.position);
        let author = Author {
            actor: Actor { person: device.person, role: Role::Technician },
            device: Some(device.id),
            position: position.max(device.position),
        };
        let new = Replica { device: device.id, epoch: tenant.epoch, serial: 0, push_id: None, retired_ms: None };
        let replica = replica.unwrap_or(new);
        answer.outcomes = if is_retired {
            returning::hold_back(office, txn, &mut door, &device, &message.push, &mut answer.erased)?
        } else {
            push::take(office, txn, &mut door, &device, &author, &message.push, &mut answer.erased)?
        };
        if let Some(push_id) = message.push_id {
            let accepted = Replica { serial: replica.serial + 1, push_id: Some(push_id), ..replica };
            txn.put_replica(message.replica, &accepted)?;
            let token = Token { replica: message.replica, serial: accepted.serial, push_id };
            answer.token = Some(token.close(office));
        }
        device.position = position.max(device.position);
        if is_retired || is_stale {
            // Everything that only this store has comes first, then a fresh replica id.
            if message.push.is_empty() && message.offers.is_empty() {
                answer.again = Some(known(txn, message)?);
                answer.start_over = is_stale;
            } else {
                answer.more = true;
                answer.rights = pull::rights(txn, &device)?;
                answer.left = pull::late(txn, &device, &answer)?;
                door.close(txn)?;
                txn.put_device(&device)?;
                return Ok(Ok(answer));
            }
        }
    }
    door.close(txn)?;
    let cursor = cursor.filter(|_| !answer.start_over);
    pull::fill(office, txn, &device, message, cursor, &mut answer)?;
    txn.put_device(&device)?;
    Ok(Ok(answer))
}

/// Answers a device that is to be wiped: what it pushed was held, and it gets nothing else. When it says that it is done,
/// that is noted, in the log outside the database too.
fn wipe(office: &Office, txn: &mut dyn Txn, device: Device, message: &Exchange) -> Result<ExchangeAnswer, StoreError> {
    let now_ms = office.now_ms();
    let mut device = Device { contact_ms: Some(now_ms), holding: message.holding, ..device };
    if message.wiping && device.wiped_ms.is_none() {
        office.revocations.note_wiped(device.id, now_ms).map_err(|error| StoreError::Database(error.into()))?;
        device.wiped_ms = Some(now_ms);
    }
    txn.put_device(&device)?;
    let held = message.push.iter().map(|record| (record.id, Outcome::Held { code: Code::Revoked }));
    let epoch = txn.tenant()?.epoch;
    Ok(ExchangeAnswer { outcomes: held.collect(), wipe: true, ..nothing(epoch, now_ms) })
}

/// An answer that says nothing yet.
fn nothing(epoch: u64, now_ms: i64) -> ExchangeAnswer {
    ExchangeAnswer {
        epoch,
        again: None,
        token: None,
        outcomes: Vec::new(),
        offered: Vec::new(),
        delivered: Vec::new(),
        left: Vec::new(),
        erased: Vec::new(),
        cursor: None,
        anew: false,
        more: false,
        fingerprint: None,
        rights: 0,
        server_ms: now_ms,
        wipe: false,
        ranged: Vec::new(),
        start_over: false,
        office_key: None,
        words: BTreeMap::new(),
    }
}

/// Whether a token or cursor proves that this database is older than what was once answered.
fn office_forgot(
    txn: &mut dyn Txn,
    epoch: u64,
    message: &Exchange,
    cursor: Option<&Cursor>,
    token: Option<&Token>,
) -> Result<bool, StoreError> {
    if fieldsync_protocol::planted!("no-epoch-check") {
        return Ok(false);
    }
    if let Some(token) = token.filter(|token| token.replica == message.replica) {
        let last = txn.replica(message.replica)?;
        if last.is_none_or(|last| token.serial > last.serial) {
            return Ok(true);
        }
    }
    if let Some(cursor) = cursor.filter(|cursor| cursor.epoch == epoch) {
        return Ok(txn.chain_at(cursor.highest)? != Some(cursor.chain));
    }
    Ok(false)
}

/// A later epoch that no other restore of the same image is likely to choose.
pub(crate) fn new_epoch(office: &Office, epoch: u64) -> u64 {
    epoch + 1 + u64::from(u16::from_le_bytes(office.random()))
}

/// Whether the store that sent this is a copy of another: the last push accepted under its replica id is neither the
/// token's nor among those it names, a dot it sends is known with another content, or the id is another device's.
fn is_copy(
    txn: &mut dyn Txn,
    device: &Device,
    message: &Exchange,
    replica: Option<&Replica>,
    token: Option<&Token>,
) -> Result<bool, StoreError> {
    if fieldsync_protocol::planted!("no-copy-check") {
        return Ok(false);
    }
    if let Some(replica) = replica {
        let is_named = replica
            .push_id
            .is_none_or(|last| message.sent_ids.contains(&last) || token.is_some_and(|token| token.push_id == last));
        if replica.device != device.id || !is_named && !fieldsync_protocol::planted!("push-id-unchecked") {
            return Ok(true);
        }
    }
    for record in &message.push {
        for edit in &record.edits {
            match txn.dot(record.id, edit.dot)? {
                Some(content) if content != edit.content() && !fieldsync_protocol::planted!("second-content-taken") => {
                    return Ok(true);
                }
                None if edit.dot.replica != message.replica => return Ok(true),
                _ => {}
            }
        }
    }
    Ok(false)
}

/// Which of the dots sent the office has, with the same content.
fn known(txn: &mut dyn Txn, message: &Exchange) -> Result<Vec<SentDot>, StoreError> {
    let pushed = message.push.iter().flat_map(|record| {
        record.edits.iter().map(|edit| SentDot { record: record.id, dot: edit.dot, content: edit.content() })
    });
    let mut known = Vec::new();
    for sent in message.sent_dots.iter().copied().chain(pushed) {
        if txn.dot(sent.record, sent.dot)? == Some(sent.content) && !known.contains(&sent) {
            known.push(sent);
        }
    }
    Ok(known)
}

/// What a device that has everything must hold.
pub(super) fn fingerprint(txn: &mut dyn Txn, device: &Device) -> Result<Fingerprint, StoreError> {
    let own = txn.audience(Audience::of(RecordId(device.person.0)))?;
    let shared = txn.audience(Audience::SHARED)?;
    Ok(Fingerprint { own: own.set, shared: shared.set })
}

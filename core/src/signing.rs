//! What a customer signs, and whether it still says what stands there now.
//!
//! A document is frozen from what is shown, hashed, and signed with strokes bound to that hash and to the device's key.
//! Promises: a document with a signature is never changed; a document that no longer says what is shown cannot be
//! signed; every signature can be verified offline, and whatever differs since is listed by content.

use fieldsync_protocol::document::{
    Difference, Frame, Parties, Statement, Strokes, Unverified, Verified, Voucher, differences, strokes, verify_in,
};
use fieldsync_protocol::enrol::Certificate;
use fieldsync_protocol::job::{self, Job};
use fieldsync_protocol::kinds::Invalid;
use fieldsync_protocol::limits::STROKE_POINTS_MAX;
use fieldsync_protocol::{FieldsExt, Hash, PublicKey, RecordId, Value, encode, fields, show};
use rusqlite::Connection;

use crate::device::Device;
use crate::edit::Draft;
use crate::enrol::identity;
use crate::error::Error;
use crate::projection::Names;
use crate::read::Missing;
use crate::store;

/// A document ready to be shown and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenDocument {
    /// The record that holds it.
    pub id: RecordId,
    /// SHA-256 of its bytes: what a signature is bound to.
    pub hash: Hash,
    /// What it says.
    pub voucher: Voucher,
}

/// One signature of a job, or a refusal, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureStatus {
    /// The record.
    pub signature: RecordId,
    /// SHA-256 of the document it stands under.
    pub document: Hash,
    /// Who signed or refused, how and when, if every link holds; otherwise which one does not.
    pub verified: Result<Verified, Unverified>,
    /// What the document says, when it is here and readable.
    pub signed: Option<Voucher>,
    /// The strokes as drawn; empty for a refusal.
    pub strokes: Strokes,
    /// Whether no later document of the same kind has taken its place.
    pub is_latest: bool,
    /// What differs now from what was signed; empty when nothing does.
    pub differences: Vec<Difference>,
}

impl Device {
    /// Freezes what is shown of `order` into a document and returns it.
    ///
    /// `kind` is `work_done`, `price_consent` or `limitation_accepted`; `language` the tag of the language the customer
    /// is shown it in; `consent` the sentence the customer agrees to. The document is stored like any entry, safe when
    /// the call returns. Freezing again makes a new document that takes the place of the earlier ones.
    ///
    /// # Errors
    /// [`Error::NotReady`] when no report says how the work ended; a price consent comes before the work and needs
    /// none. [`Error::SignedOut`] without a certificate, [`Error::NotFound`] without the order.
    pub fn freeze_document(
        &self,
        order: RecordId,
        kind: &str,
        language: &str,
        consent: &str,
    ) -> Result<FrozenDocument, Error> {
        let (voucher, seen) = self.read(|conn| {
            let job = job(conn, order)?;
            if kind != "price_consent" && !job.reports.iter().any(|report| report.outcome.is_some()) {
                return Err(Error::NotReady { missing: Missing::Report });
            }
            let names = Names::of_job(conn, &job)?;
            let certificate = identity(conn)?.ok_or(Error::SignedOut)?.certificate;
            Ok((voucher(&job, &names, kind, language, consent, &certificate), document_heads(&job)))
        })?;
        let content = voucher.to_bytes();
        let hash = Hash::sha256(&content);
        let id = self.new_id();
        let seen: Vec<Value> = seen.into_iter().map(Value::from).collect();
        let document = fields! {
            "work_order" => order, "document_kind" => kind, "content" => content, "hash" => hash, "seen" => seen,
        };
        self.edit(Draft::of("document", id).set("document", document))?;
        Ok(FrozenDocument { id, hash, voucher })
    }

    /// Records the customer's signature under `document` and returns the signature's record.
    ///
    /// # Errors
    /// [`Error::DocumentOutdated`] when a later document took its place or the job no longer says what it says: freeze
    /// it again. [`Error::Invalid`] without strokes, with too many points, or without the signer's name.
    pub fn sign(&self, document: RecordId, strokes: &Strokes, signer: &str, role: &str) -> Result<RecordId, Error> {
        let points: usize = strokes.iter().map(Vec::len).sum();
        if points == 0 {
            return Err(Invalid::Missing("strokes").into());
        }
        if points > STROKE_POINTS_MAX {
            return Err(Invalid::TooLong("strokes").into());
        }
        self.state(document, strokes, signer, role, None)
    }

    /// Records that the customer refused to sign `document`, and why, and returns the record.
    ///
    /// # Errors
    /// As for [`Device::sign`]; [`Error::Invalid`] without a reason.
    pub fn refuse_signature(
        &self,
        document: RecordId,
        signer: &str,
        role: &str,
        reason: &str,
    ) -> Result<RecordId, Error> {
        if reason.trim().is_empty() {
            return Err(Invalid::Missing("reason").into());
        }
        self.state(document, &Strokes::new(), signer, role, Some(reason))
    }

    /// Verifies every signature of `order` and compares what was signed with what is shown now, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the order, [`Error::SignedOut`] when the office's root is not known.
    pub fn verify(&self, order: RecordId) -> Result<Vec<SignatureStatus>, Error> {
        self.read(|conn| {
            let job = job(conn, order)?;
            let names = Names::of_job(conn, &job)?;
            let root = identity(conn)?.ok_or(Error::SignedOut)?.root;
            Ok(statuses(&job, &names, &root))
        })
    }

    fn state(
        &self,
        document: RecordId,
        strokes: &Strokes,
        signer: &str,
        role: &str,
        refused: Option<&str>,
    ) -> Result<RecordId, Error> {
        if signer.trim().is_empty() {
            return Err(Invalid::Missing("signer").into());
        }
        let (order, hash, identity) = self.read(|conn| {
            let (job, frozen) = frozen(conn, document)?;
            let names = Names::of_job(conn, &job)?;
            let signed = Voucher::from_bytes(&frozen.content).ok_or(Error::Defect("document_unreadable"))?;
            let is_current = is_latest(&job, &frozen) && differences(&signed, &now(&job, &names, &signed)).is_empty();
            if !is_current {
                return Err(Error::DocumentOutdated);
            }
            Ok((job.order.id, frozen.hash, identity(conn)?.ok_or(Error::SignedOut)?))
        })?;
        let strokes = encode::cbor(strokes);
        let statement = Statement {
            v: 1,
            document: hash,
            strokes: Hash::sha256(&strokes),
            signer: signer.to_owned(),
            role: role.to_owned(),
            refused: refused.map(str::to_owned),
            signed_ms: self.now_ms(),
            device: identity.device,
        };
        let device_signature = statement.sign(identity.key());
        let id = self.new_id();
        let signature = fields! {
            "work_order" => order, "document" => hash, "statement" => statement.to_bytes(), "strokes" => strokes,
            "device_signature" => device_signature,
        };
        self.edit(Draft::of("signature", id).set("signature", signature))?;
        Ok(id)
    }
}

/// The job of an order on this device.
pub(crate) fn job(conn: &Connection, order: RecordId) -> Result<Job, Error> {
    let record = store::shown(conn, order)?
        .filter(|record| record.kind == "work_order" && !record.is_deleted())
        .ok_or(Error::NotFound)?;
    let mut below = store::below(conn, order)?;
    below.retain(|record| !record.is_deleted());
    Ok(Job::collect(&record, &below))
}

fn frozen(conn: &Connection, document: RecordId) -> Result<(Job, job::Document), Error> {
    let record = store::shown(conn, document)?.filter(|record| record.kind == "document").ok_or(Error::NotFound)?;
    let order = show::main_fields(&record).and_then(|fields| fields.id("work_order")).ok_or(Error::NotFound)?;
    let job = job(conn, order)?;
    let frozen = job.documents.iter().find(|known| known.id == document).cloned().ok_or(Error::NotFound)?;
    Ok((job, frozen))
}

fn voucher(job: &Job, names: &Names, kind: &str, language: &str, consent: &str, device: &Certificate) -> Voucher {
    let technicians = names.all();
    Voucher::of(job, Frame { kind, language, consent, parties: Parties::of(job, names.all()), technicians, device })
}

/// The voucher of `job` as it would be shown now, in the frame of one that was signed.
fn now(job: &Job, names: &Names, signed: &Voucher) -> Voucher {
    voucher(job, names, &signed.kind, &signed.language, &signed.consent, &signed.device)
}

/// The documents of one kind that no other has seen.
fn is_latest(job: &Job, document: &job::Document) -> bool {
    let same_kind = || job.documents.iter().filter(|other| other.document_kind == document.document_kind);
    let unseen = same_kind().filter(|other| !same_kind().any(|later| later.seen.contains(&other.id)));
    unseen.max_by_key(|other| other.id).is_some_and(|latest| latest.id == document.id)
}

/// The documents that no other has seen: what a new one names as seen.
fn document_heads(job: &Job) -> Vec<RecordId> {
    let is_seen = |id: RecordId| job.documents.iter().any(|later| later.seen.contains(&id));
    job.documents.iter().map(|document| document.id).filter(|id| !is_seen(*id)).collect()
}

/// Every signature of the job, verified and compared.
pub(crate) fn statuses(job: &Job, names: &Names, root: &PublicKey) -> Vec<SignatureStatus> {
    job.signatures
        .iter()
        .map(|signature| {
            let document = job.documents.iter().find(|document| document.hash == signature.document);
            let signed = document.and_then(|document| Voucher::from_bytes(&document.content));
            let differences =
                signed.as_ref().map(|signed| differences(signed, &now(job, names, signed))).unwrap_or_default();
            SignatureStatus {
                signature: signature.id,
                document: signature.document,
                verified: verify_in(job, signature, root),
                signed,
                strokes: strokes(&signature.strokes).unwrap_or_default(),
                is_latest: document.is_some_and(|document| is_latest(job, document)),
                differences,
            }
        })
        .collect()
}

/// Whether the job no longer says what the customer signed last.
pub(crate) fn differs_from_signed(job: &Job, names: &Names) -> bool {
    let given = job.signatures.iter().rev().find(|signature| {
        Statement::from_bytes(&signature.statement).is_some_and(|statement| statement.refused.is_none())
    });
    let document = given.and_then(|given| job.documents.iter().find(|document| document.hash == given.document));
    let signed = document.and_then(|document| Voucher::from_bytes(&document.content));
    signed.is_some_and(|signed| !differences(&signed, &now(job, names, &signed)).is_empty())
}

#[cfg(test)]
mod tests;

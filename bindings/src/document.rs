//! What a customer signs, and whether it still says what stands there now.

use std::collections::HashMap;

use fieldsync::protocol::document::{self, Point};
use fieldsync::{RecordId, signing};
use uuid::Uuid;

use crate::device::Device;
use crate::error::FieldsyncError;
use crate::values::words;

words! {
    /// What is signed.
    DocumentKind {
        /// The work as done, with parts and totals.
        WorkDone = "work_done",
        /// A price, before the work.
        PriceConsent = "price_consent",
        /// A fault that remains.
        LimitationAccepted = "limitation_accepted",
    }
}

/// A document ready to be shown and signed.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct FrozenDocument {
    /// The record that holds it.
    pub id: Uuid,
    /// SHA-256 of its bytes, hexadecimal: what a signature is bound to.
    pub hash: String,
    /// What it says. Show this, nothing else, to whoever signs.
    pub voucher: Voucher,
}

/// What a customer signs.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Voucher {
    /// What is signed.
    pub kind: DocumentKind,
    /// Language the customer was shown it in.
    pub language: String,
    /// The sentence the customer agrees to.
    pub consent: String,
    /// The order's number.
    pub number: String,
    /// The customer's name.
    pub customer: String,
    /// Where.
    pub site: String,
    /// On what.
    pub asset: String,
    /// The problem in the customer's words.
    pub problem: String,
    /// Charging category; empty for none.
    pub category: String,
    /// What was reported, by whom.
    pub reports: Vec<VoucherReport>,
    /// Parts used, voided ones left out.
    pub parts: Vec<VoucherPart>,
    /// Minutes by activity.
    pub minutes: HashMap<String, i64>,
    /// Sum of the priced parts, minor units by currency.
    pub totals: HashMap<String, i64>,
    /// SHA-256 of the photos, hexadecimal, in order.
    pub photos: Vec<String>,
    /// The document's bytes as text: canonical JSON (RFC 8785). Its UTF-8 is what is hashed.
    pub json: String,
}

/// One technician's report, as shown.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct VoucherReport {
    /// The technician's name.
    pub technician: String,
    /// The report's fields that say something, by name.
    pub entries: HashMap<String, String>,
}

/// One part line, as shown.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct VoucherPart {
    /// Part number.
    pub number: String,
    /// What it is.
    pub name: String,
    /// Thousandths of `unit`.
    pub quantity_milli: i64,
    /// Unit.
    pub unit: String,
    /// Charging category.
    pub charge: Option<String>,
    /// Price of one unit, minor units.
    pub price_minor: Option<i64>,
    /// Currency.
    pub currency: Option<String>,
    /// Price times quantity, minor units.
    pub total_minor: Option<i64>,
}

impl From<document::Voucher> for Voucher {
    fn from(voucher: document::Voucher) -> Self {
        let json = String::from_utf8_lossy(&voucher.to_bytes()).into_owned();
        let parties = voucher.parties;
        Self {
            kind: DocumentKind::of(&voucher.kind),
            language: voucher.language,
            consent: voucher.consent,
            number: parties.number,
            customer: parties.customer,
            site: parties.site,
            asset: parties.asset,
            problem: parties.problem,
            category: parties.category,
            reports: voucher
                .reports
                .into_iter()
                .map(|report| VoucherReport {
                    technician: report.technician,
                    entries: report.entries.into_iter().collect(),
                })
                .collect(),
            parts: voucher
                .parts
                .into_iter()
                .map(|part| VoucherPart {
                    number: part.number,
                    name: part.name,
                    quantity_milli: part.quantity_milli,
                    unit: part.unit,
                    charge: part.charge,
                    price_minor: part.price_minor,
                    currency: part.currency,
                    total_minor: part.total_minor,
                })
                .collect(),
            minutes: voucher.minutes.into_iter().collect(),
            totals: voucher.totals.into_iter().collect(),
            photos: voucher.photos.iter().map(ToString::to_string).collect(),
            json,
        }
    }
}

/// One point of a stroke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct StrokePoint {
    /// Rightwards, 0 to 1000 over the width of the field.
    pub x: i32,
    /// Downwards, 0 to 400 over its height.
    pub y: i32,
    /// Milliseconds since the first point of the first stroke.
    pub time_ms: i32,
    /// Pressure, thousandths; 500 where the screen cannot tell.
    pub pressure: i32,
}

/// A line drawn without lifting.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Stroke {
    /// Its points, in the order drawn.
    pub points: Vec<StrokePoint>,
}

/// One signature of a job, or a refusal, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SignatureState {
    /// The record.
    pub signature: Uuid,
    /// SHA-256 of the document it stands under, hexadecimal.
    pub document: String,
    /// Whether every link holds: document, strokes, the device's key, the office's root.
    pub is_verified: bool,
    /// Which link does not hold, as a sentence.
    pub problem: Option<String>,
    /// Who signed or refused; empty when it does not verify.
    pub signer: String,
    /// In which role.
    pub role: String,
    /// When, on the device's clock.
    pub signed_ms: i64,
    /// Why signing was refused; none when it was signed.
    pub refused: Option<String>,
    /// When the office received it; none before.
    pub countersigned_ms: Option<i64>,
    /// What the document says, when it is here and readable.
    pub signed: Option<Voucher>,
    /// The strokes as drawn; empty for a refusal.
    pub strokes: Vec<Stroke>,
    /// Whether no later document of the same kind has taken its place.
    pub is_latest: bool,
    /// What differs now from what was signed; empty when nothing does.
    pub differences: Vec<Difference>,
}

/// One difference between what was signed and what stands now.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Difference {
    /// Where, as words joined by ` / `.
    pub place: String,
    /// As signed; none when it was not there.
    pub signed: Option<String>,
    /// Now; none when it is gone.
    pub now: Option<String>,
}

impl From<signing::SignatureStatus> for SignatureState {
    fn from(status: signing::SignatureStatus) -> Self {
        let problem = status.verified.as_ref().err().map(|error| format!("Failed to {error}."));
        let verified = status.verified.ok();
        let countersigned_ms = verified.as_ref().and_then(|verified| verified.countersigned_ms);
        let statement = verified.map(|verified| verified.statement);
        let point = |point: Point| StrokePoint { x: point.0, y: point.1, time_ms: point.2, pressure: point.3 };
        Self {
            signature: status.signature.0,
            document: status.document.to_string(),
            is_verified: problem.is_none(),
            problem,
            signer: statement.as_ref().map(|statement| statement.signer.clone()).unwrap_or_default(),
            role: statement.as_ref().map(|statement| statement.role.clone()).unwrap_or_default(),
            signed_ms: statement.as_ref().map_or(0, |statement| statement.signed_ms),
            refused: statement.and_then(|statement| statement.refused),
            countersigned_ms,
            signed: status.signed.map(Voucher::from),
            strokes: status
                .strokes
                .into_iter()
                .map(|stroke| Stroke { points: stroke.into_iter().map(point).collect() })
                .collect(),
            is_latest: status.is_latest,
            differences: status
                .differences
                .into_iter()
                .map(|difference| Difference {
                    place: difference.place,
                    signed: difference.signed,
                    now: difference.now,
                })
                .collect(),
        }
    }
}

/// Everything a third party needs to verify one signature without this engine; `docs/PROTOCOL.md` says how.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Evidence {
    /// The signature's record.
    pub signature: Uuid,
    /// The document: canonical JSON. Its SHA-256 stands in the statement; it holds the device's certificate.
    pub document: Vec<u8>,
    /// The statement: canonical JSON, what the device signed.
    pub statement: Vec<u8>,
    /// The strokes: CBOR. Their SHA-256 stands in the statement.
    pub strokes: Vec<u8>,
    /// The device's Ed25519 signature over the statement.
    pub device_signature: Vec<u8>,
    /// When the office received it, as counter-signed.
    pub countersigned_ms: Option<i64>,
    /// The office's Ed25519 counter-signature.
    pub countersignature: Option<Vec<u8>>,
    /// The office's public root, Ed25519, as known since enrolment.
    pub root: Vec<u8>,
}

#[uniffi::export]
impl Device {
    /// Freezes what is shown of an order into a document and returns it, for the customer to read. `language` is the tag
    /// of the language it is shown in, `consent` the sentence the customer agrees to. It is stored when the call returns;
    /// freezing again makes a new document that takes the place of the earlier ones.
    ///
    /// # Errors
    /// `NotNow` with `missing_report` when no report says how the work ended, except for a price consent; `SignIn`.
    pub fn freeze_document(
        &self,
        order: Uuid,
        kind: DocumentKind,
        language: String,
        consent: String,
    ) -> Result<FrozenDocument, FieldsyncError> {
        self.call(|engine| {
            let frozen = engine.freeze_document(RecordId(order), kind.word(), &language, &consent)?;
            Ok(FrozenDocument { id: frozen.id.0, hash: frozen.hash.to_string(), voucher: frozen.voucher.into() })
        })
    }

    /// Records the customer's signature under a document, bound to its hash and to this device's key, and returns the
    /// signature's record. At most 20,000 points.
    ///
    /// # Errors
    /// `NotNow` with `document_outdated` when a later document took its place or the job no longer says what it says:
    /// freeze again and show that. `FixEntry` without strokes or without the signer's name.
    pub fn sign(
        &self,
        document: Uuid,
        strokes: Vec<Stroke>,
        signer: String,
        role: String,
    ) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| {
            let point = |point: StrokePoint| Point(point.x, point.y, point.time_ms, point.pressure);
            let strokes = strokes.into_iter().map(|stroke| stroke.points.into_iter().map(point).collect()).collect();
            Ok(engine.sign(RecordId(document), &strokes, &signer, &role)?.0)
        })
    }

    /// Records that the customer refused to sign a document, and why, and returns the record.
    ///
    /// # Errors
    /// Like `sign`; `FixEntry` without a reason.
    pub fn refuse_signature(
        &self,
        document: Uuid,
        signer: String,
        role: String,
        reason: String,
    ) -> Result<Uuid, FieldsyncError> {
        self.call(|engine| Ok(engine.refuse_signature(RecordId(document), &signer, &role, &reason)?.0))
    }

    /// Verifies every signature of an order and compares what was signed with what is shown now, oldest first. Works
    /// offline.
    ///
    /// # Errors
    /// `NotNow` without the order; `SignIn` when the office's root is not known.
    pub fn verify(&self, order: Uuid) -> Result<Vec<SignatureState>, FieldsyncError> {
        self.call(|engine| Ok(engine.verify(RecordId(order))?.into_iter().map(SignatureState::from).collect()))
    }

    /// What a third party needs to verify the signatures of an order without this engine, oldest first. Signatures whose
    /// document is not on this device are left out.
    ///
    /// # Errors
    /// Like `verify`.
    pub fn evidence(&self, order: Uuid) -> Result<Vec<Evidence>, FieldsyncError> {
        self.call(|engine| {
            let root = engine.identity()?.ok_or(fieldsync::Error::SignedOut)?.root;
            let job = engine.job(RecordId(order))?.job;
            let evidence = job.signatures.iter().filter_map(|signature| {
                let document = job.documents.iter().find(|document| document.hash == signature.document)?;
                Some(Evidence {
                    signature: signature.id.0,
                    document: document.content.clone(),
                    statement: signature.statement.clone(),
                    strokes: signature.strokes.clone(),
                    device_signature: signature.device_signature.0.to_vec(),
                    countersigned_ms: signature.countersignature.as_ref().map(|(at_ms, _)| *at_ms),
                    countersignature: signature.countersignature.as_ref().map(|(_, bytes)| bytes.0.to_vec()),
                    root: root.0.to_vec(),
                })
            });
            Ok(evidence.collect())
        })
    }
}

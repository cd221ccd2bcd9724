//! Signed documents: what the customer is shown, frozen as canonical JSON (RFC 8785) and hashed with SHA-256, and the
//! signature bound to that hash and to the device's key.
//!
//! Promises: a document holds the values shown and the version of the table of kinds, no dots; anybody with the document,
//! the signature and the tenant's public root can verify it offline; any later difference is computed by content.

use std::collections::BTreeMap;

use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};

use crate::amount;
use crate::encode;
use crate::enrol::{Certificate, verifies};
use crate::ids::{DeviceId, Hash, PublicKey, RecordId, SignatureBytes};
use crate::job::{Job, Signature};
use crate::kinds::TABLE_VERSION;
use crate::limits::STROKE_POINTS_MAX;
use crate::value::FieldsExt;

/// What a customer signs: the service voucher with everything shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    /// Format of this document.
    pub v: u8,
    /// `work_done`, `price_consent` or `limitation_accepted`.
    pub kind: String,
    /// Version of the table of kinds whose words appear.
    pub table: u32,
    /// Language the customer was shown it in.
    pub language: String,
    /// The sentence the customer agrees to.
    pub consent: String,
    /// The office, the order and whom it concerns.
    pub parties: Parties,
    /// What was reported, by whom.
    pub reports: Vec<VoucherReport>,
    /// Parts used, voided ones left out.
    pub parts: Vec<VoucherPart>,
    /// Minutes by activity.
    pub minutes: BTreeMap<String, i64>,
    /// Sum of the priced parts, minor units by currency.
    pub totals: BTreeMap<String, i64>,
    /// SHA-256 of the photos, in order.
    pub photos: Vec<Hash>,
    /// The certificate of the device that froze it.
    pub device: Certificate,
}

/// Whom a document concerns, as shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parties {
    /// The order's number.
    pub number: String,
    /// The customer's name.
    pub customer: String,
    /// Where.
    pub site: String,
    /// What.
    pub asset: String,
    /// The problem in the customer's words.
    pub problem: String,
    /// Charging category.
    pub category: String,
}

impl Parties {
    /// The parties of `job` as every screen and every document shows them. `names` holds [`crate::show::name`] of the
    /// records the job refers to; what is not in it reads as empty.
    pub fn of(job: &Job, names: &BTreeMap<RecordId, String>) -> Parties {
        let name = |role: &str| job.party(role).and_then(|id| names.get(&id).cloned()).unwrap_or_default();
        let text = |group: &str, field: &str| {
            job.group(group).and_then(|fields| fields.text(field)).unwrap_or_default().to_owned()
        };
        Parties {
            number: job.number().unwrap_or_default().to_owned(),
            customer: name("customer"),
            site: name("site"),
            asset: name("asset"),
            problem: text("problem", "text"),
            category: text("category", "category"),
        }
    }
}

/// One technician's report, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherReport {
    /// The technician's name.
    pub technician: String,
    /// The report's fields in order of name, those that say something.
    pub entries: BTreeMap<String, String>,
}

/// One part line, as shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What is not in the job's records but on the page the customer sees.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    /// `work_done`, `price_consent` or `limitation_accepted`.
    pub kind: &'a str,
    /// Language tag.
    pub language: &'a str,
    /// The sentence the customer agrees to.
    pub consent: &'a str,
    /// Names of customer, site and asset, as shown.
    pub parties: Parties,
    /// Names of technicians by id; an unknown one is shown by id.
    pub technicians: &'a BTreeMap<RecordId, String>,
    /// The device's certificate.
    pub device: &'a Certificate,
}

impl Voucher {
    /// The voucher of `job` as it would be shown now.
    pub fn of(job: &Job, frame: Frame<'_>) -> Voucher {
        let name = |id: RecordId| frame.technicians.get(&id).cloned().unwrap_or_else(|| id.to_string());
        let mut minutes = BTreeMap::new();
        for entry in job.times.iter().filter(|entry| entry.void.is_none()) {
            let spent = entry.to_ms.saturating_sub(entry.from_ms).max(0) / 60_000;
            let sum: &mut i64 = minutes.entry(entry.activity.clone()).or_insert(0);
            *sum = sum.saturating_add(spent);
        }
        let mut totals = BTreeMap::new();
        let parts: Vec<VoucherPart> = job
            .parts
            .iter()
            .filter(|part| part.void.is_none())
            .map(|part| {
                if let (Some(total), Some(currency)) = (part.total_minor(), &part.currency) {
                    let sum: &mut i64 = totals.entry(currency.clone()).or_insert(0);
                    *sum = sum.saturating_add(total);
                }
                VoucherPart {
                    number: part.number.clone(),
                    name: part.name.clone(),
                    quantity_milli: part.quantity_milli,
                    unit: part.unit.clone(),
                    charge: part.charge.clone(),
                    price_minor: part.price_minor,
                    currency: part.currency.clone(),
                    total_minor: part.total_minor(),
                }
            })
            .collect();
        Voucher {
            v: 1,
            kind: frame.kind.to_owned(),
            table: TABLE_VERSION,
            language: frame.language.to_owned(),
            consent: frame.consent.to_owned(),
            reports: job.reports.iter().map(|report| voucher_report(name(report.technician), report)).collect(),
            parts,
            minutes,
            totals,
            photos: job.attachments.iter().filter(|photo| photo.void.is_none()).map(|photo| photo.hash).collect(),
            device: frame.device.clone(),
            parties: frame.parties,
        }
    }

    /// The document's bytes: canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("plain JSON always has a canonical form")
    }

    /// Reads a document back; `None` when it is not a voucher of a known format.
    pub fn from_bytes(bytes: &[u8]) -> Option<Voucher> {
        let voucher: Voucher = serde_json::from_slice(bytes).ok()?;
        (voucher.v == 1).then_some(voucher)
    }
}

fn voucher_report(technician: String, report: &crate::job::WorkReport) -> VoucherReport {
    let mut entries = BTreeMap::new();
    let mut say = |name: &str, text: &Option<String>| {
        if let Some(text) = text {
            entries.insert(name.to_owned(), text.clone());
        }
    };
    say("fault_location", &report.fault_location);
    say("cause", &report.cause);
    say("attribution", &report.attribution);
    say("method", &report.method);
    say("program_change", &report.program_change);
    say("hazards", &report.hazards);
    say("outcome", &report.outcome);
    say("outcome_text", &report.outcome_text);
    for change in &report.parameters {
        entries.insert(format!("parameter {}", change.name), format!("{} → {}", change.old, change.new));
    }
    VoucherReport { technician, entries }
}

/// One difference between what was signed and what stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Where, as words joined by ` / `.
    pub place: String,
    /// As signed; `None` when it was not there.
    pub signed: Option<String>,
    /// Now; `None` when it is gone.
    pub now: Option<String>,
}

/// What differs between a signed document and the voucher as it would be shown now, compared by content. The device's
/// certificate and the language do not count.
pub fn differences(signed: &Voucher, now: &Voucher) -> Vec<Difference> {
    let (mut before, mut after) = (leaves(signed), leaves(now));
    let places: std::collections::BTreeSet<String> = before.keys().chain(after.keys()).cloned().collect();
    places
        .into_iter()
        .filter_map(|place| {
            let (signed, now) = (before.remove(&place), after.remove(&place));
            (signed != now).then_some(Difference { place, signed, now })
        })
        .collect()
}

/// Every shown value of a voucher, by its place.
fn leaves(voucher: &Voucher) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    let parties = &voucher.parties;
    for (place, text) in [
        ("customer", &parties.customer),
        ("site", &parties.site),
        ("asset", &parties.asset),
        ("problem", &parties.problem),
        ("category", &parties.category),
        ("consent", &voucher.consent),
    ] {
        leaves.insert(place.to_owned(), text.clone());
    }
    for report in &voucher.reports {
        for (name, text) in &report.entries {
            leaves.insert(format!("report / {} / {name}", report.technician), text.clone());
        }
    }
    for part in &voucher.parts {
        let mut place = format!("part / {} {}", part.number, part.name);
        while leaves.contains_key(&place) {
            place.push('\'');
        }
        let price = part.price_minor.map(|price| amount::money(price, part.currency.as_deref().unwrap_or_default()));
        let price = price.map(|price| format!(" at {price}")).unwrap_or_default();
        leaves.insert(place, format!("{} {}{price}", amount::quantity(part.quantity_milli), part.unit));
    }
    for (activity, minutes) in &voucher.minutes {
        leaves.insert(format!("time / {activity}"), format!("{minutes} min"));
    }
    for (currency, minor) in &voucher.totals {
        leaves.insert(format!("total / {currency}"), amount::money(*minor, currency));
    }
    for photo in &voucher.photos {
        leaves.insert(format!("photo / {photo}"), "present".to_owned());
    }
    leaves
}

/// One point of a stroke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point(
    /// Rightwards, 0 to 1000.
    pub i32,
    /// Downwards, 0 to 400.
    pub i32,
    /// Milliseconds since the first point.
    pub i32,
    /// Pressure, thousandths.
    pub i32,
);

/// A signature as drawn: strokes of points.
pub type Strokes = Vec<Vec<Point>>;

/// Reads strokes from a signature record; `None` when they are not strokes or too many.
pub fn strokes(bytes: &[u8]) -> Option<Strokes> {
    let strokes: Strokes = encode::from_cbor(bytes).ok()?;
    (strokes.iter().map(Vec::len).sum::<usize>() <= STROKE_POINTS_MAX).then_some(strokes)
}

/// What the device signs: who stands under which document, with which strokes, or who refused and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// Format of this statement.
    pub v: u8,
    /// SHA-256 of the document.
    pub document: Hash,
    /// SHA-256 of the strokes.
    pub strokes: Hash,
    /// The name of who signed or refused.
    pub signer: String,
    /// In which role: customer, site manager, ...
    pub role: String,
    /// Why the signature was refused; `None` when it was given.
    pub refused: Option<String>,
    /// When, on the device's clock.
    pub signed_ms: i64,
    /// The device that collected it.
    pub device: DeviceId,
}

impl Statement {
    /// The bytes that are signed: canonical JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("plain JSON always has a canonical form")
    }

    /// Reads a statement back.
    pub fn from_bytes(bytes: &[u8]) -> Option<Statement> {
        let statement: Statement = serde_json::from_slice(bytes).ok()?;
        (statement.v == 1).then_some(statement)
    }

    /// Signs it with the device's key.
    pub fn sign(&self, key: &SigningKey) -> SignatureBytes {
        SignatureBytes(key.sign(&self.to_bytes()).to_bytes())
    }
}

/// What the office's root signs when a signature arrives: this statement had reached it by that time.
pub fn countersigned_bytes(statement: &[u8], at_ms: i64) -> Vec<u8> {
    format!("fieldsync countersignature v1\n{}\n{at_ms}", Hash::sha256(statement)).into_bytes()
}

/// Counter-signs a statement.
pub fn countersign(root: &SigningKey, statement: &[u8], at_ms: i64) -> SignatureBytes {
    SignatureBytes(root.sign(&countersigned_bytes(statement, at_ms)).to_bytes())
}

/// The result of verifying a signature against its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who, how, when.
    pub statement: Statement,
    /// When the office had received it, when it was counter-signed.
    pub countersigned_ms: Option<i64>,
}

/// Why a signature does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// The document under the signature is not here.
    #[error("find the document that was signed")]
    NoDocument,
    /// The document's bytes do not have the hash that was signed.
    #[error("match the document with the hash that was signed")]
    DocumentChanged,
    /// The strokes are not those that were signed.
    #[error("match the strokes with the hash that was signed")]
    StrokesChanged,
    /// Document or statement cannot be read.
    #[error("read the document or the statement")]
    Unreadable,
    /// The device's certificate is not the office's.
    #[error("verify the device's certificate")]
    Certificate,
    /// The device's key did not sign this statement.
    #[error("verify the device's signature")]
    DeviceSignature,
    /// The counter-signature is not the office's.
    #[error("verify the office's counter-signature")]
    Countersignature,
}

/// Verifies a signature with nothing but the document, the signature and the tenant's public root.
///
/// # Errors
/// [`Unverified`] says which link does not hold.
pub fn verify(document: &[u8], signature: &Signature, root: &PublicKey) -> Result<Verified, Unverified> {
    let statement = Statement::from_bytes(&signature.statement).ok_or(Unverified::Unreadable)?;
    if Hash::sha256(document) != statement.document || statement.document != signature.document {
        return Err(Unverified::DocumentChanged);
    }
    if Hash::sha256(&signature.strokes) != statement.strokes {
        return Err(Unverified::StrokesChanged);
    }
    let certificate = Voucher::from_bytes(document).ok_or(Unverified::Unreadable)?.device;
    if !certificate.is_valid(root) || certificate.device != statement.device {
        return Err(Unverified::Certificate);
    }
    if !verifies(&certificate.public_key, &signature.statement, &signature.device_signature) {
        return Err(Unverified::DeviceSignature);
    }
    if let Some((at_ms, countersignature)) = &signature.countersignature
        && !verifies(root, &countersigned_bytes(&signature.statement, *at_ms), countersignature)
    {
        return Err(Unverified::Countersignature);
    }
    Ok(Verified { statement, countersigned_ms: signature.countersignature.map(|(at_ms, _)| at_ms) })
}

/// Verifies a signature of a job against the job's own documents.
///
/// # Errors
/// [`Unverified`] says which link does not hold.
pub fn verify_in(job: &Job, signature: &Signature, root: &PublicKey) -> Result<Verified, Unverified> {
    let document =
        job.documents.iter().find(|document| document.hash == signature.document).ok_or(Unverified::NoDocument)?;
    verify(&document.content, signature, root)
}

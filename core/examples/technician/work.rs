//! What the technician does on a job.

use std::fs;
use std::path::Path;

use fieldsync::protocol::document::{Point, Strokes};
use fieldsync::protocol::job::ParameterChange;
use fieldsync::work::{Activity, Known, NewAsset, NewCustomer, NewSite, OpenOrder, PartEntry, ReportEntry, TimeEntry};
use fieldsync::{Device, Error, RecordId};
use serde_json::json;

use crate::args::{self, Document, Note, Photo, Refuse, Report, Sign, Time, Void};
use crate::failure::Failure;
use crate::text::{ending, thousandths};
use crate::{Answer, lookup, read};

pub(crate) fn visit(
    device: &Device,
    job: &str,
    step: impl FnOnce(&Device, RecordId) -> Result<RecordId, Error>,
) -> Result<Answer, Failure> {
    let order = lookup::job(device, job)?;
    let event = step(device, order)?;
    let page = device.job(order)?;
    let mut text = format!("{} is now: {}\n", page.job.number().unwrap_or(job), page.status.label());
    if !page.missing.is_empty() {
        text.push_str(&format!("still to do: {}\n", read::missing(&page.missing)));
    }
    Ok(Answer::new(json!({ "event": event, "status": page.status, "missing": page.missing }), text))
}

pub(crate) fn report(device: &Device, arguments: &Report) -> Result<Answer, Failure> {
    let order = lookup::job(device, &arguments.job)?;
    let parameters = arguments.parameter.iter().map(|typed| parameter(typed)).collect::<Result<Vec<_>, _>>()?;
    let entry = ReportEntry {
        fault_location: arguments.location.clone(),
        cause: arguments.cause.clone(),
        attribution: arguments.attribution.clone(),
        method: arguments.method.clone(),
        program_change: arguments.program.clone(),
        parameters: (!parameters.is_empty()).then_some(parameters),
        hazards: arguments.hazards.clone(),
        outcome: arguments.outcome.clone(),
        outcome_text: arguments.text.clone(),
        seen: None,
    };
    if entry == ReportEntry::default() {
        return Err(Failure::Usage("the report would say nothing; name at least one of its parts".to_owned()));
    }
    let report = device.write_report(order, &entry)?;
    recorded("report", report)
}

fn parameter(typed: &str) -> Result<ParameterChange, Failure> {
    let parts = typed.split_once('=').and_then(|(name, change)| Some((name, change.split_once('>')?)));
    let (name, (old, new)) = parts.ok_or_else(|| Failure::Usage(format!("{typed} is not NAME=OLD>NEW")))?;
    let text = |text: &str| text.trim().to_owned();
    Ok(ParameterChange { name: text(name), old: text(old), new: text(new) })
}

pub(crate) fn part(device: &Device, arguments: &args::Part) -> Result<Answer, Failure> {
    let order = lookup::job(device, &arguments.job)?;
    let quantity_milli = thousandths(&arguments.quantity)?;
    let known = device.catalogue(&arguments.number, 50)?;
    let known = known.iter().find(|part| part.number.eq_ignore_ascii_case(&arguments.number));
    let mut entry = match (known, &arguments.name) {
        (Some(part), _) => PartEntry::of(part, quantity_milli),
        (None, Some(name)) => PartEntry {
            number: arguments.number.clone(),
            name: name.clone(),
            unit: arguments.unit.clone(),
            quantity_milli,
            ..PartEntry::default()
        },
        (None, None) => {
            return Err(Failure::Usage(format!(
                "{} is not in the catalogue; say what it is with --name",
                arguments.number
            )));
        }
    };
    entry.charge = arguments.charge.clone();
    entry.serial_in = arguments.serial_in.clone();
    entry.serial_out = arguments.serial_out.clone();
    recorded("part", device.use_part(order, &entry)?)
}

pub(crate) fn photo(device: &Device, arguments: &Photo) -> Result<Answer, Failure> {
    let order = lookup::job(device, &arguments.job)?;
    let content =
        fs::read(&arguments.file).map_err(|error| Failure::File(arguments.file.display().to_string(), error))?;
    let photo = device.add_attachment(order, media_type(&arguments.file), &content, arguments.caption.as_deref())?;
    recorded("photo", photo)
}

fn media_type(file: &Path) -> &'static str {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or("").to_ascii_lowercase();
    match extension.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "heic" => "image/heic",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

pub(crate) fn time(device: &Device, arguments: &Time) -> Result<Answer, Failure> {
    let order = lookup::job(device, &arguments.job)?;
    let activity = Activity::from_name(&arguments.activity).unwrap_or(Activity::Work);
    let to_ms = device.now_ms() - arguments.ago * 60_000;
    let entry = TimeEntry { activity, from_ms: to_ms - arguments.minutes * 60_000, to_ms, is_timed: false };
    recorded("time", device.add_time(order, entry)?)
}

pub(crate) fn note(device: &Device, arguments: &Note) -> Result<Answer, Failure> {
    recorded("note", device.add_note(lookup::job(device, &arguments.job)?, &arguments.text)?)
}

pub(crate) fn void(device: &Device, arguments: &Void) -> Result<Answer, Failure> {
    let page = device.job(lookup::job(device, &arguments.job)?)?;
    let record = lookup::ending(page.contexts.keys().copied(), &arguments.record)?;
    device.void(record, &arguments.reason)?;
    Ok(Answer::new(json!({ "void": record }), format!("{} is void; it stays, with the reason\n", ending(record))))
}

pub(crate) fn sign(device: &Device, arguments: &Sign) -> Result<Answer, Failure> {
    let strokes = match &arguments.strokes {
        Some(file) => strokes(file)?,
        None => flourish(),
    };
    let document = freeze(device, &arguments.document)?;
    let Document { signer, role, .. } = &arguments.document;
    let signature = device.sign(document.id, &strokes, signer, role)?;
    signed(device, &arguments.document, signature, format!("{signer} signed document {}\n", document.hash))
}

pub(crate) fn refuse(device: &Device, arguments: &Refuse) -> Result<Answer, Failure> {
    let document = freeze(device, &arguments.document)?;
    let Document { signer, role, .. } = &arguments.document;
    let signature = device.refuse_signature(document.id, signer, role, &arguments.reason)?;
    signed(device, &arguments.document, signature, format!("{signer} refused to sign document {}\n", document.hash))
}

fn freeze(device: &Device, arguments: &Document) -> Result<fieldsync::signing::FrozenDocument, Failure> {
    let order = lookup::job(device, &arguments.job)?;
    Ok(device.freeze_document(order, &arguments.kind, &arguments.language, &arguments.consent)?)
}

fn signed(device: &Device, arguments: &Document, signature: RecordId, mut text: String) -> Result<Answer, Failure> {
    let page = device.job(lookup::job(device, &arguments.job)?)?;
    text.push_str(&format!("{} is now: {}\n", page.job.number().unwrap_or(&arguments.job), page.status.label()));
    let status = page.signatures.iter().find(|status| status.signature == signature);
    let json = json!({
        "signature": signature,
        "document": status.map(|status| status.document),
        "verified": status.is_some_and(|status| status.verified.is_ok()),
        "status": page.status,
        "missing": page.missing,
    });
    Ok(Answer::new(json, text))
}

fn strokes(file: &Path) -> Result<Strokes, Failure> {
    let content = fs::read(file).map_err(|error| Failure::File(file.display().to_string(), error))?;
    serde_json::from_slice(&content).map_err(|_| {
        Failure::Usage(format!("{} does not hold a list of strokes of [x, y, ms, pressure]", file.display()))
    })
}

/// A loop and a line under it: something to look at where there is no screen to draw on.
fn flourish() -> Strokes {
    let wave = [0, 38, 71, 92, 100, 92, 71, 38, 0, -38, -71, -92, -100, -92, -71, -38];
    let point = |step: usize| {
        let (step_, turn) = (step as i32, wave[step % wave.len()]);
        Point(120 + step_ * 12, 180 - turn - step_, step_ * 18, 450 + turn)
    };
    vec![(0..48).map(point).collect(), vec![Point(110, 320, 1_000, 400), Point(720, 300, 1_240, 600)]]
}

pub(crate) fn open_order(device: &Device, arguments: &args::OpenOrder) -> Result<Answer, Failure> {
    let customer = match (&arguments.customer, &arguments.new_customer) {
        (Some(known), _) => Known::Known(lookup::entry(device, "customer", known)?),
        (None, name) => Known::New(NewCustomer {
            name: name.clone().unwrap_or_default(),
            phone: arguments.phone.clone(),
            street: arguments.street.clone(),
            postcode: arguments.postcode.clone(),
            city: arguments.city.clone(),
        }),
    };
    let asset = match (&arguments.asset, &arguments.new_asset) {
        (Some(known), _) => Some(Known::Known(lookup::entry(device, "asset", known)?)),
        (None, Some(name)) => {
            Some(Known::New(NewAsset { name: name.clone(), model: None, serial: arguments.serial.clone() }))
        }
        (None, None) => None,
    };
    let opened = device.open_order(&OpenOrder {
        customer,
        site: arguments.new_site.clone().map(|name| Known::New(NewSite { name })),
        asset,
        problem: arguments.problem.clone(),
        priority: Some(arguments.priority.clone()),
    })?;
    let text = format!("order {} is made and yours; the office gives it a number of its own\n", opened.number);
    Ok(Answer::new(json!(opened), text))
}

fn recorded(what: &str, record: RecordId) -> Result<Answer, Failure> {
    let json = json!({ "recorded": what, "id": record });
    Ok(Answer::new(json, format!("{what} {} is stored here; `sync` sends it\n", ending(record))))
}

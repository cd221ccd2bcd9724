//! Importing a file of work orders: upload, look, agree, done. Between the steps the file waits in memory, for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Multipart, Path};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;

use crate::console::desk::{Desk, blocking};
use crate::console::failure::Failure;
use crate::console::notice::{self, Notice};
use crate::console::view::frame::Place;
use crate::console::view::import as view;
use crate::console::view::show::{counted, grouped};
use crate::console::words::{brief, humanised};
use crate::import::load::{Earlier, load, source_of};
use crate::import::{self, Encoding, FILE_BYTES_MAX, Field, Import, ImportOptions, ImportedOrder, RejectedRow};

/// Largest request of an upload: the file and what a form puts around it.
pub(super) const BODY_BYTES_MAX: usize = FILE_BYTES_MAX + 65_536;
/// Files that wait for somebody to agree; the oldest gives way.
const WAITING_MAX: usize = 4;
/// How long a file waits.
const WAITING_MS: i64 = 3_600_000;
/// Rejected rows shown.
const REJECTED_SHOWN: usize = 200;
/// Longest name of a file shown, characters.
const NAME_CHARS_MAX: usize = 120;

/// What was uploaded and not imported yet, and what the last imports came to.
#[derive(Default)]
pub(in crate::console) struct Uploads {
    waiting: Mutex<HashMap<String, Upload>>,
}

#[derive(Clone)]
struct Upload {
    file: String,
    content: Bytes,
    import: Arc<Import>,
    /// Rows that an earlier import of the same content made.
    earlier: Arc<Earlier>,
    since_ms: i64,
    /// Present once it was imported.
    result: Option<Arc<Outcome>>,
}

/// What an import came to.
struct Outcome {
    figures: Vec<(u64, &'static str)>,
    refused: Vec<(u64, String)>,
    took_ms: i64,
}

impl Uploads {
    fn put(&self, token: String, upload: Upload) {
        let mut waiting = self.waiting.lock().expect("nobody panics while holding this lock");
        waiting.retain(|_, known| upload.since_ms - known.since_ms < WAITING_MS);
        while waiting.len() >= WAITING_MAX && !waiting.contains_key(&token) {
            let Some(oldest) = waiting.iter().min_by_key(|(_, known)| known.since_ms).map(|(token, _)| token.clone())
            else {
                break;
            };
            waiting.remove(&oldest);
        }
        waiting.insert(token, upload);
    }

    fn get(&self, token: &str) -> Option<Upload> {
        self.waiting.lock().expect("nobody panics while holding this lock").get(token).cloned()
    }

    /// Takes an upload that nobody has begun to import; the same form sent twice imports once.
    fn take(&self, token: &str) -> Option<Upload> {
        let mut waiting = self.waiting.lock().expect("nobody panics while holding this lock");
        if waiting.get(token)?.result.is_some() {
            return None;
        }
        waiting.remove(token)
    }
}

pub(super) async fn show(desk: Desk) -> Result<Response, Failure> {
    let page = desk
        .read(|desk, txn| {
            Ok(view::Upload {
                frame: desk.frame(txn, "Import", Place::Import)?,
                bytes_max: format!("{} MB", FILE_BYTES_MAX / 1_048_576),
            })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn upload(desk: Desk, mut form: Multipart) -> Result<Response, Failure> {
    let back = |text: String| Ok(notice::redirect(desk.state(), "/import", &Notice::Failed(text)));
    let mut found = None;
    loop {
        match form.next_field().await {
            Ok(Some(field)) if field.name() == Some("file") => {
                let name: String = field.file_name().unwrap_or("a file").chars().take(NAME_CHARS_MAX).collect();
                match field.bytes().await {
                    Ok(bytes) => found = Some((name, bytes)),
                    Err(_) => {
                        return back(format!(
                            "The file did not arrive whole, or is larger than {} MB.",
                            FILE_BYTES_MAX / 1_048_576
                        ));
                    }
                }
            }
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(_) => return back("The file did not arrive whole. Choose it again.".to_owned()),
        }
    }
    let Some((file, bytes)) = found.filter(|(_, bytes)| !bytes.is_empty()) else {
        return back("The file is empty, or none was chosen.".to_owned());
    };
    let (office, content) = (desk.state().office.clone(), bytes.clone());
    let read = blocking(move || {
        let earlier = Earlier::find(&office, &content)?;
        Ok(import::read(&content, &ImportOptions::default()).map(|import| (import, earlier)))
    })
    .await?;
    match read {
        Ok((import, earlier)) => {
            let token = hex::encode(desk.state().office.random::<16>());
            let (import, earlier) = (Arc::new(import), Arc::new(earlier));
            let upload = Upload { file, content: bytes, import, earlier, since_ms: desk.now_ms(), result: None };
            desk.console.uploads.put(token.clone(), upload);
            Ok(Redirect::to(&format!("/import/{token}")).into_response())
        }
        Err(error) => back(format!("The office failed to {error}.")),
    }
}

pub(super) async fn preview(desk: Desk, Path(token): Path<String>) -> Result<Response, Failure> {
    let Some(upload) = desk.console.uploads.get(&token) else {
        let text = "That file is not waiting any more. Choose it again.".to_owned();
        return Ok(notice::redirect(desk.state(), "/import", &Notice::Failed(text)));
    };
    let action = format!("/import/{token}");
    let page: Box<dyn askama::DynTemplate + Send> = desk
        .read(move |desk, txn| {
            let frame = desk.frame(txn, upload.file.clone(), Place::Import)?;
            let mut shown = faults(&upload.import.rejected);
            let more_faults = upload.import.rejected.len() - shown.len();
            if let Some(result) = &upload.result {
                let refused = result.refused.iter().take(REJECTED_SHOWN);
                shown.extend(refused.map(|(line, reason)| view::Fault {
                    line: count(*line),
                    reason: reason.clone(),
                    text: String::new(),
                }));
            }
            Ok(match &upload.result {
                Some(result) => Box::new(view::Imported {
                    frame,
                    file: upload.file.clone(),
                    figures: result.figures.iter().map(|(number, label)| figure(*number, label)).collect(),
                    faults: shown,
                    more_faults,
                    took: format!("{}.{} s", result.took_ms / 1_000, result.took_ms % 1_000 / 100),
                }) as Box<dyn askama::DynTemplate + Send>,
                None => Box::new(look(desk, frame, &upload, action, shown, more_faults)),
            })
        })
        .await?;
    Ok(desk.page(page.as_ref()))
}

fn look(
    desk: &Desk,
    frame: crate::console::view::frame::Frame,
    upload: &Upload,
    action: String,
    faults: Vec<view::Fault>,
    more_faults: usize,
) -> view::Preview {
    let import = &upload.import;
    let preview = import.preview();
    let before = preview.order_count - upload.earlier.missing(&import.orders).len() as u64;
    view::Preview {
        frame,
        action,
        file: upload.file.clone(),
        findings: findings(import),
        usable: count(preview.order_count - before),
        before: count(before),
        unusable: count(preview.rejected_count),
        columns: preview.columns.iter().map(column).collect(),
        headings: ["Day", "Asset", "Problem", "Type", "Customer", "Site", "Cost"].map(str::to_owned).into(),
        rows: preview.orders.iter().map(|order| row(desk, order)).collect(),
        faults,
        more_faults,
        can_confirm: preview.order_count > before,
    }
}

pub(super) async fn confirm(desk: Desk, Path(token): Path<String>) -> Result<Response, Failure> {
    let page = format!("/import/{token}");
    let Some(upload) = desk.console.uploads.take(&token) else {
        return Ok(Redirect::to(&page).into_response());
    };
    let (office, actor, waiting) = (desk.state().office.clone(), desk.actor, upload.clone());
    let started_ms = desk.now_ms();
    let loaded = blocking(move || {
        // Asked again: the same file may have been imported since it was looked at.
        let orders = Earlier::find(&office, &waiting.content)?.missing(&waiting.import.orders);
        let source = source_of(&waiting.file, &waiting.content);
        Ok(load(&office, &actor, &orders, &source, &mut |_| {})?)
    })
    .await;
    let keep = |result| desk.console.uploads.put(token.clone(), Upload { result, ..upload.clone() });
    match loaded {
        Ok(made) => {
            let left_out = (upload.import.rejected.len() + made.refused.len()) as u64;
            let figures = vec![
                (made.orders, "orders"),
                (made.customers, "new customers"),
                (made.sites, "new sites"),
                (made.assets, "new assets"),
                (left_out, "rows left out"),
            ];
            keep(Some(Arc::new(Outcome { figures, refused: made.refused, took_ms: desk.now_ms() - started_ms })));
            Ok(Redirect::to(&page).into_response())
        }
        Err(failure) => {
            keep(None);
            desk.outcome(&page, Err::<String, _>(failure))
        }
    }
}

fn findings(import: &Import) -> Vec<String> {
    let separator = match import.separator {
        ',' => "commas",
        ';' => "semicolons",
        '\t' => "tabs",
        _ => "another sign",
    };
    let columns = counted(import.columns.len() as i64, "column", "columns");
    let mut findings = vec![format!("{columns}, divided by {separator}; {}.", encoding(import.encoding))];
    if import.blank > 0 {
        findings.push(format!("{} without any content.", counted(import.blank as i64, "row", "rows")));
    }
    findings.extend(import.warnings.iter().map(|warning| {
        let line = warning.first_line.map(|line| format!(", first on line {}", count(line))).unwrap_or_default();
        format!("{} ({}{line})", warning.text, counted(warning.count as i64, "time", "times"))
    }));
    findings
}

fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "the text is UTF-8",
        Encoding::DamagedUtf8 => "the text is UTF-8 with some broken characters",
        Encoding::Utf16 => "the text is UTF-16",
        Encoding::Gb18030 => "the text was taken for GB 18030",
        Encoding::Windows1252 => "the text was taken for Windows-1252",
    }
}

fn column(column: &import::Column) -> view::MappedColumn {
    view::MappedColumn {
        heading: column.name.clone(),
        field: column.field.map(field_label).unwrap_or_default(),
        filled: count(column.filled),
        sample: column.sample.clone(),
    }
}

fn field_label(field: Field) -> String {
    match field {
        Field::Text => "Problem".to_owned(),
        other => humanised(&snake(&format!("{other:?}"))),
    }
}

/// `OrderType` as `order_type`.
fn snake(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

fn row(desk: &Desk, order: &ImportedOrder) -> view::PreviewRow {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let cost = order.cost_minor.map(|minor| crate::console::view::show::money(minor, &order.currency));
    view::PreviewRow {
        line: count(order.line),
        cells: vec![
            order.date_ms.map(|ms| desk.zone.day(ms).text).unwrap_or_default(),
            text(&order.asset),
            brief(&order.text),
            text(&order.order_type),
            text(&order.customer),
            text(&order.site),
            cost.unwrap_or_default(),
        ],
    }
}

fn faults(rejected: &[RejectedRow]) -> Vec<view::Fault> {
    let fault =
        |row: &RejectedRow| view::Fault { line: count(row.line), reason: row.reason.clone(), text: row.raw.clone() };
    rejected.iter().take(REJECTED_SHOWN).map(fault).collect()
}

fn figure(number: u64, label: &'static str) -> view::Figure {
    view::Figure { number: count(number), label }
}

fn count(number: u64) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

//! Carried bundles: upload, look, agree, done. Between the steps the file waits as a parcel beside the blobs; what became
//! of it stands in the office's store.

use axum::extract::{Multipart, Path};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::{Bytes, BytesMut};
use fieldsync_protocol::limits::{BUNDLE_BYTES_MAX, CHUNK_BYTES};
use fieldsync_protocol::{RecordId, ReplicaId};

use super::job::people::People;
use crate::bundle::{Carrier, ImportError, Look, Source, import, look};
use crate::console::desk::Desk;
use crate::console::failure::Failure;
use crate::console::notice::{self, Notice};
use crate::console::view::bundle as view;
use crate::console::view::frame::Place;
use crate::console::view::show::grouped;
use crate::console::words::{brief, group_label, kind_label};
use crate::parcels::Parcel;
use crate::store::{Bundle, Txn};
use crate::sync::bundle::Fate;

/// Largest request of an upload: the file and what a form puts around it.
pub(super) const BODY_BYTES_MAX: usize = BUNDLE_BYTES_MAX as usize + 65_536;
/// Bundles listed.
const LISTED: u64 = 50;
/// Edits listed that were not simply taken.
const EXCEPTIONS_SHOWN: usize = 200;

pub(super) async fn show(desk: Desk) -> Result<Response, Failure> {
    let page = desk
        .read(|desk, txn| {
            let mut people = People::default();
            let mut bundles = Vec::new();
            for bundle in txn.bundles(LISTED)? {
                bundles.push(row(desk, txn, &mut people, &bundle)?);
            }
            let frame = desk.frame(txn, "Carried work", Place::Import)?;
            Ok(view::Bundles { frame, bytes_max: format!("{} MB", BUNDLE_BYTES_MAX / 1_048_576), bundles })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn upload(desk: Desk, mut form: Multipart) -> Result<Response, Failure> {
    let back = |text: &str| Ok(notice::redirect(desk.state(), "/bundles", &Notice::Failed(text.to_owned())));
    let token = hex::encode(desk.state().office.random::<16>());
    let parcel = Parcel::new(&desk.state().blobs, &token);
    let mut offset = 0;
    loop {
        let mut field = match form.next_field().await {
            Ok(Some(field)) if field.name() == Some("file") => field,
            Ok(Some(_)) => continue,
            Ok(None) => break,
            Err(_) => return back("The file did not arrive whole. Choose it again."),
        };
        let mut waiting = BytesMut::new();
        loop {
            match field.chunk().await {
                Ok(Some(piece)) => waiting.extend_from_slice(&piece),
                Ok(None) => break,
                Err(_) => return back("The file did not arrive whole, or is larger than a bundle may be."),
            }
            while waiting.len() >= CHUNK_BYTES {
                offset += put(&parcel, offset, waiting.split_to(CHUNK_BYTES).freeze()).await?;
            }
        }
        offset += put(&parcel, offset, waiting.freeze()).await?;
        break;
    }
    if offset == 0 {
        return back("The file is empty, or none was chosen.");
    }
    // Looked at once before it waits: what is no bundle need not wait.
    if let Err(error) = look(&desk.state().office, &Source::Parcel(parcel.clone())).await {
        let _ = parcel.remove().await;
        return back(&said(error)?);
    }
    Ok(Redirect::to(&format!("/bundles/{token}")).into_response())
}

async fn put(parcel: &Parcel, offset: u64, piece: Bytes) -> Result<u64, Failure> {
    let length = piece.len() as u64;
    parcel.append(offset, piece).await.map_err(|error| failed(ImportError::Blobs(error)))?;
    Ok(length)
}

pub(super) async fn preview(desk: Desk, Path(token): Path<String>) -> Result<Response, Failure> {
    let parcel = Parcel::new(&desk.state().blobs, &token);
    let found = match look(&desk.state().office, &Source::Parcel(parcel)).await {
        Ok(found) => found,
        Err(ImportError::Bundle(_)) => {
            let text = "That file is not waiting any more. Choose it again.".to_owned();
            return Ok(notice::redirect(desk.state(), "/bundles", &Notice::Failed(text)));
        }
        Err(error) => return Err(failed(error)),
    };
    let page = desk.read(move |desk, txn| looked(desk, txn, &token, &found)).await?;
    Ok(desk.page(&page))
}

pub(super) async fn confirm(desk: Desk, Path(token): Path<String>) -> Result<Response, Failure> {
    let parcel = Parcel::new(&desk.state().blobs, &token);
    let (office, blobs) = (&desk.state().office, &desk.state().blobs);
    let carrier = Carrier::Person(desk.actor.person);
    match import(office, blobs, &Source::Parcel(parcel.clone()), carrier).await {
        Ok(imported) => {
            // What is left of it is swept some day.
            let _ = parcel.remove().await;
            Ok(Redirect::to(&format!("/bundles/done/{}", imported.bundle.replica)).into_response())
        }
        Err(error) => Ok(notice::redirect(desk.state(), "/bundles", &Notice::Failed(said(error)?))),
    }
}

pub(super) async fn done(desk: Desk, Path(bundle): Path<String>) -> Result<Response, Failure> {
    let replica: ReplicaId = bundle.parse().map_err(|_| Failure::NotFound)?;
    let page = desk
        .read(move |desk, txn| {
            let bundle = txn.bundle(replica)?.ok_or(Failure::NotFound)?;
            let mut people = People::default();
            let is = |fate: Fate| move |other: &Fate| *other == fate;
            let accepted = bundle.count(|fate| matches!(fate, Fate::Accepted | Fate::InConflict));
            let counts = [
                (accepted, "edits taken"),
                (bundle.count(is(Fate::InConflict)), "stand beside newer work"),
                (bundle.count(is(Fate::Known)), "had arrived another way"),
                (bundle.count(is(Fate::Superseded)), "replaced by their author since"),
                (bundle.count(|fate| matches!(fate, Fate::Held(_))), "held for you"),
                (bundle.count(|fate| matches!(fate, Fate::Refused(_))), "refused"),
                (bundle.blobs as usize, "photos and files"),
            ];
            let shown = counts.into_iter().enumerate().filter(|(at, (count, _))| *at == 0 || *count > 0);
            let figures = shown.map(|(_, (count, label))| view::Figure { number: grouped(count as i64), label });
            let figures = figures.collect();
            let (exceptions, more) = exceptions(txn, &bundle)?;
            let row = row(desk, txn, &mut people, &bundle)?;
            let frame = desk.frame(txn, format!("Bundle {} of {}", bundle.number, row.author), Place::Import)?;
            Ok(view::Done { frame, row, figures, exceptions, more })
        })
        .await?;
    Ok(desk.page(&page))
}

fn looked(desk: &Desk, txn: &mut dyn Txn, token: &str, look: &Look) -> Result<view::Looked, Failure> {
    let manifest = &look.manifest;
    let mut jobs = Vec::with_capacity(look.jobs.len());
    for job in &look.jobs {
        let is_here = !job.number.is_empty();
        let kinds = job
            .edits
            .iter()
            .map(|(kind, count)| format!("{} {}", grouped(*count as i64), kind_label(kind).to_lowercase()));
        jobs.push(view::Job {
            href: job.order.filter(|_| is_here).map(|order| format!("/jobs/{order}")),
            number: match job.order {
                None => "No order".to_owned(),
                Some(_) if is_here => job.number.clone(),
                Some(_) => "A new order".to_owned(),
            },
            problem: brief(&job.problem),
            edits: grouped(job.count() as i64),
            kinds: kinds.collect::<Vec<_>>().join(", "),
        });
    }
    let made = manifest.made_ms.saturating_add(manifest.offset_ms);
    Ok(view::Looked {
        frame: desk.frame(txn, format!("Bundle {} of {}", manifest.number, look.author), Place::Import)?,
        action: format!("/bundles/{token}"),
        number: manifest.number.to_string(),
        author: or(&look.author, "Somebody not known here"),
        device: or(&look.device, "a device not known here"),
        is_revoked: look.is_revoked,
        made: desk.zone.full(made),
        edits: grouped(manifest.edits as i64),
        photos: grouped(manifest.blobs.len() as i64),
        size: size(look.size),
        jobs,
        before: look.imported.as_ref().map(|bundle| desk.zone.brief(bundle.arrived_ms, desk.now_ms())),
        done_href: format!("/bundles/done/{}", look.bundle),
    })
}

fn row(desk: &Desk, txn: &mut dyn Txn, people: &mut People, bundle: &Bundle) -> Result<view::Row, Failure> {
    let edits: usize = bundle.report.iter().map(|record| record.edits.len()).sum();
    Ok(view::Row {
        href: format!("/bundles/done/{}", bundle.replica),
        number: bundle.number.to_string(),
        author: people.name(txn, bundle.person)?,
        device: people.device(txn, bundle.device)?,
        arrived: desk.zone.brief(bundle.arrived_ms, desk.now_ms()),
        way: way(txn, people, bundle)?,
        edits: grouped(edits as i64),
        photos: grouped(bundle.blobs as i64),
    })
}

/// By which way a bundle came, in words.
pub(super) fn way(txn: &mut dyn Txn, people: &mut People, bundle: &Bundle) -> Result<String, Failure> {
    Ok(match (bundle.by_person, bundle.by_device) {
        (Some(person), _) => format!("imported by {}", people.name(txn, person)?),
        (None, Some(device)) => format!("brought by {}", people.device(txn, device)?),
        (None, None) => "imported".to_owned(),
    })
}

/// The edits that were not simply taken, with the reason; and how many more there are.
fn exceptions(txn: &mut dyn Txn, bundle: &Bundle) -> Result<(Vec<view::Exception>, usize), Failure> {
    let (mut shown, mut more) = (Vec::new(), 0);
    for record in &bundle.report {
        for (group, fate) in &record.edits {
            let (what, why) = match fate {
                Fate::Accepted | Fate::Known | Fate::Superseded => continue,
                Fate::InConflict => {
                    ("to decide", "Something else was written meanwhile; both stand until you decide.".to_owned())
                }
                Fate::Held(code) => ("held", format!("{}.", code.text())),
                Fate::Refused(code) => {
                    ("refused", format!("{}; {}. It is still on the phone.", code.text(), code.remedy()))
                }
            };
            if shown.len() >= EXCEPTIONS_SHOWN {
                more += 1;
                continue;
            }
            let order: Option<RecordId> = record.work_order;
            let job = order.map(|order| txn.job(order)).transpose()?.flatten();
            shown.push(view::Exception {
                job: job.as_ref().map(|job| job.number.clone()).unwrap_or_default(),
                href: job.and(order).map(|order| format!("/jobs/{order}")),
                entry: format!("{}: {}", kind_label(&record.kind), group_label(group).to_lowercase()),
                what,
                why,
            });
        }
    }
    Ok((shown, more))
}

/// An error of the file in words for the person who chose it; anything else is the office's.
fn said(error: ImportError) -> Result<String, Failure> {
    match error {
        ImportError::Bundle(error) => Ok(format!("The office failed to {error}. Nothing was changed.")),
        ImportError::Forged => Ok(format!("The office failed to {error}. Nothing was changed.")),
        other => Err(failed(other)),
    }
}

fn failed(error: ImportError) -> Failure {
    match error {
        ImportError::Store(error) => Failure::Office(error),
        other => Failure::Office(crate::store::StoreError::Database(Box::new(other))),
    }
}

fn or(name: &str, otherwise: &str) -> String {
    if name.is_empty() { otherwise.to_owned() } else { name.to_owned() }
}

fn size(bytes: u64) -> String {
    if bytes < 1_048_576 { format!("{} kB", bytes.div_ceil(1_024)) } else { format!("{} MB", bytes / 1_048_576) }
}

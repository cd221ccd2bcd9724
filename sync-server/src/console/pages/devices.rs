//! Devices: what they have and still hold, enrolling, revoking, giving up.

use axum::Form;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::response::{IntoResponse, Redirect, Response};
use fieldsync_protocol::limits::ENROL_CODE_MINUTES;
use fieldsync_protocol::rights::{self, Deed};
use fieldsync_protocol::{DeviceId, RecordId};
use serde::Deserialize;

use super::board::{LONG_AGO_MS, Mate, team};
use crate::cli::enrol::link;
use crate::console::desk::{Desk, blocking};
use crate::console::failure::Failure;
use crate::console::notice::{self, Notice};
use crate::console::view::devices::{DeviceRow, Devices, Enrol, Retire, Revoke, Wipe};
use crate::console::view::frame::{Choice, Place};
use crate::console::view::ink::code_square;
use crate::console::view::show::{Chip, counted, span};
use crate::enrol;
use crate::store::{Audience, Device, Txn};

/// Changes counted that a device has not received; beyond that "more than" says enough.
const BEHIND_MAX: u64 = 999;
/// A device's clock that is off by more than this is worth a word.
const CLOCK_OFF_MS: i64 = 120_000;

#[derive(Deserialize)]
pub(super) struct ForWhom {
    technician: String,
}

pub(super) async fn show(desk: Desk) -> Result<Response, Failure> {
    let page = desk
        .read(|desk, txn| {
            let team = team(txn)?;
            let mut devices = txn.devices()?;
            devices.sort_by_key(|device| (device.revoked_ms.is_some(), name_of(&team, device), device.id));
            let mut rows = Vec::with_capacity(devices.len());
            for device in &devices {
                rows.push(row(desk, txn, &team, device)?);
            }
            let choice =
                |mate: &Mate| Choice { value: mate.id.to_string(), label: mate.name.clone(), is_chosen: false };
            Ok(Devices {
                frame: desk.frame(txn, "Devices", Place::Devices)?,
                devices: rows,
                technicians: team.iter().filter(|mate| mate.is_active).map(choice).collect(),
            })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn enrol(desk: Desk, Form(form): Form<ForWhom>) -> Result<Response, Failure> {
    desk.must(Deed::Enrol)?;
    let technician: RecordId = form.technician.parse().map_err(|_| Failure::NotFound)?;
    let office = desk.state().office.clone();
    let code = blocking(move || Ok(enrol::new_code(&office, technician)?)).await?;
    let until_ms = desk.now_ms() + ENROL_CODE_MINUTES * 60_000;
    let notice = Notice::Code { technician: technician.to_string(), code, until_ms };
    Ok(notice::redirect(desk.state(), "/devices/enrol", &notice))
}

/// Shows a code that was just made, once.
pub(super) async fn code(desk: Desk, headers: HeaderMap) -> Result<Response, Failure> {
    let Some(Notice::Code { technician, code, until_ms }) = desk.notice.clone() else {
        return Ok(Redirect::to("/devices").into_response());
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost").to_owned();
    let page = desk
        .read(move |desk, txn| {
            let scheme = if desk.state().is_tls { "https" } else { "http" };
            let address = desk.state().address.clone().unwrap_or_else(|| format!("{scheme}://{host}"));
            let name = team(txn)?.into_iter().find(|mate| mate.id.to_string() == technician).map(|mate| mate.name);
            let square = code_square(&link(&address, &code)).ok_or(Failure::NotFound)?;
            Ok(Enrol {
                frame: desk.frame(txn, "Enrol a device", Place::Devices)?,
                technician: name.unwrap_or_default(),
                code,
                address,
                until: desk.zone.full(until_ms),
                square,
            })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn ask_revoke(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Failure> {
    desk.must(Deed::Revoke)?;
    let page = desk
        .read(move |desk, txn| {
            let found = txn.device(device)?.filter(|device| device.revoked_ms.is_none()).ok_or(Failure::NotFound)?;
            let team = team(txn)?;
            Ok(Revoke {
                frame: desk.frame(txn, format!("Revoke {}", found.name), Place::Devices)?,
                device: row(desk, txn, &team, &found)?,
                action: format!("/devices/{device}/revoke"),
            })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn revoke(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Failure> {
    desk.must(Deed::Revoke)?;
    let office = desk.state().office.clone();
    let name = blocking(move || {
        let found = office.read(|txn| txn.device(device))?.ok_or(Failure::NotFound)?;
        enrol::revoke(&office, device)?;
        Ok(found.name)
    })
    .await?;
    Ok(desk.done("/devices", format!("{name} is revoked. What it still sends is held for you.")))
}

pub(super) async fn ask_retire(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Failure> {
    desk.must(Deed::Retire)?;
    let page = desk
        .read(move |desk, txn| {
            let found = txn.device(device)?.filter(is_awaited).ok_or(Failure::NotFound)?;
            let team = team(txn)?;
            Ok(Retire {
                frame: desk.frame(txn, format!("Retire {}", found.name), Place::Devices)?,
                device: row(desk, txn, &team, &found)?,
                action: format!("/devices/{device}/retire"),
            })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn retire(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Failure> {
    desk.must(Deed::Retire)?;
    let office = desk.state().office.clone();
    let name = blocking(move || {
        let found = office.read(|txn| txn.device(device))?.ok_or(Failure::NotFound)?;
        enrol::retire(&office, device)?;
        Ok(found.name)
    })
    .await?;
    Ok(desk.done("/devices", format!("{name} is retired. Should it return, what it had not sent is held for you.")))
}

fn is_awaited(device: &Device) -> bool {
    device.revoked_ms.is_none() && device.retired_ms.is_none()
}

pub(super) async fn ask_wipe(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Failure> {
    desk.must(Deed::Wipe)?;
    let page = desk
        .read(move |desk, txn| {
            let found = txn.device(device)?.filter(|device| device.wipe_ms.is_none()).ok_or(Failure::NotFound)?;
            let team = team(txn)?;
            Ok(Wipe {
                frame: desk.frame(txn, format!("Wipe {}", found.name), Place::Devices)?,
                device: row(desk, txn, &team, &found)?,
                action: format!("/devices/{device}/wipe"),
            })
        })
        .await?;
    Ok(desk.page(&page))
}

pub(super) async fn wipe(desk: Desk, Path(device): Path<DeviceId>) -> Result<Response, Failure> {
    desk.must(Deed::Wipe)?;
    let (office, actor) = (desk.state().office.clone(), desk.actor);
    let name = blocking(move || {
        let found = office.read(|txn| txn.device(device))?.ok_or(Failure::NotFound)?;
        enrol::wipe(&office, device, &actor)?;
        Ok(found.name)
    })
    .await?;
    Ok(desk.done("/devices", format!("{name} will be wiped at its next contact. What it hands over is held for you.")))
}

fn name_of(team: &[Mate], device: &Device) -> String {
    team.iter().find(|mate| mate.id.0 == device.person.0).map(|mate| mate.name.clone()).unwrap_or_default()
}

fn row(desk: &Desk, txn: &mut dyn Txn, team: &[Mate], device: &Device) -> Result<DeviceRow, Failure> {
    let now_ms = desk.now_ms();
    let is_live = device.revoked_ms.is_none();
    let off_ms = device.offset_ms.unwrap_or(0);
    let detail = match off_ms {
        _ if off_ms < -CLOCK_OFF_MS => format!("its clock is {} ahead", span(-off_ms)),
        _ if off_ms > CLOCK_OFF_MS => format!("its clock is {} behind", span(off_ms)),
        _ => String::new(),
    };
    let may = |deed| rights::may(&desk.actor, deed);
    let detail = match wiped_by(desk, txn, device)? {
        Some(name) => format!("asked by {name}"),
        None => detail,
    };
    Ok(DeviceRow {
        name: device.name.clone(),
        detail,
        technician: name_of(team, device),
        state: match (device.wiped_ms, device.wipe_ms, is_live) {
            (Some(_), _, _) => Some(Chip::new("faded", "Wiped")),
            (None, Some(_), _) => Some(Chip::new("amber", "To be wiped")),
            (None, None, false) => Some(Chip::new("faded", "Revoked")),
            (None, None, true) => device.retired_ms.map(|_| Chip::new("faded", "Retired")),
        },
        enrolled: desk.zone.day(device.enrolled_ms),
        heard: device.contact_ms.map(|ms| desk.zone.ago(ms, now_ms)),
        is_silent: is_awaited(device) && device.contact_ms.is_none_or(|ms| now_ms - ms > LONG_AGO_MS),
        reach: reach(txn, device)?,
        holds: holds(device),
        revoke_href: (is_live && may(Deed::Revoke)).then(|| format!("/devices/{}/revoke", device.id)),
        retire_href: (is_awaited(device) && may(Deed::Retire)).then(|| format!("/devices/{}/retire", device.id)),
        wipe_href: (device.wipe_ms.is_none() && may(Deed::Wipe)).then(|| format!("/devices/{}/wipe", device.id)),
    })
}

/// The name of whoever asked that the device be wiped.
fn wiped_by(desk: &Desk, txn: &mut dyn Txn, device: &Device) -> Result<Option<String>, Failure> {
    let Some(person) = desk.state().office.revocations.wiped_by(device.id) else { return Ok(None) };
    let name = txn.user(person)?.map(|user| user.name);
    Ok(Some(name.unwrap_or_else(|| "the operator".to_owned())))
}

/// How much of what the device may see it has not received.
fn reach(txn: &mut dyn Txn, device: &Device) -> Result<Chip, Failure> {
    if device.revoked_ms.is_some() {
        return Ok(Chip::new("faded", "gets nothing"));
    }
    let mut behind = 0;
    for audience in [Audience(*device.person.as_bytes()), Audience::SHARED] {
        behind += txn.scope_after(audience, device.position, BEHIND_MAX + 1)?.len() as u64;
    }
    Ok(match behind {
        0 => Chip::new("green", "up to date"),
        1..=BEHIND_MAX => Chip::new("slate", format!("{behind} behind")),
        _ => Chip::new("amber", format!("more than {BEHIND_MAX} behind")),
    })
}

/// What the device said at its last contact that it still holds.
fn holds(device: &Device) -> Vec<Chip> {
    let mut holds = Vec::new();
    if device.holding.pending > 0 {
        holds.push(Chip::new("amber", counted(device.holding.pending.into(), "edit", "edits")));
    }
    if device.holding.refused > 0 {
        holds.push(Chip::new("red", format!("{} refused", device.holding.refused)));
    }
    if device.holding.blobs > 0 {
        holds.push(Chip::new("slate", counted(device.holding.blobs.into(), "photo or file", "photos and files")));
    }
    holds
}

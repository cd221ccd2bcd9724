//! `device list`, `device revoke`, `device wipe` and `device retire`.

use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};
use fieldsync_protocol::{DeviceId, RecordId, show};

use super::enter;
use super::table::table;
use super::time::moment;
use crate::config::Place;
use crate::enrol;
use crate::office::Office;
use crate::people::OPERATOR;
use crate::store::{Device, StoreError};

/// What to do about devices.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List the devices: whose, when last heard of, what they still hold.
    List(Place),
    /// Revoke a device: it gets nothing from its next request on, and what it still sends waits for a person.
    Revoke(RevokeArgs),
    /// Wipe a device: it is revoked, and at its next contact it hands over what only it has and destroys the rest.
    Wipe(RevokeArgs),
    /// Give a device up that never returns, so that nothing waits for it any more. Should it return, what it had not sent
    /// is held, and it goes on under a fresh id. One that was stolen is to be revoked instead.
    Retire(RevokeArgs),
}

/// The device to revoke, wipe or retire.
#[derive(Debug, Clone, Args)]
pub struct RevokeArgs {
    /// Its id, as `device list` shows it.
    pub device: String,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When there is no such device or the folder cannot be opened.
pub fn run(command: DeviceCommand) -> anyhow::Result<ExitCode> {
    match command {
        DeviceCommand::List(place) => {
            let opened = enter(&place)?;
            let rows = opened.office.read(|txn| {
                let mut rows = Vec::new();
                for device in txn.devices()? {
                    let owner = txn.record(RecordId(device.person.0))?;
                    let owner = owner.and_then(|stored| show::name(&stored.record).map(str::to_owned));
                    rows.push(row(&device, owner.unwrap_or_default()));
                }
                Ok::<_, StoreError>(rows)
            })?;
            say_text!("{}", table(["ID", "TECHNICIAN", "NAME", "LAST CONTACT", "STILL HOLDS", "STANDING"], &rows));
        }
        DeviceCommand::Revoke(args) => {
            let opened = enter(&args.place)?;
            let device = find(&opened.office, &args.device)?;
            if device.revoked_ms.is_some() {
                eprintln!("It is revoked already.");
            } else {
                enrol::revoke(&opened.office, device.id)?;
                eprintln!("Revoked. What it still sends is kept aside and shown in the console under \"held\".");
            }
        }
        DeviceCommand::Wipe(args) => {
            let opened = enter(&args.place)?;
            let device = find(&opened.office, &args.device)?;
            match (device.wipe_ms, device.wiped_ms) {
                (_, Some(_)) => eprintln!("It has wiped itself already."),
                (Some(_), None) => eprintln!("It was asked before. It does so at its next contact."),
                (None, None) => {
                    enrol::wipe(&opened.office, device.id, &OPERATOR)?;
                    eprintln!(
                        "Revoked, and asked to wipe itself. At its next contact it hands over what only it has, which is \
                         shown in the console under \"held\", and destroys the rest."
                    );
                }
            }
        }
        DeviceCommand::Retire(args) => {
            let opened = enter(&args.place)?;
            let device = find(&opened.office, &args.device)?;
            match (device.revoked_ms, device.retired_ms) {
                (Some(_), _) => eprintln!("It is revoked: nothing waits for it."),
                (None, Some(_)) => eprintln!("It is retired already."),
                (None, None) => {
                    enrol::retire(&opened.office, device.id)?;
                    eprintln!(
                        "Retired: nothing waits for it any more. Should it return, what it had not sent is shown in the \
                         console under \"held\", and it goes on as a fresh device."
                    );
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn find(office: &Office, name: &str) -> anyhow::Result<Device> {
    let known = match name.parse::<DeviceId>() {
        Ok(id) => office.read(|txn| txn.device(id))?,
        Err(_) => None,
    };
    let Some(device) = known else {
        bail!("find the device `{name}`. `fieldsync-server device list` shows the ids");
    };
    Ok(device)
}

fn row(device: &Device, owner: String) -> [String; 6] {
    let holding = device.holding;
    let held = match (holding.pending, holding.refused, holding.blobs) {
        (0, 0, 0) => "nothing".to_owned(),
        (pending, refused, blobs) => format!("{pending} unsent, {refused} refused, {blobs} photos"),
    };
    let standing = match (device.wiped_ms, device.wipe_ms, device.revoked_ms) {
        (Some(at), _, _) => format!("wiped {}", moment(Some(at))),
        (None, Some(_), _) => "to be wiped".to_owned(),
        (None, None, Some(at)) => format!("revoked {}", moment(Some(at))),
        (None, None, None) => match device.retired_ms {
            Some(at) => format!("retired {}", moment(Some(at))),
            None => "active".to_owned(),
        },
    };
    [device.id.to_string(), owner, device.name.clone(), moment(device.contact_ms), held, standing]
}

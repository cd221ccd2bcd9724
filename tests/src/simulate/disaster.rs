//! What befalls whole stores: phones are copied, put back and cleared, the server goes back to a backup.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use fieldsync::FieldsExt;
use fieldsync_protocol::show;
use fieldsync_server::{backup, enrol};

use super::phone::DriftingClock;
use super::script::Verb;
use super::site::copy_files;
use super::state::{DeviceState, OfficeState};
use super::world::World;

/// A backup of the server and what else belonged to it.
pub(crate) struct Image {
    database: PathBuf,
    backup: PathBuf,
    anchor: Option<Vec<u8>>,
}

impl World<'_> {
    pub(crate) fn clone_phone(&mut self, phone: usize) -> anyhow::Result<()> {
        if self.phones.len() >= self.script.knob("devices", 5) as usize + 2 || self.phones[phone].is_revoked {
            return Ok(());
        }
        self.phones[phone].device.close();
        let folder = self.folder.join(format!("phone-{}", self.phones.len()));
        copy_files(&self.phones[phone].folder, &folder)?;
        self.reopen(phone)?;
        let clock = Arc::new(DriftingClock::new(&self.time, 11_000, -20));
        let device = self.open(folder.clone(), &clock)?;
        let (name, technician) = (format!("copy of {}", self.phones[phone].name), self.phones[phone].technician);
        self.add_phone(name, technician, folder, device, clock);
        self.oracle.copies += 1;
        self.marks.hit("cloned");
        Ok(())
    }

    pub(crate) fn image(&mut self, phone: usize) -> anyhow::Result<()> {
        self.images += 1;
        let image = self.folder.join(format!("image-{}", self.images));
        self.phones[phone].device.close();
        copy_files(&self.phones[phone].folder, &image)?;
        self.phones[phone].image = Some(image);
        self.reopen(phone)
    }

    pub(crate) fn roll_back(&mut self, phone: usize) -> anyhow::Result<()> {
        let Some(image) = self.phones[phone].image.clone() else { return Ok(()) };
        self.phones[phone].device.close();
        let folder = self.phones[phone].folder.clone();
        let (now, then) = (DeviceState::read(&folder)?, DeviceState::read(&image)?);
        let lost: Vec<u64> = now.own_numbers().difference(&then.own_numbers()).copied().collect();
        lost.into_iter().for_each(|number| self.oracle.excuse(number, "a phone was put back to before it"));
        self.excuse_only_here(&now, phone)?;
        std::fs::remove_dir_all(&folder)?;
        copy_files(&image, &folder)?;
        self.oracle.copies += 1;
        self.marks.hit("rolled-back");
        self.reopen(phone)
    }

    pub(crate) fn clear(&mut self, phone: usize) -> anyhow::Result<()> {
        self.phones[phone].device.close();
        let now = DeviceState::read(&self.phones[phone].folder)?;
        now.own_numbers().into_iter().for_each(|number| self.oracle.excuse(number, "the app's data were cleared"));
        self.excuse_only_here(&now, phone)?;
        std::fs::remove_dir_all(&self.phones[phone].folder)?;
        self.phones[phone].image = None;
        self.phones[phone].is_revoked = false;
        self.phones[phone].sent.clear();
        self.reopen(phone)?;
        self.enrol(phone)?;
        self.marks.hit("cleared");
        Ok(())
    }

    /// After a restore a phone may be the only one that holds what the office forgot; when it goes, that goes.
    fn excuse_only_here(&mut self, now: &DeviceState, phone: usize) -> anyhow::Result<()> {
        if self.oracle.restores == 0 {
            return Ok(());
        }
        let mut elsewhere = OfficeState::read(&self.site.database(), true)?.history_numbers();
        for (place, other) in self.phones.iter().enumerate() {
            if place != phone && !other.is_revoked {
                elsewhere.extend(DeviceState::read(&other.folder)?.held_numbers()?);
            }
        }
        for number in now.held_numbers()?.difference(&elsewhere) {
            self.oracle.excuse(*number, "the last phone that held it is gone");
        }
        Ok(())
    }

    /// A second process of the app on the same store.
    pub(crate) fn second(&mut self, phone: usize, place: u64) -> anyhow::Result<()> {
        let (folder, clock) = (self.phones[phone].folder.clone(), Arc::clone(&self.phones[phone].clock));
        match self.open(folder, &clock) {
            Ok(second) => {
                let first = std::mem::replace(&mut self.phones[phone].device, second);
                self.note(phone, place)?;
                let second = std::mem::replace(&mut self.phones[phone].device, first);
                second.close();
                self.marks.hit("second-opener");
            }
            Err(_) => self.marks.hit("second-refused"),
        }
        Ok(())
    }

    pub(crate) fn revoke(&mut self, phone: usize) -> anyhow::Result<()> {
        let live = self.phones.iter().filter(|phone| !phone.is_revoked).count();
        if live <= 3 {
            return Ok(());
        }
        let status = self.phones[phone].device.status()?;
        let device = status.device.context("name the device")?;
        enrol::revoke(self.site.office()?, device)?;
        // A copy carries the same key: it is the same device to the office.
        for other in &mut self.phones {
            if other.device.status()?.device == Some(device) {
                other.is_revoked = true;
            }
        }
        self.marks.hit("revoked");
        if status.pending > 0 {
            self.marks.hit("revoked-pending");
        }
        // What a revoked phone alone still holds of a forgotten time does not come back.
        let now = DeviceState::read(&self.phones[phone].folder)?;
        self.excuse_only_here(&now, phone)
    }

    pub(crate) fn back_up(&mut self) -> anyhow::Result<()> {
        self.images += 1;
        let database = self.folder.join(format!("office-{}.sqlite", self.images));
        let target = self.folder.join(format!("office-{}.backup", self.images));
        let opened = self.site.opened()?;
        opened.office.store.backup(&database)?;
        backup::write(&fieldsync_server::folder::Folder::new(&self.site.folder), opened, &target, false)?;
        let anchor = std::fs::read(self.site.folder.join("anchor")).ok();
        self.backup = Some(Image { database, backup: target, anchor });
        Ok(())
    }

    /// The server goes back to its backup. What no phone holds and the backup does not have is gone for good; everything
    /// else must come back.
    pub(crate) fn restore(&mut self, how: Verb) -> anyhow::Result<()> {
        let Some(Image { database, backup: source, anchor }) = &self.backup else { return Ok(()) };
        let before = OfficeState::read(&self.site.database(), true)?;
        let then = OfficeState::read(database, true)?;
        let mut kept = then.history_numbers();
        kept.extend(then.held_numbers());
        let mut held = BTreeSet::new();
        for phone in self.phones.iter().filter(|phone| !phone.is_revoked) {
            held.extend(DeviceState::read(&phone.folder)?.held_numbers()?);
        }
        let mut gone = before.history_numbers();
        gone.extend(before.held_numbers());
        let forgotten: Vec<u64> = gone.difference(&kept).copied().collect();
        let (back, lost): (Vec<u64>, Vec<u64>) = forgotten.into_iter().partition(|number| held.contains(number));
        if !back.is_empty() {
            self.marks.hit("restore-lost-work");
        }
        if !lost.is_empty() {
            self.marks.hit("restore-lost-for-good");
        }
        lost.into_iter().for_each(|number| self.oracle.excuse(number, "the office forgot it and nobody held it"));
        let (database, source, anchor) = (database.clone(), source.clone(), anchor.clone());
        self.site.stop();
        let file = self.site.database();
        match how {
            Verb::Restore => {
                let folder = fieldsync_server::folder::Folder::new(&self.site.folder);
                let (clock, entropy) = (self.site.clock(), self.site.entropy());
                backup::restore_with(&folder, &source, true, clock, entropy)?;
                self.marks.hit("restored-said");
            }
            _ => {
                for suffix in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(file.with_file_name(format!("office.sqlite{suffix}")));
                }
                std::fs::copy(&database, &file)?;
                if how == Verb::RestoreFolder {
                    let path = self.site.folder.join("anchor");
                    match &anchor {
                        Some(bytes) => std::fs::write(path, bytes)?,
                        None => drop(std::fs::remove_file(path)),
                    }
                }
                self.marks.hit(if how == Verb::RestoreFolder { "restored-folder" } else { "restored-unsaid" });
            }
        }
        self.oracle.restores += 1;
        self.office_pages.clear();
        self.site.start()?;
        self.relearn()
    }

    /// After a restore the desk looks again which assignments stand and which are withdrawn.
    fn relearn(&mut self) -> anyhow::Result<()> {
        let office = self.site.office()?.clone();
        for assignment in &mut self.assignments {
            let record = office.read(|txn| txn.record(assignment.id))?.map(|stored| stored.record);
            assignment.is_withdrawn = record
                .is_none_or(|record| show::fields(&record, "withdrawn").is_some_and(|fields| fields.flag("withdrawn")));
        }
        Ok(())
    }
}

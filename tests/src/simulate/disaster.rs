//! What befalls whole stores: phones are copied, put back and cleared, the server goes back to a backup.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fieldsync::FieldsExt;
use fieldsync_disk::{Disk, Image};
use fieldsync_protocol::show;
use fieldsync_server::folder::Folder;
use fieldsync_server::{backup, enrol};

use super::phone::DriftingClock;
use super::script::Verb;
use super::site::{lay_out, take_up};
use super::state::{DeviceState, OfficeState};
use super::world::World;

/// A backup of the server: the file that the command wrote, and the whole disk at that time.
pub(crate) struct Backup {
    file: PathBuf,
    image: Image,
}

impl World<'_> {
    /// The store is copied while the app runs; the copy has no anchor.
    pub(crate) fn clone_phone(&mut self, phone: usize) -> anyhow::Result<()> {
        if self.phones.len() >= self.script.knob("devices", 5) as usize + 2 || self.phones[phone].is_revoked {
            return Ok(());
        }
        let disk = Disk::from_image(&self.phones[phone].disk.image());
        let clock = Arc::new(DriftingClock::new(&self.time, 11_000, -20));
        let anchor = self.phones[phone].anchor.as_ref().map(|_| Arc::default());
        let (name, technician) = (format!("copy of {}", self.phones[phone].name), self.phones[phone].technician);
        self.oracle.copies += 1;
        self.add_phone(name, technician, disk, anchor, clock)?;
        self.marks.hit("cloned");
        Ok(())
    }

    pub(crate) fn image(&mut self, phone: usize) -> anyhow::Result<()> {
        self.phones[phone].image = Some(self.phones[phone].disk.image());
        Ok(())
    }

    pub(crate) fn roll_back(&mut self, phone: usize) -> anyhow::Result<()> {
        let Some(image) = self.phones[phone].image.clone() else { return Ok(()) };
        let (now, then) = (self.phones[phone].state()?, DeviceState::read(&image)?);
        let lost = now.own_numbers().difference(&then.own_numbers()).copied().collect();
        self.excuse_own(lost, phone, "a phone was put back to before it");
        self.excuse_only_here(&now, phone)?;
        self.oracle.copies += 1;
        self.marks.hit("rolled-back");
        self.end_app(phone);
        self.phones[phone].disk.restore(&image);
        self.reopen(phone)
    }

    pub(crate) fn clear(&mut self, phone: usize) -> anyhow::Result<()> {
        let now = self.phones[phone].state()?;
        self.excuse_own(now.own_numbers(), phone, "the app's data were cleared");
        self.excuse_only_here(&now, phone)?;
        self.end_app(phone);
        self.phones[phone].disk = Disk::new();
        self.phones[phone].image = None;
        self.phones[phone].is_failing = false;
        self.phones[phone].is_revoked = false;
        self.phones[phone].sent.clear();
        self.reopen(phone)?;
        self.enrol(phone)?;
        self.marks.hit("cleared");
        Ok(())
    }

    /// What was only on a phone is gone, and with it what it had replaced there.
    pub(crate) fn excuse_own(&mut self, lost: BTreeSet<u64>, phone: usize, why: &'static str) {
        let name = self.phones[phone].name.clone();
        for number in self.oracle.dominated_by(&lost) {
            if lost.contains(&number) || self.oracle.entries.get(&number).is_some_and(|entry| entry.by == name) {
                self.oracle.excuse(number, why);
            }
        }
    }

    /// After a restore a phone may be the only one that holds what the office forgot; when it goes, that goes.
    fn excuse_only_here(&mut self, now: &DeviceState, phone: usize) -> anyhow::Result<()> {
        if self.oracle.restores == 0 {
            return Ok(());
        }
        let mut elsewhere = self.site.state(true)?.history_numbers();
        for (place, other) in self.phones.iter().enumerate() {
            if place != phone && !other.is_revoked {
                elsewhere.extend(other.state()?.held_numbers()?);
            }
        }
        for number in now.held_numbers()?.difference(&elsewhere) {
            self.oracle.excuse(*number, "the last phone that held it is gone");
        }
        Ok(())
    }

    /// A second process of the app finds the store in use.
    pub(crate) fn second(&mut self, phone: usize) -> anyhow::Result<()> {
        let process = self.phones[phone].disk.process();
        let (clock, anchor) = (Arc::clone(&self.phones[phone].clock), self.phones[phone].anchor.clone());
        match self.open(&process, &clock, anchor.as_ref()) {
            Ok(second) => {
                second.close();
                let name = self.phones[phone].name.clone();
                self.oracle.broken("K1", format!("two processes have the store of {name} open"));
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
        let Some(device) = self.phones[phone].id else { return Ok(()) };
        enrol::revoke(self.site.office()?, device)?;
        // A copy carries the same key: it is the same device to the office.
        for other in self.phones.iter_mut().filter(|other| other.id == Some(device)) {
            other.is_revoked = true;
        }
        self.marks.hit("revoked");
        let now = self.phones[phone].state()?;
        if !now.pending.is_empty() {
            self.marks.hit("revoked-pending");
        }
        // What a revoked phone alone still holds of a forgotten time does not come back.
        self.excuse_only_here(&now, phone)
    }

    pub(crate) fn back_up(&mut self) -> anyhow::Result<()> {
        self.backups += 1;
        let file = self.folder.join(format!("office-{}.backup", self.backups));
        let (opened, folder) = (self.site.opened()?, self.site.place()?);
        backup::write(&folder, opened, &file, false)?;
        self.backup = Some(Backup { file, image: self.site.disk.image() });
        Ok(())
    }

    /// The server goes back to its backup. What no phone holds and the backup does not have is gone for good; everything
    /// else must come back.
    pub(crate) fn restore(&mut self, how: Verb) -> anyhow::Result<()> {
        let Some(Backup { file, image }) = &self.backup else { return Ok(()) };
        let (file, image) = (file.clone(), image.clone());
        let before = self.site.state(true)?;
        let then = OfficeState::read(&image, true)?;
        let mut kept = then.history_numbers();
        kept.extend(then.held_numbers());
        let mut held = BTreeSet::new();
        for phone in self.phones.iter().filter(|phone| !phone.is_revoked) {
            held.extend(phone.state()?.held_numbers()?);
        }
        let mut gone = before.history_numbers();
        gone.extend(before.held_numbers());
        let (back, lost): (BTreeSet<u64>, BTreeSet<u64>) =
            gone.difference(&kept).partition(|number| held.contains(number));
        if !back.is_empty() {
            self.marks.hit("restore-lost-work");
        }
        if !lost.is_empty() {
            self.marks.hit("restore-lost-for-good");
        }
        // What such an entry had replaced before it was ever sent went with it.
        for number in self.oracle.dominated_by(&lost) {
            if lost.contains(&number) || !self.oracle.sent.contains(&number) {
                self.oracle.excuse(number, "the office forgot it and nobody held it");
            }
        }
        self.site.stop();
        match how {
            Verb::Restore => {
                self.restore_by_command(&file)?;
                self.marks.hit("restored-said");
            }
            _ => {
                let with_anchor = how == Verb::RestoreFolder;
                self.site.disk.restore_some(&image, |name| {
                    name.starts_with("/office/office.sqlite") || with_anchor && name == "/office/anchor"
                });
                self.marks.hit(if with_anchor { "restored-folder" } else { "restored-unsaid" });
            }
        }
        self.oracle.restores += 1;
        // What was sent in the lost time is news to this office.
        self.phones.iter_mut().for_each(|phone| phone.sent.clear());
        self.office_pages.clear();
        self.site.start()?;
        self.relearn()
    }

    /// The command works on files: the office is laid out in a real folder for it and taken up again.
    fn restore_by_command(&mut self, file: &Path) -> anyhow::Result<()> {
        let folder = self.folder.join("office");
        lay_out(&self.site.disk.image(), &folder)?;
        let (clock, entropy) = (self.site.clock(), self.site.entropy());
        backup::restore_with(&Folder::new(&folder), file, true, clock, entropy)?;
        self.site.disk.restore(&take_up(&folder)?);
        std::fs::remove_dir_all(&folder)?;
        Ok(())
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

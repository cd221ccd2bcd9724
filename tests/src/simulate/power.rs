//! What befalls disks: the power goes, at rest or in the middle of a call, room runs out, calls fail.
//!
//! In the middle of a call means: every state of the disk while the call ran is recorded, and one of them is what is found
//! afterwards, less what a power cut takes of the writes that were not synced.

use fieldsync_disk::{Call, Calls, Disk, Effect, Fault, Loss, Times};

use super::world::World;

impl World<'_> {
    /// Between two calls: all that was acknowledged must be there.
    pub(crate) fn power(&mut self, phone: usize, amount: u64) -> anyhow::Result<()> {
        self.marks.hit("power-idle");
        self.phones[phone].disk.record();
        self.power_at(phone, amount).map(drop)
    }

    /// While a note is entered.
    pub(crate) fn power_entering(&mut self, phone: usize, pick: u64, amount: u64) -> anyhow::Result<()> {
        self.phones[phone].disk.record();
        let before = self.oracle.entries.keys().next_back().copied();
        let entered = self.note(phone, pick);
        let is_over = self.power_at(phone, amount)?;
        entered?;
        let last = self.oracle.entries.keys().next_back().copied();
        if let Some(number) = last.filter(|_| last != before) {
            self.marks.hit("power-while-entering");
            if !is_over {
                self.oracle.excuse(number, "the power went before it was said to be stored");
                if !self.phones[phone].state()?.own_numbers().contains(&number) {
                    self.marks.hit("power-undid-entering");
                }
            }
        }
        Ok(())
    }

    /// The power of a phone whose disk was recorded goes at one of the moments recorded, and the app starts again.
    /// Whether that moment is the end: then all that was said to be stored is.
    pub(crate) fn power_at(&mut self, phone: usize, amount: u64) -> anyhow::Result<bool> {
        self.end_app(phone);
        let is_over = strike(&self.phones[phone].disk, amount);
        self.reopen(phone)?;
        Ok(is_over)
    }

    /// Room for so many KiB more.
    pub(crate) fn fill(&mut self, phone: usize, room: u64) {
        let disk = &self.phones[phone].disk;
        disk.set_quota(Some(disk.used() + room * 1_024));
        self.phones[phone].is_failing = true;
        self.marks.hit("disk-full");
    }

    /// One of the next calls goes wrong, or all from then on.
    pub(crate) fn break_disk(&mut self, phone: usize, nth: u64, how: u64) {
        let calls = if how.is_multiple_of(3) {
            Calls::ALL
        } else {
            Calls::of(&[Call::Write, Call::Sync, Call::Truncate, Call::Rename, Call::Delete])
        };
        let effect = [Effect::Fail, Effect::Full, Effect::Half][how as usize / 3 % 3];
        let times = if how.is_multiple_of(2) { Times::Once } else { Times::ForEver };
        self.phones[phone].disk.inject(Fault { calls, nth, times, effect });
        self.phones[phone].is_failing = true;
        self.marks.hit("disk-failed");
    }

    /// The disk of a phone works again and has room. An app whose store is in doubt is started again by its person.
    pub(crate) fn mend(&mut self, phone: usize) {
        self.phones[phone].disk.heal();
        self.phones[phone].disk.set_quota(None);
        self.phones[phone].is_failing = false;
    }

    /// The server's power goes between two requests.
    pub(crate) fn office_power(&mut self, amount: u64) -> anyhow::Result<()> {
        self.marks.hit("office-power-idle");
        self.site.disk.record();
        self.office_power_at(amount)
    }

    /// The power of the server, whose disk was recorded, goes at one of the moments recorded, and it starts again.
    pub(crate) fn office_power_at(&mut self, amount: u64) -> anyhow::Result<()> {
        self.site.stop();
        strike(&self.site.disk, amount);
        self.site.start().map(drop)
    }
}

/// Cuts the power at a moment that was recorded. Whether it was the last one.
fn strike(disk: &Disk, amount: u64) -> bool {
    let points = disk.take_record();
    let loss = Loss::ALL[amount as usize % 4];
    let place = amount as usize / 4 % (points.len() + 1);
    match points.get(place) {
        Some(point) => disk.restore(&point.image.crash(loss, amount)),
        None => disk.crash(loss, amount),
    }
    place >= points.len()
}

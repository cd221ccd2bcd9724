//! Whatever happens in whatever order: what was collected never returns.

use fieldsync::{Draft, RecordId, fields};
use fieldsync_server::enrol;
use fieldsync_server::verify::verify;
use fieldsync_tests::fleet::{Fleet, Phone};
use proptest::prelude::*;

use super::{collect, collected, contact_by, delete, device_of, order_for, waiting};

/// What may happen to two phones, their backups and the office.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A phone syncs.
    Sync(usize),
    /// A phone corrects the contact, if it still has it.
    Rename(usize),
    /// A phone's folder is copied.
    Image(usize),
    /// A phone goes on from the copy.
    Return(usize),
    /// The office gives a phone up.
    Retire(usize),
    /// The office collects.
    Collect,
    /// The office is backed up.
    BackUp,
    /// The office is restored, without a word to anybody.
    Restore,
    /// A year passes.
    Year,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let phone = || 0..2_usize;
    let step = prop_oneof![
        6 => phone().prop_map(Step::Sync),
        2 => phone().prop_map(Step::Rename),
        1 => phone().prop_map(Step::Image),
        2 => phone().prop_map(Step::Return),
        1 => phone().prop_map(Step::Retire),
        4 => Just(Step::Collect),
        1 => Just(Step::BackUp),
        1 => Just(Step::Restore),
        1 => Just(Step::Year),
    ];
    proptest::collection::vec(step, 8..28)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: from the moment it was collected the record never lives again anywhere that
    /// has heard of it, and everything a phone entered is at the office, held there, or still on a phone.
    #[test]
    fn what_was_collected_never_returns(steps in steps()) {
        let mut fleet = Fleet::open();
        let mut phones = [fleet.phone("Anna"), fleet.phone("Bert")];
        let (customer, order) = order_for(&fleet, &[&phones[0], &phones[1]]);
        let contact = contact_by(&fleet, &phones[0], customer);
        let named = |id: RecordId| vec![("parties", fields! { "customer" => customer, "contact" => id })];
        fleet.edit("work_order", order, named(contact)).expect("the order names the contact");
        fleet.settle(&[&phones[0], &phones[1]]);
        let (mut images, mut old): ([Option<Phone>; 2], Vec<Phone>) = ([None, None], Vec::new());
        let mut backup = fleet.back_up();
        let other = contact_by(&fleet, &phones[1], customer);
        fleet.edit("work_order", order, named(other)).expect("the order names another");
        delete(&fleet, "contact", contact);
        let mut is_collected = false;
        let mut written = Vec::new();

        for step in steps {
            match step {
                Step::Sync(n) => drop(phones[n].sync()),
                Step::Rename(n) => {
                    let draft = Draft::of("contact", contact).change("person", fields! { "name" => "renamed" });
                    drop(phones[n].device().edit(draft));
                    written.push(phones[n].device().add_note(order, "a note"));
                }
                Step::Image(n) => {
                    phones[n].kill();
                    old.extend(images[n].replace(fleet.copy_of(&phones[n])));
                    fleet.reopen(&mut phones[n]);
                }
                Step::Return(n) => {
                    if let Some(image) = images[n].take() {
                        // The phone itself goes on too, when it has anything to say: it is the other image from now on.
                        images[n] = Some(std::mem::replace(&mut phones[n], image));
                    }
                }
                Step::Retire(n) => enrol::retire(&fleet.office, device_of(&phones[n])).expect("it is given up"),
                Step::Collect => drop(collect(&fleet)),
                Step::BackUp => backup = fleet.back_up(),
                Step::Restore => fleet.restore(&backup),
                Step::Year => fleet.clock.advance_minutes(366 * 24 * 60),
            }
            is_collected |= collected(&fleet, contact).is_some();
            if is_collected {
                let stored = fleet.office.read(|txn| txn.record(contact)).expect("the office reads");
                prop_assert!(stored.is_none_or(|stored| stored.record.is_deleted()), "it lives again");
                prop_assert!(collected(&fleet, contact).is_some(), "it was forgotten that it was collected");
            }
        }

        let all: Vec<&Phone> = phones.iter().chain(images.iter().flatten()).chain(&old).collect();
        for _ in 0..5 {
            all.iter().for_each(|phone| drop(phone.sync()));
        }
        fleet.settle(&all);
        if is_collected {
            for phone in &all {
                let shown = phone.device().record(contact);
                prop_assert!(shown.is_err(), "{} still shows it", phone.name);
            }
        }
        let waiting = waiting(&fleet);
        for note in written.into_iter().flatten() {
            // What a person was to decide about may have been lost by a restore: then its phone still has it.
            let is_kept = |phone: &&Phone| phone.device().drawer().is_ok_and(|all| all.iter().any(|it| it.record == note));
            let is_held = waiting.iter().any(|held| held.record == note) || all.iter().any(is_kept);
            prop_assert!(fleet.has(note) || is_held, "a note is nowhere");
        }
        let checked = fleet.runtime().block_on(verify(&fleet.office, &fleet.blobs())).expect("the office is checked");
        prop_assert_eq!(checked.problems, Vec::<String>::new());
    }
}

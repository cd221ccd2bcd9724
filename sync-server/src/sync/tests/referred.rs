//! The audience of customers, sites, assets and contacts follows the orders that lead to them, however they move.

use fieldsync_protocol::rights::Code;

use super::*;

/// A record of the office's with its main group.
fn made(office: &Office, kind: &'static str, group: &'static str, fields: Fields) -> RecordId {
    let id = office.new_id();
    commit(office, &OPERATOR, vec![Draft::one(kind, id, group, fields)]).expect("a record of the office's");
    id
}

fn customer(office: &Office, name: &str) -> RecordId {
    made(office, "customer", "identity", fields! { "name" => name })
}

fn site(office: &Office, name: &str, customer: RecordId) -> RecordId {
    made(office, "site", "place", fields! { "name" => name, "customer" => customer })
}

fn change(office: &Office, kind: &'static str, id: RecordId, group: &'static str, fields: Fields) {
    commit(office, &OPERATOR, vec![Draft::one(kind, id, group, fields)]).expect("a change of the office's");
}

/// Everything but the team and what hangs below orders.
fn seen(office: &Office, peer: &mut Peer) -> BTreeSet<RecordId> {
    let answer = peer.sync(office, vec![]);
    let own = answer.fingerprint.expect("last page").own.count;
    let shared = answer.fingerprint.expect("last page").shared.count;
    assert_eq!(peer.held.len() as u64, own + shared, "what the phone holds is what the office counts");
    let mut seen = BTreeSet::new();
    for id in &peer.held {
        let record = office.read(|txn| txn.record(*id)).expect("record").expect("is there").record;
        if ["customer", "site", "asset", "contact"].contains(&record.kind.as_str()) {
            seen.insert(*id);
        }
    }
    seen
}

#[test]
fn an_order_moved_to_another_customer_takes_the_old_one_away_and_brings_the_new_one() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let (old, new) = (customer(office, "Old"), customer(office, "New"));
    change(office, "work_order", job, "parties", fields! { "customer" => old });
    assert_eq!(seen(office, &mut anna), BTreeSet::from([old]));

    change(office, "work_order", job, "parties", fields! { "customer" => new });

    assert_eq!(seen(office, &mut anna), BTreeSet::from([new]));
}

#[test]
fn an_asset_brings_its_site_and_customer_and_what_it_moves_to() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let (north, south) = (customer(office, "North"), customer(office, "South"));
    let (pit, yard) = (site(office, "Pit", north), site(office, "Yard", south));
    let asset = made(office, "asset", "identity", fields! { "name" => "Excavator" });
    change(office, "asset", asset, "place", fields! { "site" => pit });
    change(office, "work_order", job, "parties", fields! { "asset" => asset });
    assert_eq!(seen(office, &mut anna), BTreeSet::from([asset, pit, north]), "the site and its customer come along");

    change(office, "asset", asset, "place", fields! { "site" => yard });
    assert_eq!(seen(office, &mut anna), BTreeSet::from([asset, yard, south]), "the machine was moved");

    change(office, "site", yard, "place", fields! { "customer" => north });
    assert_eq!(seen(office, &mut anna), BTreeSet::from([asset, yard, north]), "the yard was sold");
}

#[test]
fn an_asset_of_two_jobs_leaves_with_the_second() {
    let world = world();
    let office = &world.office;
    let (mut anna, first, given) = on_a_job(office);
    let second = order(office, "boom drops");
    let other = assign(office, second, anna.technician);
    let owner = customer(office, "Owner");
    let asset = made(office, "asset", "identity", fields! { "name" => "Excavator" });
    change(office, "asset", asset, "place", fields! { "customer" => owner });
    for job in [first, second] {
        change(office, "work_order", job, "parties", fields! { "asset" => asset });
    }
    assert_eq!(seen(office, &mut anna), BTreeSet::from([asset, owner]));

    withdraw(office, given);
    assert_eq!(seen(office, &mut anna), BTreeSet::from([asset, owner]), "the other job still needs it");
    withdraw(office, other);
    assert_eq!(seen(office, &mut anna), BTreeSet::new());
}

#[test]
fn a_job_reassigned_takes_along_everything_it_refers_to() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, given) = on_a_job(office);
    let mut bert = Peer::enrol(office, "Bert");
    let north = customer(office, "North");
    let pit = site(office, "Pit", north);
    change(office, "work_order", job, "parties", fields! { "site" => pit });
    assert_eq!(seen(office, &mut anna), BTreeSet::from([pit, north]));
    assert_eq!(seen(office, &mut bert), BTreeSet::new());

    withdraw(office, given);
    assign(office, job, bert.technician);

    assert_eq!(seen(office, &mut anna), BTreeSet::new());
    assert_eq!(seen(office, &mut bert), BTreeSet::from([pit, north]));
}

#[test]
fn what_an_order_refers_to_may_arrive_later_and_brings_its_own_references() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let (asset, pit) = (office.new_id(), office.new_id());
    change(office, "work_order", job, "parties", fields! { "asset" => asset });
    assert_eq!(seen(office, &mut anna), BTreeSet::new());

    let north = customer(office, "North");
    let groups = vec![("identity", fields! { "name" => "Excavator" }), ("place", fields! { "site" => pit })];
    commit(office, &OPERATOR, vec![Draft { kind: "asset", id: asset, groups, context: None }]).expect("asset");
    assert_eq!(seen(office, &mut anna), BTreeSet::from([asset]));
    change(office, "site", pit, "place", fields! { "name" => "Pit", "customer" => north });

    assert_eq!(seen(office, &mut anna), BTreeSet::from([asset, pit, north]));
}

#[test]
fn a_site_made_on_site_cannot_pull_somebody_elses_customer_into_scope() {
    let world = world();
    let office = &world.office;
    let (mut anna, _, _) = on_a_job(office);
    let secret = customer(office, "Secret Ltd");
    let id = office.new_id();
    let place = fields! { "name" => "Pit", "customer" => secret };
    let edits = vec![anna.edit(1, "place", place, Version::new())];

    let answer = anna.sync(office, vec![push("site", id, Version::new(), edits)]);

    let Outcome::Refused { refusals, .. } = &answer.outcomes[0].1 else { panic!("must be refused") };
    assert_eq!(refusals[0].code, Code::OutOfScope);
    assert!(!anna.held.contains(&secret));
}

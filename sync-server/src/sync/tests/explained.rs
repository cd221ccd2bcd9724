//! Why somebody has a record, in the words a dispatcher reads.

use super::*;
use crate::sync::explain::{explain, find};

fn text(office: &Office, record: RecordId, technician: Option<RecordId>) -> String {
    let explained = office.read(|txn| explain(txn, record, technician, None)).expect("explained");
    // Times and places of history depend on the clock and on what was written before.
    let text = explained.text(&|_| "some time".to_owned());
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(' ') {
        let is_place = words.last().is_some_and(|last| last.ends_with("place"));
        words.push(match word.find(|letter: char| !letter.is_ascii_digit()) {
            Some(0) | None if !is_place => word,
            Some(end) if is_place => &word[end..],
            _ if is_place => "",
            _ => word,
        });
    }
    words.join(" ")
}

#[test]
fn a_job_is_explained_by_who_assigned_it_and_how_far_each_phone_is() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, assignment) = on_a_job(office);
    let number = "WO-000001";
    assert_eq!(office.read(|txn| find(txn, "wo-000001")).expect("find"), Some(job));

    assert_eq!(
        text(office, job, None),
        format!(
            "{number} (work order)\nAnna sees it since some time (place )\n  {number} is assigned to them by the office on \
             some time\n  phone has not confirmed to have it yet; confirmed up to place , heard some time\n"
        )
    );
    anna.sync(office, vec![]);
    assert!(text(office, job, None).contains("phone has it as it stands"));
    let problem = fields! { "text" => "worse" };
    commit(office, &OPERATOR, vec![Draft::one("work_order", job, "problem", problem)]).expect("changed");
    assert!(text(office, job, None).contains("phone has it, without its last change"));

    withdraw(office, assignment);
    assert_eq!(
        text(office, job, Some(anna.technician)),
        format!(
            "{number} (work order)\nAnna saw it until some time (place )\n  {number} is withdrawn from them by the office on \
             some time: replanned\n  phone has it still: it has not confirmed to know that it left; confirmed up to place , \
             heard some time\n"
        )
    );
    anna.sync(office, vec![]);
    anna.sync(office, vec![]);
    assert!(text(office, job, None).contains("phone knows that it left"));
}

#[test]
fn a_customer_is_explained_by_the_way_from_the_order() {
    let world = world();
    let office = &world.office;
    let (anna, job, _) = on_a_job(office);
    let [customer, site, asset] = [office.new_id(), office.new_id(), office.new_id()];
    let drafts = vec![
        Draft::one("customer", customer, "identity", fields! { "name" => "North" }),
        Draft::one("site", site, "place", fields! { "name" => "Pit", "customer" => customer }),
        Draft::one("asset", asset, "identity", fields! { "name" => "Excavator" }),
        Draft::one("asset", asset, "place", fields! { "site" => site }),
        Draft::one("work_order", job, "parties", fields! { "asset" => asset }),
    ];
    commit(office, &OPERATOR, drafts).expect("records");

    assert_eq!(
        text(office, customer, Some(anna.technician)),
        "North (customer)\nAnna sees it since some time (place )\n  it is the customer of the site of the asset of \
         WO-000001, which is assigned to them by the office on some time\n  phone has not confirmed to have it yet; \
         confirmed up to place , heard some time\n"
    );
}

#[test]
fn what_somebody_does_not_have_is_explained_too() {
    let world = world();
    let office = &world.office;
    let (anna, _, _) = on_a_job(office);
    let other = order(office, "secret");
    let unknown = office.new_id();

    assert_eq!(
        text(office, other, Some(anna.technician)),
        "WO-000002 (work order)\nAnna does not see it and never did\n  WO-000002 is assigned to nobody\n  phone does not \
         have it; confirmed up to place , heard some time\n"
    );
    assert_eq!(text(office, other, None), "WO-000002 (work order): no technician sees it, and none ever did\n");
    assert_eq!(text(office, anna.technician, None), "Anna (technician): every device has it\n");
    assert_eq!(
        text(office, unknown, None),
        format!("record {unknown} is not known at the office: nothing of it was ever accepted here\n")
    );
}

//! Sample forms: a new work order, and who is to do one.

use fieldsync_protocol::status::Status;

use super::job::head;
use super::{DAY, HOUR, MINUTE, NOW, frame, zone};
use crate::console::view::frame::{Choice, Place};
use crate::console::view::job_form::{Candidate, Dispatch, FieldError, NewJob, NewJobValues};
use crate::console::view::show::{CATEGORIES, PRIORITIES};

pub(super) fn new_form() -> NewJob {
    NewJob {
        frame: frame("New work order", Place::Elsewhere),
        errors: vec![FieldError { field: "problem", text: "An order needs the problem in words.".into() }],
        values: NewJobValues {
            customer: "Ferndale Dairy".into(),
            phone: "+61 8 5550 0199".into(),
            ..NewJobValues::default()
        },
        customers: vec!["Pilbara Iron Works".into(), "天山矿业有限公司".into()],
        sites: vec!["Pit 4, north ramp".into()],
        assets: vec!["Excavator A".into()],
        priorities: Choice::of(&PRIORITIES, "normal"),
        categories: Choice::of(&CATEGORIES, "a_paid"),
        technicians: Choice::of(&[("", "Nobody yet"), ("w", "Wei Zhang"), ("a", "Ana Duarte")], ""),
    }
}

pub(super) fn dispatch() -> Dispatch {
    let candidate =
        |name: &str, skills: &str, is_assigned, open_jobs, today_jobs, ago: Option<i64>, warning: Option<&str>| {
            Candidate {
                value: name.to_lowercase(),
                name: name.into(),
                skills: skills.into(),
                is_assigned,
                open_jobs,
                today_jobs,
                load_percent: u8::try_from(open_jobs * 100 / 14).unwrap_or(100),
                heard: ago.map(|ago| zone().ago(NOW - ago, NOW)),
                is_silent: ago.is_none_or(|ago| ago > 2 * DAY),
                warning: warning.map(Into::into),
            }
        };
    let head = head(Status::Dispatched);
    Dispatch {
        frame: frame("Dispatch W-05485", Place::Board),
        job_href: "/jobs/1".into(),
        action: "/jobs/1/dispatch".into(),
        version: "v1".into(),
        number: head.number,
        status: head.status,
        priority: head.priority,
        problem: head.title,
        customer: head.customer,
        site: head.site,
        due: head.due,
        technicians: vec![
            candidate("Wei Zhang", "Hydraulics, engines", true, 9, 2, Some(12 * MINUTE), None),
            candidate("Ana Duarte", "Electrics", false, 14, 4, Some(5 * DAY), Some("not heard for 5 days")),
            candidate("张伟", "液压", false, 3, 0, Some(3 * HOUR), None),
            candidate("Tom Hale", "Welding", false, 0, 0, None, Some("no device enrolled")),
        ],
        start: String::new(),
    }
}

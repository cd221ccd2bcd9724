//! Sample pages of a work order: a busy one and a fresh one.

use fieldsync_protocol::status::Status;

use super::{DAY, HOUR, MINUTE, NOW, done, frame, zone};
use crate::console::view::frame::{Choice, Place};
use crate::console::view::ink::{Point, signature};
use crate::console::view::job::*;
use crate::console::view::show::{CATEGORIES, Chip, PRIORITIES, When, category, priority, status};

fn at(ms_ago: i64) -> When {
    zone().brief(NOW - ms_ago, NOW)
}

pub(super) fn head(state: Status) -> Head {
    let member = |name: &str, state: Chip, ago: i64| Member {
        name: name.into(),
        state,
        heard: Some(zone().ago(NOW - ago, NOW)),
        withdraw: Some(Withdraw { action: "/jobs/1/withdraw".into(), assignment: "a1".into(), version: "v1".into() }),
    };
    Head {
        number: "W-05485".into(),
        title: "L/H bucket cylinder leaking, 左侧铲斗油缸漏油".into(),
        status: status(state),
        priority: priority("high"),
        category: category("b_contract"),
        customer: "Pilbara Iron Works".into(),
        contact: "Marion Tse, shift lead".into(),
        phone: "+61 8 5550 0134".into(),
        site: "Pit 4, north ramp".into(),
        address: "Ore Road 17, Newman WA 6753".into(),
        asset: "Excavator A".into(),
        asset_detail: "Komatsu PC2000, serial 20417".into(),
        due: Some(zone().due(NOW - 2 * HOUR, NOW, true)),
        registered: at(4 * DAY),
        registered_by: "Ruth Okafor, by phone".into(),
        explain_href: "/explain/01".to_owned(),
        crew: vec![
            member("Wei Zhang", Chip::new("teal", "Finished"), 12 * MINUTE),
            member("Ana Duarte", Chip::new("violet", "On site"), 5 * DAY),
        ],
        version: "v1".into(),
    }
}

fn plan() -> PlanForm {
    PlanForm {
        action: "/jobs/1/plan".into(),
        priorities: Choice::of(&PRIORITIES, "high"),
        categories: Choice::of(&CATEGORIES, "b_contract"),
        due: zone().time_field(NOW),
        instructions: "Gate code 4411. Sign in at the shift office first.".into(),
        priority: "high".into(),
        category: "b_contract".into(),
    }
}

pub(super) fn quiet() -> Job {
    let mut head = head(Status::Registered);
    head.crew.clear();
    Job {
        frame: frame("W-05485", Place::Board),
        head,
        actions: Actions {
            dispatch_href: Some("/jobs/1/dispatch".into()),
            plan: Some(plan()),
            cancel: Some("/jobs/1/cancel".into()),
            note: Some("/jobs/1/notes".into()),
            ..Actions::default()
        },
        warnings: vec![],
        conflicts: vec![],
        decided: vec![],
        proposals: vec![],
        problem: "Oil on the ramp under the left cylinder.".into(),
        reporter: "Marion Tse, by phone".into(),
        instructions: String::new(),
        reports: vec![],
        used: Parts::default(),
        times: Times::default(),
        photos: vec![],
        documents: vec![],
        notes: vec![],
        days: vec![Day {
            heading: "Friday, 20 November 2026".into(),
            entries: vec![entry("registered the order", 4 * DAY, None, &[])],
        }],
    }
}

fn entry(text: &str, ago: i64, device: Option<(&str, i64)>, changes: &[&str]) -> Entry {
    let (person, name) = if device.is_some() { ("Wei Zhang", "Phone in van 3") } else { ("Ruth Okafor", "") };
    Entry {
        text: text.into(),
        person: person.into(),
        device: name.into(),
        is_office: device.is_none(),
        happened: zone().clock(NOW - ago),
        arrived: device.filter(|(_, late)| *late > 0).map(|(_, late)| at(ago - late)),
        changes: changes.iter().map(|change| (*change).into()).collect(),
        marks: vec![],
    }
}

fn conflict() -> Conflict {
    let version = |dot: &str, value: &str, person: &str, is_office, is_shown| Version {
        dot: dot.into(),
        values: vec![Fact::new("Instructions", value)],
        person: person.into(),
        device: "Phone in van 3".into(),
        is_office,
        happened: at(5 * HOUR),
        arrived: at(if is_office { 5 * HOUR } else { 12 * MINUTE }),
        is_shown,
    };
    Conflict {
        anchor: "conflict-1".into(),
        title: "Instructions were written in two places".into(),
        base: "“Sign in at the shift office first.”".into(),
        versions: vec![
            version("a", "Gate code 4411. Sign in at the shift office first.", "Ruth Okafor", true, true),
            version("b", "Gate is closed until Thursday, use the east road. 走东侧道路。", "Wei Zhang", false, false),
        ],
        rule: "The office's value is shown until someone decides, because the plan is the office's.".into(),
        effect: String::new(),
        action: Some("/jobs/1/resolve".into()),
        record: "r".into(),
        group: "instructions".into(),
        seen: "v1".into(),
    }
}

fn strokes() -> Vec<Vec<Point>> {
    let point = |t: f64, x: f64, y: f64| Point {
        x: (x + t * 22.0) as i32,
        y: (y + 60.0 * (t * 1.1).sin() - 24.0 * (t * 2.7).cos()) as i32,
    };
    vec![
        (0..46).map(|i| point(f64::from(i) / 4.0, 40.0, 120.0)).collect(),
        (0..24).map(|i| Point { x: 60 + i * 11, y: 178 - i / 2 }).collect(),
        (0..20).map(|i| point(f64::from(i) / 5.0 + 2.0, 210.0, 90.0)).collect(),
    ]
}

fn document() -> Document {
    let row = |label: &str, signed: &str, now: &str| SignedRow {
        label: label.into(),
        signed: signed.into(),
        now: now.into(),
        differs: signed != now,
    };
    Document {
        title: "Work done".into(),
        state: Chip::new("teal", "Signed"),
        verdict: Chip::new("green", "Verifies."),
        verdict_text: "The signature belongs to exactly this text, made on a device this office enrolled.".into(),
        signature: Some(Signature {
            name: "Marion Tse".into(),
            role: "Shift lead".into(),
            when: at(3 * HOUR),
            refused: None,
            drawing: Some(signature(&strokes())),
        }),
        facts: vec![
            Fact::new("Document", "sha-256 9f4c 1b77 20ae 5d31 …"),
            Fact::new("Device key", "Phone in van 3, ed25519 7c02 e1…"),
            Fact::new("Counter-signed", "24 Nov 2026, 14:08 by the office"),
        ],
        rows: vec![
            row("Outcome", "Fixed", "Fixed"),
            row(
                "Method",
                "Replaced rod seal, bled the circuit, tested under load",
                "Replaced rod seal, bled the circuit, tested under load",
            ),
            row("Seal kit 707-99-58090", "1 × 184.00 AUD", "1 × 196.00 AUD"),
            row("Hydraulic oil 46", "12.5 l × 6.20 AUD", "12.5 l × 6.20 AUD"),
            row("Hose clamp", "", "2 × 3.10 AUD"),
            row("Total", "261.50 AUD", "279.70 AUD"),
        ],
        difference_count: 3,
        download_href: Some("/documents/1".into()),
    }
}

fn photo(caption: &str, is_here: bool) -> Photo {
    let picture = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 3'%3E%3Crect width='4' height='3' fill='%23788'/%3E%3Cpath d='M0 3 2 1l2 2z' fill='%23566'/%3E%3C/svg%3E";
    Photo {
        caption: caption.into(),
        taken: at(4 * HOUR),
        person: "Wei Zhang".into(),
        href: is_here.then(|| picture.into()),
        size: "2.1 MB".into(),
    }
}

pub(super) fn busy() -> Job {
    let line = |number: &str, name: &str, quantity: &str, price: &str, amount: &str, voided: Option<&str>| PartLine {
        number: number.into(),
        name: name.into(),
        quantity: quantity.into(),
        charge: "Contract".into(),
        price: price.into(),
        amount: amount.into(),
        technician: "Wei Zhang".into(),
        voided: voided.map(Into::into),
    };
    let time = |kind: &str, from: i64, to: i64, length: &str, voided: Option<&str>| TimeLine {
        person: "Wei Zhang".into(),
        kind: kind.into(),
        from: at(from),
        to: at(to),
        length: length.into(),
        source: "timer".into(),
        voided: voided.map(Into::into),
    };
    let mut page = quiet();
    page.frame.flash = done("The cause by Wei Zhang is kept.");
    page.head = head(Status::Submitted);
    page.actions = Actions {
        dispatch_href: Some("/jobs/1/dispatch".into()),
        is_dispatched: true,
        plan: Some(plan()),
        cancel: Some("/jobs/1/cancel".into()),
        uncancel: None,
        approve: None,
        approve_blocked: Some("one conflict is open, two photos have not arrived".into()),
        send_back: Some("/jobs/1/return".into()),
        note: Some("/jobs/1/notes".into()),
    };
    page.warnings = vec![
        Warning {
            tone: "amber",
            title: "Differs from signed.".into(),
            text: "Three lines changed after the customer signed.".into(),
            href: Some("#document-1".into()),
            link: "Compare".into(),
        },
        Warning {
            tone: "slate",
            title: "Two photos have not arrived.".into(),
            text: "They are still on Phone in van 3, heard 12 min ago.".into(),
            href: None,
            link: String::new(),
        },
    ];
    page.conflicts = vec![conflict()];
    page.decided = vec![Decided {
        text: "Cause: kept Wei Zhang's value.".into(),
        person: "Ruth Okafor".into(),
        when: at(MINUTE),
        undo: Some(Undo { action: "/jobs/1/undo".into(), record: "r".into(), dot: "d".into() }),
    }];
    page.proposals = vec![Proposal {
        title: "Category".into(),
        now: category("b_contract"),
        proposed: category("c_warranty"),
        reason: "Cylinder was rebuilt in September, still under warranty.".into(),
        person: "Wei Zhang".into(),
        when: at(3 * HOUR),
        accept_action: "/proposals/1/accept".into(),
        decline_action: "/proposals/1/decline".into(),
    }];
    page.instructions = "Gate code 4411. Sign in at the shift office first.".into();
    let report = Report {
        technician: "Wei Zhang".into(),
        state: Chip::new("teal", "Sealed"),
        outcome: "Fixed".into(),
        written: at(3 * HOUR),
        fields: vec![
            Fact::new("Fault location", "Tilt cylinder, left, rod end"),
            Fact::new("Cause", "Rod seal hardened; scoring 0.1 mm at 300 mm stroke. 活塞杆有划痕。"),
            Fact::new("Method", "Replaced rod seal, bled the circuit, tested under load for 20 min."),
        ],
        parameters: vec![
            Parameter { name: "Relief valve, bucket".into(), old: "330 bar".into(), new: "345 bar".into() },
            Parameter { name: "Trip delay".into(), old: "0.3 s".into(), new: "0.1 s".into() },
        ],
        hazards: "Rod is scored: expect the seal to last 500 h at most. Plan a rod exchange.".into(),
    };
    let draft = Report {
        technician: "Ana Duarte".into(),
        state: Chip::new("slate", "Draft"),
        outcome: String::new(),
        fields: vec![Fact::new("Cause", "")],
        parameters: vec![],
        hazards: String::new(),
        written: at(HOUR),
    };
    page.reports = vec![report, draft];
    page.used = Parts {
        lines: vec![
            line("707-99-58090", "Seal kit, tilt cylinder", "1", "196.00 AUD", "196.00 AUD", None),
            line("OIL-46", "Hydraulic oil 46", "12.5 l", "6.20 AUD", "77.50 AUD", None),
            line("CL-14", "Hose clamp", "4", "3.10 AUD", "12.40 AUD", Some("counted twice")),
        ],
        total: "273.50 AUD".into(),
    };
    page.times = Times {
        lines: vec![
            time("Travel", 6 * HOUR, 5 * HOUR, "1 h 00", None),
            time("Work", 5 * HOUR, 3 * HOUR, "2 h 00", None),
            time("Break", 4 * HOUR, 4 * HOUR - 15 * MINUTE, "15 min", Some("was not a break")),
        ],
        totals: vec![Fact::new("Travel", "1 h 00"), Fact::new("Work", "2 h 00")],
    };
    page.photos = vec![photo("Leak before repair", true), photo("Scored rod, 划痕", false), photo("After test", false)];
    page.documents = vec![document()];
    page.notes = vec![
        Note {
            person: "Ruth Okafor".into(),
            is_office: true,
            when: at(DAY),
            text: "Customer asks for a call before you arrive.".into(),
        },
        Note {
            person: "Wei Zhang".into(),
            is_office: false,
            when: at(5 * HOUR),
            text: "Called, gate opens at nine.".into(),
        },
    ];
    page.days = vec![
        Day {
            heading: "Today".into(),
            entries: vec![
                entry("kept a value of the cause", MINUTE, None, &["Cause: Wei Zhang's value"]),
                entry(
                    "finished the visit and handed it in",
                    3 * HOUR,
                    Some(("", 3 * HOUR - 12 * MINUTE)),
                    &["Outcome: Fixed", "Signed by Marion Tse, shift lead"],
                ),
                entry(
                    "used parts",
                    4 * HOUR,
                    Some(("", 4 * HOUR - 12 * MINUTE)),
                    &["Seal kit, tilt cylinder: 1", "Hydraulic oil 46: 12.5 l"],
                ),
                entry(
                    "changed the plan",
                    5 * HOUR,
                    None,
                    &["Priority: Normal → High", "Due: 25 Nov 17:00 → today 12:20"],
                ),
                entry("started the visit", 5 * HOUR + 10 * MINUTE, Some(("", 0)), &[]),
            ],
        },
        Day {
            heading: "Yesterday".into(),
            entries: vec![entry("dispatched it to Wei Zhang and Ana Duarte", DAY, None, &[])],
        },
        Day {
            heading: "Friday, 20 November 2026".into(),
            entries: vec![entry(
                "registered the order",
                4 * DAY,
                None,
                &["Problem: oil on the ramp under the left cylinder"],
            )],
        },
    ];
    page.days[0].entries[2].marks = vec![Chip::new("slate", "refilled by Phone in van 3")];
    page
}

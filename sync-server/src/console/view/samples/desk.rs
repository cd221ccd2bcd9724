//! Sample pages beside the job page.

use super::{DAY, HOUR, MINUTE, NOW, done, frame, zone};
use crate::console::view::board::{Board, Column, Filter, Heard, PageLink, Pages, Row, Tab, page_numbers};
use crate::console::view::devices::{DeviceRow, Devices, Enrol, Retire, Revoke, Wipe};
use crate::console::view::explain::{Explain, Sight};
use crate::console::view::frame::{Choice, Place};
use crate::console::view::held::{Held, HeldChange, HeldPage, JobLink};
use crate::console::view::import::{Fault, Figure, Imported, MappedColumn, Preview, PreviewRow, Upload};
use crate::console::view::ink::code_square;
use crate::console::view::login::Login;
use crate::console::view::search::{Hit, Search, Section};
use crate::console::view::show::{Chip, grouped, priority, status, tone};
use fieldsync_protocol::status::Status;

pub(super) fn login(error: Option<&str>) -> Login {
    let name = if error.is_some() { "ruth" } else { "" };
    Login {
        office: "Northgate Service 北门".into(),
        name: name.into(),
        next: "/board".into(),
        error: error.map(Into::into),
    }
}

fn tab(tone: &'static str, label: &str, count: i64, is_current: bool) -> Tab {
    let href = format!("/board?status={}", label.to_lowercase());
    Tab { tone, label: label.into(), count: grouped(count), href, is_current, is_empty: count == 0 }
}

fn columns() -> Vec<Column> {
    let column = |class, label, sorted| Column { class, label, href: Some(format!("/board?sort={class}")), sorted };
    let mut columns = vec![
        column("c-number", "Order", "none"),
        column("c-status", "Status", "none"),
        column("c-priority", "Priority", "none"),
        column("c-customer", "Customer, site", "none"),
        column("c-asset", "Asset", "none"),
        column("c-problem", "Problem", "none"),
        column("c-due", "Due", "ascending"),
        column("c-technicians", "Technicians", "none"),
    ];
    columns[5].href = None;
    columns
}

fn filter(technician: &str, clear: bool) -> Filter {
    let technicians = [("", "Anyone"), ("none", "Nobody"), ("wei", "Wei Zhang"), ("ana", "Ana Duarte")];
    let dues = [("", "Any time"), ("late", "Overdue"), ("today", "Today"), ("week", "Next 7 days")];
    Filter {
        status: String::new(),
        sort: "due".into(),
        text: String::new(),
        technicians: Choice::of(&technicians, technician),
        dues: Choice::of(&dues, ""),
        day: String::new(),
        clear_href: clear.then(|| "/board".into()),
    }
}

fn row(index: usize) -> Row {
    const PROBLEMS: [&str; 10] = [
        "L/H BUCKET CYL LEAKING.",
        "ENGINE OVERHEATING, COOLANT LOSS AT PUMP",
        "更换液压油管，右侧大臂接头漏油",
        "AIRCON NOT COLD",
        "Replace swing motor seal kit and check torque on all eight mounting bolts before release",
        "FIT BUCKET TOOTH",
        "Door of cabin does not lock",
        "GREASE LINE BROKEN R/H BOOM",
        "REPAIR CRACK IN BUCKET <i>evil</i>",
        "TRACK TENSION LOW",
    ];
    const CUSTOMERS: [(&str, &str); 5] = [
        ("Pilbara Iron Works", "Pit 4, north ramp"),
        ("天山矿业有限公司", "二号矿区"),
        ("Harrow & Sons Quarry", ""),
        ("Consolidated Aggregates and Earthmoving of the Western District", "Depot Kalgoorlie"),
        ("Municipal works Ferndale", "Landfill"),
    ];
    const STATES: [Status; 8] = [
        Status::Submitted,
        Status::InProgress,
        Status::Dispatched,
        Status::Registered,
        Status::FollowUp,
        Status::Returned,
        Status::WorkDone,
        Status::CannotComplete,
    ];
    let marks = match index {
        0 => vec![Chip::new("red", "1 conflict"), Chip::new("amber", "differs from signed")],
        1 => vec![Chip::new("slate", "2 photos not arrived")],
        4 => vec![Chip::new("orange", "held work")],
        9 => vec![Chip::new("amber", "proposal")],
        _ => Vec::new(),
    };
    let (customer, site) = CUSTOMERS[index % 5];
    let state = STATES[index % 8];
    let is_assigned = state != Status::Registered;
    let heard_ms = NOW - [12 * MINUTE, 40 * MINUTE, 3 * HOUR, 5 * DAY][index % 4];
    let technicians: &[&str] = [&["Wei Zhang"][..], &["Ana Duarte", "Tom Hale"], &["张伟"]][index % 3];
    Row {
        href: format!("/jobs/{index}"),
        number: format!("W-{:05}", 5485 - index * 7),
        status: status(state),
        priority: priority(["normal", "emergency", "normal", "high", "low", "normal"][index % 6]),
        customer: customer.into(),
        site: site.into(),
        asset: ["Excavator A", "Excavator B", "Komatsu PC2000 · C", "小松 PC1250"][index % 4].into(),
        problem: PROBLEMS[index % 10].into(),
        due: (index % 7 != 6).then(|| zone().due(NOW + (index as i64 - 4) * 9 * HOUR, NOW, true)),
        technicians: if is_assigned { technicians.iter().map(|name| (*name).into()).collect() } else { Vec::new() },
        heard: is_assigned.then(|| Heard { when: zone().ago(heard_ms, NOW), is_long_ago: NOW - heard_ms > 2 * DAY }),
        marks,
    }
}

fn tabs(counts: [i64; 10]) -> Vec<Tab> {
    let mut tabs = vec![tab("slate", "All", counts.iter().sum(), true)];
    tabs.extend(
        Status::ALL.into_iter().zip(counts).map(|(status, count)| tab(tone(status), status.label(), count, false)),
    );
    tabs
}

pub(super) fn board() -> Board {
    let link = |number| PageLink { number, href: format!("/board?page={number}"), is_current: number == 1 };
    Board {
        frame: frame("Board", Place::Board),
        tabs: tabs([4311, 62, 14, 9, 3, 21, 4, 1032, 26, 3]),
        attention: vec![tab("red", "Needs a person", 7, false), tab("orange", "Late work", 2, false)],
        filter: filter("", false),
        columns: columns(),
        rows: (0..50).map(row).collect(),
        pages: Pages {
            from: "1".into(),
            to: "50".into(),
            total: grouped(5485),
            previous: None,
            next: Some("/board?page=2".into()),
            numbers: page_numbers(1, 110).into_iter().map(|number| number.map(link)).collect(),
        },
        is_new_office: false,
    }
}

pub(super) fn empty_board(is_new_office: bool) -> Board {
    let counts = if is_new_office { [0; 10] } else { [4311, 62, 14, 9, 3, 21, 4, 1032, 26, 3] };
    let mut page = board();
    page.tabs = tabs(counts);
    page.filter = filter("ana", !is_new_office);
    page.rows.clear();
    page.is_new_office = is_new_office;
    page
}

pub(super) fn search() -> Search {
    let mut surroundings = frame("Search", Place::Elsewhere);
    surroundings.query = "bucket cyl".into();
    let hit = |index: usize| {
        let row = row(index);
        Hit {
            href: row.href,
            title: row.number,
            detail: row.problem,
            status: Some(row.status),
            aside: format!("{} · 4 May 2011", row.customer),
        }
    };
    let asset = Hit {
        href: "/board?q=A".into(),
        title: "Excavator A".into(),
        detail: "Hydraulic excavator, Pit 4".into(),
        status: None,
        aside: "1,203 orders".into(),
    };
    Search {
        frame: surroundings,
        total: "218 found".into(),
        sections: vec![
            Section {
                title: "Work orders",
                count: "214".into(),
                hits: [0, 2, 5, 7, 8].map(hit).into(),
                all_href: Some("/board?q=bucket+cyl".into()),
            },
            Section { title: "Assets", count: "4".into(), hits: vec![asset], all_href: None },
        ],
    }
}

pub(super) fn held() -> HeldPage {
    let job = |number: &str, title: &str, state| {
        Some(JobLink { href: "/jobs/1".into(), number: number.into(), title: title.into(), status: status(state) })
    };
    let change =
        |field: &str, held: &str, now: &str| HeldChange { field: field.into(), held: held.into(), now: now.into() };
    let item = |id: &str, reason: Chip, why: &str, job, changes| {
        Held {
        id: id.into(),
        reason,
        why: why.into(),
        person: "Wei Zhang".into(),
        device: "Phone in van 3".into(),
        happened: zone().brief(NOW - 26 * HOUR, NOW),
        arrived: zone().brief(NOW - 20 * MINUTE, NOW),
        job,
        changes,
        effect: "Release applies it as Wei Zhang's work at the time it was written. Discard keeps it in the history and applies nothing.".into(),
        ids: "1 2".into(),
        what: "Customer".into(),
    }
    };
    HeldPage {
        frame: frame("Held work", Place::Held),
        tabs: vec![
            tab("slate", "All", 3, true),
            tab("orange", "Late work", 1, false),
            tab("violet", "Revoked device", 1, false),
            tab("amber", "Refused refill", 1, false),
        ],
        items: vec![
            item(
                "h1",
                Chip::new("orange", "late work"),
                "The job was taken from him on 23 Nov at 09:12; this was written the same afternoon, before his phone could know.",
                job("W-05440", "GREASE LINE BROKEN R/H BOOM", Status::Dispatched),
                vec![
                    change("Cause", "Line chafed through at the boom clamp", ""),
                    change("Method", "Replaced 2 m of 1/4\" line, new clamp", ""),
                    change("Time, work", "1 h 25", ""),
                ],
            ),
            item(
                "h2",
                Chip::new("violet", "revoked device"),
                "The device was revoked on 22 Nov. It pushed work that carries a later time.",
                job("W-05391", "AIRCON NOT COLD", Status::Submitted),
                vec![change("Outcome", "Fixed", "Follow up: waiting for compressor")],
            ),
            item(
                "h3",
                Chip::new("amber", "refill without seal"),
                "The device offered a record that the office does not know, and its seal does not fit. It may come from a lost time of the office, or from elsewhere.",
                None,
                vec![change("Customer", "天山矿业有限公司", ""), change("Phone", "+86 991 555 0134", "")],
            ),
        ],
    }
}

fn device(
    name: &str,
    technician: &str,
    state: Option<Chip>,
    heard_ms: i64,
    reach: Chip,
    holds: Vec<Chip>,
) -> DeviceRow {
    DeviceRow {
        name: name.into(),
        detail: String::new(),
        technician: technician.into(),
        state,
        enrolled: zone().day(NOW - 70 * DAY),
        heard: Some(zone().ago(heard_ms, NOW)),
        is_silent: NOW - heard_ms > 2 * DAY,
        reach,
        holds,
        revoke_href: Some("/devices/1/revoke".into()),
        retire_href: Some("/devices/1/retire".into()),
        wipe_href: Some("/devices/1/wipe".into()),
    }
}

pub(super) fn devices() -> Devices {
    let mut revoked = device(
        "Old tablet",
        "Tom Hale",
        Some(Chip::new("faded", "Revoked")),
        NOW - 31 * DAY,
        Chip::new("slate", "—"),
        vec![],
    );
    revoked.revoke_href = None;
    revoked.retire_href = None;
    revoked.wipe_href = None;
    let holds =
        vec![Chip::new("amber", "14 edits"), Chip::new("red", "1 refused"), Chip::new("slate", "3 photos, 8.2 MB")];
    Devices {
        frame: frame("Devices", Place::Devices),
        devices: vec![
            device("Phone in van 3", "Wei Zhang", None, NOW - 12 * MINUTE, Chip::new("green", "up to date"), vec![]),
            device("Ana's phone", "Ana Duarte", None, NOW - 5 * DAY, Chip::new("amber", "212 behind"), holds),
            device(
                "车间平板",
                "张伟",
                None,
                NOW - 3 * HOUR,
                Chip::new("slate", "4 behind"),
                vec![Chip::new("slate", "1 photo, 2.1 MB")],
            ),
            revoked,
        ],
        technicians: Choice::of(&[("w", "Wei Zhang"), ("a", "Ana Duarte"), ("z", "张伟")], "w"),
    }
}

pub(super) fn enrol() -> Enrol {
    Enrol {
        frame: frame("Enrol a device", Place::Devices),
        technician: "Ana Duarte".into(),
        code: "7Q2M-K9TX-4HBD".into(),
        address: "http://192.168.1.20:8470".into(),
        until: zone().full(NOW + DAY),
        square: code_square("fieldsync://enrol?at=http://192.168.1.20:8470&code=7Q2M-K9TX-4HBD").expect("it fits"),
    }
}

pub(super) fn revoke() -> Revoke {
    let device = devices().devices.swap_remove(1);
    Revoke { frame: frame("Revoke", Place::Devices), device, action: "/devices/1/revoke".into() }
}

pub(super) fn retire() -> Retire {
    let device = devices().devices.swap_remove(1);
    Retire { frame: frame("Retire", Place::Devices), device, action: "/devices/1/retire".into() }
}

pub(super) fn wipe() -> Wipe {
    let device = devices().devices.swap_remove(1);
    Wipe { frame: frame("Revoke", Place::Devices), device, action: "/devices/1/wipe".into() }
}

pub(super) fn explain() -> Explain {
    let sight = |title: &str, lines: &[&str]| Sight {
        title: title.into(),
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    };
    Explain {
        frame: frame("Who has it on the phone", Place::Elsewhere),
        title: "WO-000042 (work order)".into(),
        job_href: Some("/jobs/1".into()),
        people: vec![
            sight(
                "Wei Zhang <i>evil</i> sees it since 24 Nov 2026, 08:02 (place 417)",
                &[
                    "WO-000042 is assigned to them by Ruth Okafor on 24 Nov 2026, 08:02",
                    "Phone in van 3 has it, without its last change; confirmed up to place 502, heard 24 Nov 2026, 13:50",
                ],
            ),
            sight(
                "Anna Berg saw it until 24 Nov 2026, 08:02 (place 416)",
                &["WO-000042 is withdrawn from them by Ruth Okafor on 24 Nov 2026, 08:02: somebody nearer"],
            ),
        ],
    }
}

pub(super) fn upload() -> Upload {
    Upload { frame: frame("Import", Place::Import), bytes_max: "32 MB".into() }
}

fn faults() -> Vec<Fault> {
    let fault =
        |line: &str, reason: &str, text: &str| Fault { line: line.into(), reason: reason.into(), text: text.into() };
    vec![
        fault("214", "the date is not a day: “31/02/2010”", "31/02/2010,C,REPLACE LIP SHROUD,PM01,0"),
        fault("1,877", "the row has 4 columns, the heading 16", "2009-01-12,B,,PM01"),
        fault("3,020", "there is no problem text", "2012-08-30,E,NA,PM02,114.2,NA,NA"),
    ]
}

pub(super) fn preview() -> Preview {
    let column = |(heading, sample, field): (&str, &str, &str)| MappedColumn {
        heading: heading.into(),
        field: field.into(),
        filled: "5,485".into(),
        sample: sample.into(),
    };
    let mapped = [
        ("BscStartDate", "2004-07-01", "date"),
        ("Asset", "A", "asset"),
        ("OriginalShorttext", "BUCKET WON'T OPEN", "problem"),
        ("PMType", "PM01", "kind"),
        ("Cost", "183.05", "cost"),
        ("FuncLocation", "BUCKET", ""),
    ];
    let cells = |line: usize| PreviewRow {
        line: grouped(line as i64),
        cells: ["1 Jul 2004", "Excavator A", "BUCKET WON'T OPEN", "A · paid repair", "183.05"].map(Into::into).into(),
    };
    Preview {
        frame: frame("Import", Place::Import),
        action: "/import/1".into(),
        file: "excavators-cleaned.csv".into(),
        findings: vec![
            "Comma-separated, UTF-8, 16 columns.".into(),
            "Dates are year-first, from 1 Jul 2004 to 28 Feb 2016.".into(),
            "Costs are read as AUD.".into(),
        ],
        usable: "5,482".into(),
        before: "0".into(),
        unusable: "3".into(),
        columns: mapped.into_iter().map(column).collect(),
        headings: ["Due day", "Asset", "Problem", "Category", "Cost"].map(Into::into).into(),
        rows: (2..22).map(cells).collect(),
        faults: faults(),
        more_faults: 0,
        can_confirm: true,
    }
}

pub(super) fn imported() -> Imported {
    let figure = |number: &str, label| Figure { number: number.into(), label };
    let mut surroundings = frame("Import", Place::Import);
    surroundings.flash = done("5,482 work orders were imported.");
    Imported {
        frame: surroundings,
        file: "excavators-cleaned.csv".into(),
        figures: vec![
            figure("5,482", "orders"),
            figure("5", "new assets"),
            figure("1", "new customer"),
            figure("3", "rows left out"),
        ],
        faults: faults(),
        more_faults: 12,
        took: "2.4 s".into(),
    }
}

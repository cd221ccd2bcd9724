//! Every page with believable content, rendered, checked for the promises of the console, and written out to be looked at.
//!
//! With `CONSOLE_PAGES=DIR` in the environment the pages are also written to that directory.

mod desk;
mod forms;
mod job;

use super::frame::{Flash, Frame, Place};
use super::show::Zone;

/// Tuesday 24 November 2026, 14:20 in the office of the samples.
pub(super) const NOW: i64 = 1_795_501_200_000;
pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

pub(super) fn zone() -> Zone {
    Zone::east_of_utc(480)
}

pub(super) fn frame(title: &str, place: Place) -> Frame {
    Frame {
        title: title.to_owned(),
        office: "Northgate Service 北门".to_owned(),
        person: "Ruth Okafor".to_owned(),
        place,
        held_count: 3,
        query: String::new(),
        zone: zone().name(),
        flash: None,
    }
}

pub(super) fn done(text: &str) -> Option<Flash> {
    Some(Flash { tone: "done", text: text.to_owned() })
}

fn pages() -> Vec<(&'static str, String)> {
    let render = |page: &dyn askama::DynTemplate| page.dyn_render().expect("a sample renders");
    vec![
        ("login", render(&desk::login(None))),
        ("login_error", render(&desk::login(Some("That name and password do not go together.")))),
        ("board", render(&desk::board())),
        ("board_empty", render(&desk::empty_board(false))),
        ("board_new", render(&desk::empty_board(true))),
        ("search", render(&desk::search())),
        ("held", render(&desk::held())),
        ("devices", render(&desk::devices())),
        ("device_enrol", render(&desk::enrol())),
        ("device_revoke", render(&desk::revoke())),
        ("device_retire", render(&desk::retire())),
        ("device_wipe", render(&desk::wipe())),
        ("explain", render(&desk::explain())),
        ("import", render(&desk::upload())),
        ("import_preview", render(&desk::preview())),
        ("import_result", render(&desk::imported())),
        ("job", render(&job::busy())),
        ("job_new_order", render(&job::quiet())),
        ("job_form", render(&forms::new_form())),
        ("job_dispatch", render(&forms::dispatch())),
    ]
}

#[test]
fn every_page_keeps_to_the_content_security_policy() {
    for (name, page) in pages() {
        for forbidden in [" style=", "<style", " onclick", " onload", " onsubmit", "javascript:", "http://", "//cdn"] {
            let page = page.replace("http://www.w3.org", "").replace("http://192.168.1.20:8470", "");
            assert!(!page.contains(forbidden), "{name} contains {forbidden}");
        }
        let scripts = page.matches("<script").count();
        assert_eq!(scripts, page.matches("<script src=\"/static/").count(), "{name} has an inline script");
    }
}

#[test]
fn every_page_escapes_what_people_wrote() {
    for (name, page) in pages() {
        assert!(!page.contains("<i>evil"), "{name} lets markup through");
    }
}

#[test]
fn every_id_is_unique_and_every_label_names_a_field() {
    for (name, page) in pages() {
        let ids: Vec<&str> = attribute_values(&page, " id=\"");
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id), "{name} has two elements called {id}");
        }
        for target in attribute_values(&page, " for=\"") {
            assert!(ids.contains(&target), "{name} labels {target}, which is not there");
        }
    }
}

#[test]
fn the_pages_are_written_out_to_be_looked_at() {
    let Some(directory) = std::env::var_os("CONSOLE_PAGES") else { return };
    for (name, page) in pages() {
        let path = std::path::Path::new(&directory).join(format!("{name}.html"));
        std::fs::write(path, page.replace("/static/", "")).expect("the directory is there");
    }
}

fn attribute_values<'a>(page: &'a str, opening: &str) -> Vec<&'a str> {
    page.split(opening).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

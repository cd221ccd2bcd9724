//! The matrix of routes: every route of the console, and who gets through. A route without a row fails.

use axum::http::StatusCode;
use fieldsync_protocol::rights::{Actor, Deed, Role, may};

use super::browser::Browser;
use super::{World, world};
use crate::people::add_user;

/// Who gets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Anybody, signed in or not.
    Anybody,
    /// Everybody who is signed in; what an edit then may do is asked of the matrix of edits.
    SignedIn,
    /// Those whose role may do it.
    May(Deed),
}

use Who::{Anybody, May, SignedIn};

const MATRIX: &[(&str, Who)] = &[
    ("GET /", Anybody),
    ("GET /static/console.css", Anybody),
    ("GET /static/console.js", Anybody),
    ("GET /static/icon.svg", Anybody),
    ("GET /login", Anybody),
    ("POST /login", Anybody),
    ("POST /logout", Anybody),
    ("GET /events", SignedIn),
    ("GET /board", SignedIn),
    ("GET /search", SignedIn),
    ("GET /jobs/new", SignedIn),
    ("POST /jobs/new", SignedIn),
    ("GET /jobs/{order}", SignedIn),
    ("POST /jobs/{order}/plan", SignedIn),
    ("POST /jobs/{order}/cancel", SignedIn),
    ("POST /jobs/{order}/uncancel", SignedIn),
    ("POST /jobs/{order}/approve", SignedIn),
    ("POST /jobs/{order}/return", SignedIn),
    ("POST /jobs/{order}/notes", SignedIn),
    ("POST /jobs/{order}/withdraw", SignedIn),
    ("POST /jobs/{order}/resolve", SignedIn),
    ("POST /jobs/{order}/undo", SignedIn),
    ("POST /jobs/{order}/proposals/{proposal}/{decision}", SignedIn),
    ("GET /jobs/{order}/photos/{attachment}", SignedIn),
    ("GET /jobs/{order}/documents/{document}", SignedIn),
    ("GET /jobs/{order}/dispatch", SignedIn),
    ("POST /jobs/{order}/dispatch", SignedIn),
    ("GET /explain/{record}", SignedIn),
    ("GET /devices", SignedIn),
    ("GET /devices/enrol", SignedIn),
    ("POST /devices/enrol", May(Deed::Enrol)),
    ("GET /devices/{device}/revoke", May(Deed::Revoke)),
    ("POST /devices/{device}/revoke", May(Deed::Revoke)),
    ("GET /devices/{device}/retire", May(Deed::Retire)),
    ("POST /devices/{device}/retire", May(Deed::Retire)),
    ("GET /devices/{device}/wipe", May(Deed::Wipe)),
    ("POST /devices/{device}/wipe", May(Deed::Wipe)),
    ("GET /held", SignedIn),
    ("POST /held/release", SignedIn),
    ("POST /held/discard", SignedIn),
    ("GET /import", SignedIn),
    ("POST /import", SignedIn),
    ("GET /import/{upload}", SignedIn),
    ("POST /import/{upload}", SignedIn),
    ("GET /bundles", SignedIn),
    ("POST /bundles", SignedIn),
    ("GET /bundles/{upload}", SignedIn),
    ("POST /bundles/{upload}", SignedIn),
    ("GET /bundles/done/{bundle}", SignedIn),
];

/// The routes as the router is written.
fn routes() -> Vec<String> {
    let source = include_str!("../pages/mod.rs");
    let mut found = Vec::new();
    for part in source.split(".route(").skip(1) {
        let path = part.split('"').nth(1).expect("a route names its path");
        let part = part.split(".fallback(").next().expect("the first piece is there");
        for (word, method) in [("get(", "GET"), ("post(", "POST"), ("put(", "PUT"), ("delete(", "DELETE")] {
            if part.contains(word) {
                found.push(format!("{method} {path}"));
            }
        }
    }
    found
}

/// A browser of somebody in this role, signed in without the time a password takes.
fn signed_in(world: &World, role: Role) -> (Actor, Browser) {
    let hash = super::password_hash().to_owned();
    let person = add_user(&world.office, role.name(), "Somebody", role, hash).expect("a user can be added");
    let (token, now_ms) = ([role as u8 + 50; 32], world.office.now_ms());
    let session = fieldsync_protocol::Hash::blake3(&token);
    world.office.write(move |txn| txn.put_session(&session, person, now_ms)).expect("the store works");
    let mut browser = world.browser();
    browser.cookies.insert(crate::console::desk::SESSION.to_owned(), hex::encode(token));
    (Actor { person, role }, browser)
}

/// The request, with names of nothing in place of its variables.
async fn ask(browser: &mut Browser, route: &str) -> super::browser::Page {
    let (method, path) = route.split_once(' ').expect("method and path");
    let nothing = "00000000-0000-0000-0000-000000000001";
    let parts = path.split('/').map(|part| if part.starts_with('{') { nothing } else { part });
    let path = parts.collect::<Vec<_>>().join("/");
    if method == "GET" { browser.get(&path).await } else { browser.post(&path, &[("technician", nothing)]).await }
}

#[test]
fn every_route_has_a_row_and_every_row_a_route() {
    let mut routes = routes();
    let mut rows: Vec<String> = MATRIX.iter().map(|(route, _)| (*route).to_owned()).collect();
    routes.sort();
    rows.sort();
    assert_eq!(routes, rows);
}

#[tokio::test]
async fn each_route_lets_through_whom_its_row_names_and_nobody_else() {
    let world = world();
    for (route, who) in MATRIX.iter().filter(|(route, _)| *route != "GET /events") {
        let page = ask(&mut world.browser(), route).await;
        let is_sent_away = page.status == StatusCode::SEE_OTHER && page.location().starts_with("/login?next=");
        assert_eq!(is_sent_away, *who != Anybody, "{route}, signed out: {} {}", page.status, page.location());
    }
    for role in Role::ALL {
        let (actor, mut browser) = signed_in(&world, role);
        for (route, who) in MATRIX.iter().filter(|(_, who)| *who != Anybody) {
            if *route == "GET /events" {
                // The stream is open for ever; that it wants a session is tested with the doors.
                continue;
            }
            let page = ask(&mut browser, route).await;
            let is_sent_away = page.status == StatusCode::SEE_OTHER && page.location().starts_with("/login?next=");
            assert_eq!(is_sent_away, role == Role::Technician, "{route} as {role:?}: {}", page.status);
            if let (May(deed), false) = (who, is_sent_away) {
                assert_eq!(page.status != StatusCode::FORBIDDEN, may(&actor, *deed), "{route} as {role:?}");
            } else {
                assert_ne!(page.status, StatusCode::FORBIDDEN, "{route} as {role:?}");
            }
        }
    }
}

#[tokio::test]
async fn only_a_role_that_may_revoke_has_a_device_wiped_and_who_asked_is_noted() {
    let world = world();
    let path = format!("/devices/{}/wipe", world.device);
    let (_, mut accountant) = signed_in(&world, Role::Accountant);

    assert_eq!(accountant.post(&path, &[]).await.status, StatusCode::FORBIDDEN);
    assert!(!accountant.get("/devices").await.body.contains("/wipe"), "no button for what is refused");
    let device = world.office.read(|txn| txn.device(world.device)).expect("the store works").expect("it is there");
    assert_eq!((device.wipe_ms, device.revoked_ms), (None, None));

    let (supervisor, mut browser) = signed_in(&world, Role::Supervisor);
    assert_eq!(browser.post(&path, &[]).await.status, StatusCode::SEE_OTHER);

    assert_eq!(world.office.revocations.wiped_by(world.device), Some(supervisor.person));
    assert!(browser.get("/devices").await.body.contains("asked by Somebody"));
}

//! Who gets in, and what a foreign page can do: nothing.

use axum::http::StatusCode;

use super::{PASSWORD, world};

#[tokio::test]
async fn nobody_sees_a_page_without_signing_in_and_then_arrives_where_he_wanted() {
    let world = world();
    let mut browser = world.browser();

    for path in [
        "/board",
        "/jobs/new",
        "/devices",
        "/held",
        "/import",
        "/search?q=x",
        "/explain/00000000-0000-0000-0000-000000000001",
        "/events",
        "/nothing/here",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{path}");
        assert!(page.location().starts_with("/login?next=%2F"), "{path} leads to {}", page.location());
    }
    let page = browser.post("/login", &[("name", "ruth"), ("password", PASSWORD), ("next", "/held")]).await;

    assert_eq!(page.location(), "/held");
    assert!(browser.get("/held").await.body.contains("Nothing waits for you"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let world = world();
    let mut browser = world.browser();

    let wrong = browser.post("/login", &[("name", "ruth"), ("password", "something else")]).await;
    let unknown = browser.post("/login", &[("name", "nobody"), ("password", "something else")]).await;

    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.body.replace("ruth", "nobody"), unknown.body);
    assert_eq!(browser.get("/board").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn guessing_is_slowed_down_even_for_the_right_password() {
    let world = world();
    let mut browser = world.browser();
    for _ in 0..5 {
        browser.post("/login", &[("name", "ruth"), ("password", "wrong")]).await;
    }

    let page = browser.post("/login", &[("name", "ruth"), ("password", PASSWORD)]).await;

    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_change_anything() {
    let world = world();
    let order = world.order("pump leaks");
    let mut browser = world.signed_in().await;

    for origin in ["http://evil.example", "https://office.example:444", "null"] {
        let page = browser.post_from(&format!("/jobs/{order}/notes"), &[("text", "gotcha")], origin).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{origin}");
    }

    assert!(!browser.get(&format!("/jobs/{order}")).await.body.contains("gotcha"));
}

#[tokio::test]
async fn signing_out_ends_the_session_at_the_office_too() {
    let world = world();
    let mut browser = world.signed_in().await;
    let mut thief = world.browser();
    thief.cookies = browser.cookies.clone();
    assert_eq!(thief.get("/board").await.status, StatusCode::OK);

    browser.post("/logout", &[]).await;

    assert_eq!(thief.get("/board").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let world = world();
    let mut browser = world.signed_in().await;

    for path in ["/board", "/login", "/static/console.css", "/static/console.js", "/nowhere"] {
        let page = browser.get(path).await;
        let header = |name: &str| page.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        assert!(header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"), "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert!(!header("cache-control").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn behind_tls_the_cookies_are_bound_to_it() {
    let world = world();
    let state = super::State { is_tls: true, ..world.state.clone() };
    let mut browser = super::Browser::at(super::router(state));

    let page = browser.post_from("/login", &[("name", "ruth"), ("password", PASSWORD)], "https://office.example").await;

    let cookie = page.headers.get("set-cookie").and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(cookie.starts_with("__Host-fieldsync-session="), "{cookie}");
    for part in ["Secure", "HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_eq!(browser.get("/board").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_technician_has_no_way_in() {
    let world = world();
    let hash = super::password_hash().to_owned();
    crate::people::add_user(&world.office, "wei", "Wei", fieldsync_protocol::rights::Role::Technician, hash)
        .expect("user");
    let mut browser = world.browser();

    let page = browser.post("/login", &[("name", "wei"), ("password", PASSWORD)]).await;

    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
}

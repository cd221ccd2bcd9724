//! The style sheet, the script and the icon: part of the program, so that a page never misses them.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;

/// Browsers ask again after an hour; a new version of the program is then seen without anybody clearing a cache.
const CACHED: &str = "private, max-age=3600";

pub(super) async fn style() -> impl IntoResponse {
    file("text/css; charset=utf-8", include_str!("../../assets/console.css"))
}

pub(super) async fn script() -> impl IntoResponse {
    file("text/javascript; charset=utf-8", include_str!("../../assets/console.js"))
}

pub(super) async fn icon() -> impl IntoResponse {
    file("image/svg+xml", include_str!("../../assets/icon.svg"))
}

fn file(media_type: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, media_type), (CACHE_CONTROL, CACHED)], content)
}

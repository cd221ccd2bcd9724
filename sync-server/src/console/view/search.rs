//! Search over everything: orders, customers, sites, assets, parts.

use askama::Template;

use super::frame::Frame;
use super::show::Chip;

/// The result page of a search.
#[derive(Debug, Template)]
#[template(path = "search.html")]
pub(crate) struct Search {
    pub(crate) frame: Frame,
    pub(crate) total: String,
    pub(crate) sections: Vec<Section>,
}

/// The hits of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) count: String,
    pub(crate) hits: Vec<Hit>,
    /// Where all of them are listed, when more were found than are shown.
    pub(crate) all_href: Option<String>,
}

/// One record found.
#[derive(Debug, Clone)]
pub(crate) struct Hit {
    pub(crate) href: String,
    pub(crate) title: String,
    pub(crate) detail: String,
    pub(crate) status: Option<Chip>,
    pub(crate) aside: String,
}

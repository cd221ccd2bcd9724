//! Signed documents: the signature drawn, whether it verifies, and what was signed against what stands now.

use crate::console::view::ink::Drawing;
use crate::console::view::show::{Chip, When};

/// A label and its value.
#[derive(Debug, Clone)]
pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) value: String,
}

impl Fact {
    pub(crate) fn new(label: impl Into<String>, value: impl Into<String>) -> Self {
        Self { label: label.into(), value: value.into() }
    }
}

/// A document frozen by a device, and what the customer did with it.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    pub(crate) title: String,
    pub(crate) state: Chip,
    /// The result of checking it again just now: verifies, does not verify, refused, waiting.
    pub(crate) verdict: Chip,
    pub(crate) verdict_text: String,
    pub(crate) signature: Option<Signature>,
    /// Hash, device key, counter-signature and the like.
    pub(crate) facts: Vec<Fact>,
    pub(crate) rows: Vec<SignedRow>,
    pub(crate) difference_count: usize,
    pub(crate) download_href: Option<String>,
}

/// Who signed or refused.
#[derive(Debug, Clone)]
pub(crate) struct Signature {
    pub(crate) name: String,
    pub(crate) role: String,
    pub(crate) when: When,
    pub(crate) refused: Option<String>,
    pub(crate) drawing: Option<Drawing>,
}

/// One line of the document: as signed, and now.
#[derive(Debug, Clone)]
pub(crate) struct SignedRow {
    pub(crate) label: String,
    pub(crate) signed: String,
    pub(crate) now: String,
    pub(crate) differs: bool,
}

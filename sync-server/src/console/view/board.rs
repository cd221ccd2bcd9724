//! The board: every work order the office knows, filtered, sorted and paged.

use askama::Template;

use super::frame::{Choice, Frame};
use super::show::{Chip, Due, When};

/// The board page.
#[derive(Debug, Template)]
#[template(path = "board.html")]
pub(crate) struct Board {
    pub(crate) frame: Frame,
    /// All, then the statuses in the order of a work order's life.
    pub(crate) tabs: Vec<Tab>,
    /// What waits for a person; set apart from the statuses.
    pub(crate) attention: Vec<Tab>,
    pub(crate) filter: Filter,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    pub(crate) pages: Pages,
    /// Whether any work order exists at all: an empty office is greeted differently from an empty filter.
    pub(crate) is_new_office: bool,
}

/// A count that is also a filter.
#[derive(Debug, Clone)]
pub(crate) struct Tab {
    pub(crate) tone: &'static str,
    pub(crate) label: String,
    pub(crate) count: String,
    pub(crate) href: String,
    pub(crate) is_current: bool,
    pub(crate) is_empty: bool,
}

/// The filter as it stands, to be shown in its form.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) status: String,
    pub(crate) sort: String,
    pub(crate) text: String,
    pub(crate) technicians: Vec<Choice>,
    pub(crate) dues: Vec<Choice>,
    pub(crate) day: String,
    /// Present when anything but the status is filtered: where the filter is lifted.
    pub(crate) clear_href: Option<String>,
}

/// A column heading; `href` sorts by it.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) class: &'static str,
    pub(crate) label: &'static str,
    pub(crate) href: Option<String>,
    /// `ascending`, `descending` or `none`: the value of `aria-sort`.
    pub(crate) sorted: &'static str,
}

/// One work order.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) number: String,
    pub(crate) status: Chip,
    pub(crate) priority: Chip,
    pub(crate) customer: String,
    pub(crate) site: String,
    pub(crate) asset: String,
    pub(crate) problem: String,
    pub(crate) due: Option<Due>,
    pub(crate) technicians: Vec<String>,
    /// When a device of this job was last heard, and whether that is worryingly long ago.
    pub(crate) heard: Option<Heard>,
    pub(crate) marks: Vec<Chip>,
}

/// Last contact with a device.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) when: When,
    pub(crate) is_long_ago: bool,
}

/// Where in the list this page is.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) total: String,
    pub(crate) previous: Option<String>,
    pub(crate) next: Option<String>,
    /// Page numbers worth showing; `None` stands for a gap.
    pub(crate) numbers: Vec<Option<PageLink>>,
}

/// A link to one page of the list.
#[derive(Debug, Clone)]
pub(crate) struct PageLink {
    pub(crate) number: usize,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}

/// Returns the page numbers worth showing around `current` (from 1) of `last`: both ends, two neighbours, gaps as `None`.
pub(crate) fn page_numbers(current: usize, last: usize) -> Vec<Option<usize>> {
    let mut numbers = Vec::new();
    for number in 1..=last {
        if number == 1 || number == last || number.abs_diff(current) <= 2 {
            numbers.push(Some(number));
        } else if numbers.last() != Some(&None) {
            numbers.push(None);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_numbers_show_both_ends_and_the_neighbours() {
        let shown = page_numbers(50, 110);

        assert_eq!(shown, [Some(1), None, Some(48), Some(49), Some(50), Some(51), Some(52), None, Some(110)]);
        assert_eq!(page_numbers(1, 1), [Some(1)]);
    }
}

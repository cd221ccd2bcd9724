//! What every page has around it: title, who is signed in, navigation with its counts, and the message of the last action.

/// Which entry of the navigation is lit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Board,
    Held,
    Devices,
    Import,
    Elsewhere,
}

impl Place {
    /// Returns the value of `aria-current` for the navigation entry `entry`, if it is lit.
    pub(crate) fn is(&self, entry: &str) -> bool {
        matches!(
            (self, entry),
            (Place::Board, "board") | (Place::Held, "held") | (Place::Devices, "devices") | (Place::Import, "import")
        )
    }
}

/// The message that follows an action, shown once.
#[derive(Debug, Clone)]
pub(crate) struct Flash {
    /// `done` or `failed`.
    pub(crate) tone: &'static str,
    pub(crate) text: String,
}

/// The surroundings of a page for a signed-in person.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) office: String,
    pub(crate) person: String,
    pub(crate) place: Place,
    /// Pieces of work that wait for a person, shown in the navigation; zero is not shown.
    pub(crate) held_count: usize,
    /// What stands in the search box.
    pub(crate) query: String,
    pub(crate) zone: String,
    pub(crate) flash: Option<Flash>,
}

/// One choice of a select box, or one radio button.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) is_chosen: bool,
}

impl Choice {
    /// Makes the choices of a table of codes and labels, with `chosen` selected.
    pub(crate) fn of(table: &[(&str, &str)], chosen: &str) -> Vec<Self> {
        let choice = |(value, label): &(&str, &str)| Self {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            is_chosen: *value == chosen,
        };
        table.iter().map(choice).collect()
    }
}

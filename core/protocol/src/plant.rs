//! Planted bugs and reach marks: how the tests show that they can fail, and how far they got.
//!
//! A *plant* is a bug written down beside the right code, behind [`planted!`](crate::planted). Without the cargo feature
//! `plants` the macro is `false` and nothing of it is compiled into a product. With the feature, which only the tests
//! crate turns on, plants are made active with [`activate`], and the simulator must find each: alone, or, where two rules
//! guard one promise, together with the one that stands in front of it.
//!
//! A *mark* names a rare state in the middle of the engine that nobody outside can see; [`mark!`](crate::mark) counts
//! how often it was reached.
//!
//! Adding a plant takes two lines: `if planted!("its-name") { the bug }` where the bug lives, and its row in [`PLANTS`].
//! A test compares the rows with the sources.

mod registry;

pub use registry::{PLANTS, Plant};

/// Whether the planted bug of this name is active: `false`, at compile time, without the feature `plants`.
#[macro_export]
macro_rules! planted {
    ($name:literal) => {
        $crate::plant::is_active($name)
    };
}

/// Counts that a rare state was reached; nothing without the feature `plants`.
#[macro_export]
macro_rules! mark {
    ($name:literal) => {
        $crate::plant::reached($name)
    };
}

#[cfg(feature = "plants")]
mod switch {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Mutex, PoisonError, RwLock};

    use super::PLANTS;

    /// Whether any plant is active: what nearly every question ends at.
    static ANY: AtomicBool = AtomicBool::new(false);
    static ACTIVE: RwLock<Vec<&'static str>> = RwLock::new(Vec::new());
    static MARKS: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());

    /// Makes these plants active in this process, on every thread, and all others inactive.
    ///
    /// Several at once show what only a second line of defence catches. Returns whether there is each of them; otherwise
    /// nothing changes.
    pub fn activate(names: &[&str]) -> bool {
        let known = |name: &&str| PLANTS.iter().find(|plant| plant.name == *name).map(|plant| plant.name);
        let Some(plants) = names.iter().map(known).collect::<Option<Vec<_>>>() else { return false };
        ANY.store(!plants.is_empty(), Ordering::Release);
        *ACTIVE.write().unwrap_or_else(PoisonError::into_inner) = plants;
        true
    }

    /// Whether this plant is active.
    #[inline]
    pub fn is_active(name: &str) -> bool {
        ANY.load(Ordering::Acquire) && ACTIVE.read().unwrap_or_else(PoisonError::into_inner).contains(&name)
    }

    /// Counts a mark.
    pub fn reached(name: &'static str) {
        *MARKS.lock().unwrap_or_else(PoisonError::into_inner).entry(name).or_insert(0) += 1;
    }

    /// The marks counted in this process since the last call, by name.
    pub fn take_marks() -> BTreeMap<&'static str, u64> {
        std::mem::take(&mut *MARKS.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(feature = "plants")]
pub use switch::{activate, is_active, reached, take_marks};

/// Whether this plant is active: never, in a build without plants.
#[cfg(not(feature = "plants"))]
#[inline(always)]
pub const fn is_active(_name: &str) -> bool {
    false
}

/// Counts nothing, in a build without plants.
#[cfg(not(feature = "plants"))]
#[inline(always)]
pub const fn reached(_name: &str) {}

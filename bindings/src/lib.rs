//! The bridge to Kotlin and Swift: a thin layer around the device engine, no logic of its own.
//!
//! Promises: proc-macros only; every exported item has a doc comment, which becomes KDoc and Swift docs; no panic
//! crosses the bridge. The objects an app holds come with the packages for Kotlin and Swift; until then one exported
//! function shows that the library loads and which engine is inside.

uniffi::setup_scaffolding!("fieldsync");

/// Returns the version of the engine, for an app's about page and for support.
///
/// Works before any store is opened and never fails.
#[uniffi::export]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_workspaces() {
        assert_eq!(version().split('.').count(), 3);
    }
}

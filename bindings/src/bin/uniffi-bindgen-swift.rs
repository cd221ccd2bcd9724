//! Generates Swift sources, headers and module maps from the built library, one by one, as an XCFramework needs them.

fn main() {
    uniffi::uniffi_bindgen_swift();
}

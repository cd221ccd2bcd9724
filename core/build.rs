//! Lists the store's migrations for `store::migrate`, so that a file that is added to them cannot be forgotten.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

const FOLDER: &str = "src/store/migrations";

fn main() {
    println!("cargo::rerun-if-changed={FOLDER}");
    println!("cargo::rerun-if-changed=build.rs");
    let mut steps: Vec<(u32, String)> = fs::read_dir(FOLDER)
        .expect("the folder of migrations can be read")
        .map(|entry| {
            let file = entry.expect("the folder of migrations can be read").file_name();
            let file = file.to_str().expect("a migration has a plain name").to_owned();
            let version = file
                .strip_prefix('V')
                .and_then(|rest| rest.split_once("__"))
                .and_then(|(number, _)| number.parse().ok());
            (version.unwrap_or_else(|| panic!("{file} is not called V<number>__<name>.sql")), file)
        })
        .collect();
    steps.sort();
    let mut list = String::from("&[\n");
    for (version, file) in &steps {
        let name = file.split_once("__").and_then(|(_, name)| name.strip_suffix(".sql"));
        let name = name.unwrap_or_else(|| panic!("{file} is not called V<number>__<name>.sql"));
        writeln!(
            list,
            "    Step {{ version: {version}, name: {name:?}, \
             sql: include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/{FOLDER}/{file}\")) }},"
        )
        .expect("a text has room");
    }
    list.push(']');
    let out = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("steps.rs"), list).expect("the list is written");
}

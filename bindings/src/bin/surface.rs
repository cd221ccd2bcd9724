//! Lists the whole surface of a built library, a line for everything an app can name: `surface LIBRARY [LIST]`.
//!
//! With LIST it compares, and says which lines differ; with `FIELDSYNC_BLESS` set it writes LIST instead. So a change of
//! the surface is a line somebody has reviewed.

use std::collections::BTreeSet;
use std::process::ExitCode;

use uniffi_bindgen::macro_metadata::extract_from_bytes;
use uniffi_meta::{EnumShape, FieldMetadata, FnParamMetadata, Metadata, Type};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(library) = arguments.next() else {
        eprintln!("surface: name the built library");
        return ExitCode::from(2);
    };
    let listed = match std::fs::read(&library).map_err(Into::into).and_then(|bytes| extract_from_bytes(&bytes)) {
        Ok(items) => list(&items),
        Err(error) => {
            eprintln!("surface: failed to read {library}: {error}");
            return ExitCode::from(2);
        }
    };
    let Some(file) = arguments.next() else {
        print!("{listed}");
        return ExitCode::SUCCESS;
    };
    if std::env::var_os("FIELDSYNC_BLESS").is_some() {
        return match std::fs::write(&file, listed) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("surface: failed to write {file}: {error}");
                ExitCode::from(2)
            }
        };
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    if golden == listed {
        println!("surface: {} lines, as {file} says", listed.lines().count());
        return ExitCode::SUCCESS;
    }
    let (before, now): (BTreeSet<&str>, BTreeSet<&str>) = (golden.lines().collect(), listed.lines().collect());
    before.difference(&now).for_each(|line| println!("-{line}"));
    now.difference(&before).for_each(|line| println!("+{line}"));
    eprintln!(
        "surface: it is not what {file} says; if that is meant, run this with FIELDSYNC_BLESS=1 and review the change"
    );
    ExitCode::FAILURE
}

/// The surface, sorted, so that the order of sources does not matter.
fn list(items: &[Metadata]) -> String {
    let mut lines = BTreeSet::new();
    for item in items {
        match item {
            Metadata::Func(function) => {
                let tail = tail(&function.return_type, &function.throws);
                lines.insert(format!(
                    "{}fn {}({}){tail}",
                    wait(function.is_async),
                    function.name,
                    params(&function.inputs)
                ));
            }
            Metadata::Object(object) => {
                let what = if object.imp.has_callback_interface() { "trait" } else { "object" };
                lines.insert(format!("{what} {}", object.name));
            }
            Metadata::Constructor(new) => {
                let tail = tail(&None, &new.throws);
                lines.insert(format!(
                    "object {} constructor {}({}){tail}",
                    new.self_name,
                    new.name,
                    params(&new.inputs)
                ));
            }
            // The hooks of the packages' tests are in no shipped library.
            Metadata::Method(method) if method.name.contains("for_test") => {}
            Metadata::Method(method) => {
                let tail = tail(&method.return_type, &method.throws);
                let (name, inputs) = (&method.name, params(&method.inputs));
                lines.insert(format!("object {} {}{name}({inputs}){tail}", method.self_name, wait(method.is_async)));
            }
            Metadata::TraitMethod(method) => {
                let tail = tail(&method.return_type, &method.throws);
                let (name, inputs) = (&method.name, params(&method.inputs));
                lines.insert(format!("trait {} {}{name}({inputs}){tail}", method.trait_name, wait(method.is_async)));
            }
            Metadata::Record(record) => {
                for (at, field) in record.fields.iter().enumerate() {
                    lines.insert(format!("record {} {at:02} {}", record.name, said(field)));
                }
            }
            Metadata::Enum(choice) => {
                let what = if matches!(choice.shape, EnumShape::Error { .. }) { "error" } else { "enum" };
                for (at, variant) in choice.variants.iter().enumerate() {
                    let fields: Vec<String> = variant.fields.iter().map(said).collect();
                    let fields =
                        if fields.is_empty() { String::new() } else { format!(" {{ {} }}", fields.join(", ")) };
                    lines.insert(format!("{what} {} {at:02} {}{fields}", choice.name, variant.name));
                }
            }
            Metadata::CustomType(custom) => {
                lines.insert(format!("type {} = {}", custom.name, named(&custom.builtin)));
            }
            Metadata::CallbackInterface(callback) => {
                lines.insert(format!("trait {}", callback.name));
            }
            Metadata::Namespace(_) | Metadata::UdlFile(_) | Metadata::UniffiTrait(_) | Metadata::ObjectTraitImpl(_) => {
            }
        }
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

fn wait(is_async: bool) -> &'static str {
    if is_async { "async " } else { "" }
}

fn params(inputs: &[FnParamMetadata]) -> String {
    let param = |input: &FnParamMetadata| {
        let default = if input.default.is_some() { " = default" } else { "" };
        format!("{}: {}{default}", input.name, named(&input.ty))
    };
    inputs.iter().map(param).collect::<Vec<_>>().join(", ")
}

fn said(field: &FieldMetadata) -> String {
    let default = if field.default.is_some() { " = default" } else { "" };
    format!("{}: {}{default}", field.name, named(&field.ty))
}

fn tail(returns: &Option<Type>, throws: &Option<Type>) -> String {
    let returns = returns.as_ref().map(|returns| format!(" -> {}", named(returns)));
    let throws = throws.as_ref().map(|throws| format!(" throws {}", named(throws)));
    returns.unwrap_or_default() + &throws.unwrap_or_default()
}

fn named(ty: &Type) -> String {
    match ty {
        Type::Object { name, .. }
        | Type::Record { name, .. }
        | Type::Enum { name, .. }
        | Type::CallbackInterface { name, .. }
        | Type::Custom { name, .. } => name.clone(),
        Type::Optional { inner_type } => format!("{}?", named(inner_type)),
        Type::Sequence { inner_type } => format!("[{}]", named(inner_type)),
        Type::Map { key_type, value_type } => format!("{{{}: {}}}", named(key_type), named(value_type)),
        other => format!("{other:?}").to_lowercase(),
    }
}

//! The page `docs/MERGING.md` holds the table of kinds and the rights matrix. They are written by this test, so that the
//! page cannot say anything else than the code: `FIELDSYNC_BLESS=1 cargo test -p fieldsync-protocol --test table`.

use std::fmt::Write;
use std::fs;

use fieldsync_protocol::kinds::{Concurrent, Group, KINDS, Owner, Reach, Type};
use fieldsync_protocol::rights::{Code, MATRIX, Right, Role};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/MERGING.md");

fn reach(reach: Reach) -> &'static str {
    match reach {
        Reach::Shared => "every device of the tenant",
        Reach::Order => "technicians assigned to it",
        Reach::BelowOrder => "technicians assigned to its work order",
        Reach::Referred => "technicians of every work order that refers to it",
    }
}

fn holds(holds: Type) -> String {
    match holds {
        Type::Text(max) => format!("text ≤ {max} B"),
        Type::Choice(words) => words.join(" \\| "),
        Type::Int => "whole number".into(),
        Type::Time => "time, ms".into(),
        Type::Money => "minor units".into(),
        Type::Quantity => "thousandths".into(),
        Type::Flag => "yes or no".into(),
        Type::Reference(kind) => format!("→ {kind}"),
        Type::Hash => "SHA-256".into(),
        Type::Bytes(max) => format!("bytes ≤ {max}"),
        Type::Structure => "list or map".into(),
    }
}

fn fields(group: &Group) -> String {
    let field = |field: &fieldsync_protocol::kinds::Field| {
        let star = if field.required { "\\*" } else { "" };
        format!("{}{star} ({})", field.name, holds(field.holds))
    };
    group.fields.iter().map(field).collect::<Vec<_>>().join(", ")
}

fn kinds() -> String {
    let mut page = String::new();
    for kind in KINDS {
        let nature = if kind.additive { "appended, voided, never edited" } else { "edited" };
        writeln!(page, "### {}\n\nSeen by {}; {nature}.\n", kind.name, reach(kind.reach)).expect("writing to memory");
        page.push_str("| group | shown first | concurrent contents | fields (\\* must be there) |\n");
        page.push_str("| --- | --- | --- | --- |\n");
        for group in kind.groups {
            let owner = match group.owner {
                Owner::Office => "the office's",
                Owner::Technician => "the technician's",
            };
            let concurrent = match group.concurrent {
                Concurrent::NeedsPerson => "a person decides",
                Concurrent::ByRule => "the rule decides",
            };
            let row = format!("| {} | {owner} | {concurrent} | {} |\n", group.name, fields(group));
            page.push_str(&row);
        }
        page.push('\n');
    }
    page
}

fn rights() -> String {
    let mut page = String::from("| kind | group |");
    for role in Role::ALL {
        write!(page, " {} |", role.name()).expect("writing to memory");
    }
    page.push_str("\n| --- | --- |");
    page.push_str(&" --- |".repeat(Role::ALL.len()));
    page.push('\n');
    for (kind, group, rights) in MATRIX {
        let group = if *group == "*" { "every other" } else { group };
        write!(page, "| {kind} | {group} |").expect("writing to memory");
        for right in rights {
            let word = match right {
                Right::Write => "write",
                Right::Own => "own",
                Right::About => "about",
                Right::Opened => "opened",
                Right::SelfOnOwn => "self",
                Right::Append => "append",
                Right::Decide => "decide",
                Right::Propose => "propose",
                Right::No => "–",
            };
            write!(page, " {word} |").expect("writing to memory");
        }
        page.push('\n');
    }
    page.push('\n');
    page
}

fn codes() -> String {
    let mut page = String::from("| code | what happened | what to do |\n| --- | --- | --- |\n");
    for code in Code::ALL {
        writeln!(page, "| {} | {} | {} |", code.name(), code.text(), code.remedy()).expect("writing to memory");
    }
    page.push('\n');
    page
}

/// `page` with what stands between the marks of `name` replaced by `content`.
fn filled(page: &str, name: &str, content: &str) -> String {
    let (begin, end) = (format!("<!-- {name}: written by a test -->\n"), format!("<!-- end of {name} -->"));
    let from = page.find(&begin).unwrap_or_else(|| panic!("docs/MERGING.md lost the mark {begin}")) + begin.len();
    let to = from + page[from..].find(&end).unwrap_or_else(|| panic!("docs/MERGING.md lost the mark {end}"));
    format!("{}\n{content}{}", &page[..from], &page[to..])
}

#[test]
fn the_page_about_merging_says_what_the_table_says() {
    let page = fs::read_to_string(PAGE).expect("docs/MERGING.md is there");

    let mut current = filled(&page, "kinds", &kinds());
    current = filled(&current, "rights", &rights());
    current = filled(&current, "codes", &codes());
    if std::env::var_os("FIELDSYNC_BLESS").is_some() {
        fs::write(PAGE, &current).expect("docs/MERGING.md can be written");
    }

    let page = fs::read_to_string(PAGE).expect("docs/MERGING.md is there");
    assert!(page == current, "docs/MERGING.md is out of date: FIELDSYNC_BLESS=1 cargo test --test table writes it");
}

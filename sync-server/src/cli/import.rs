//! `import`: work orders from a CSV file.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use fieldsync_protocol::amount::money;

use super::found;
use super::table::table;
use crate::config::Place;
use crate::import::load::{Earlier, Loaded, load, source_of};
use crate::import::{Import, ImportOptions, read};
use crate::people::OPERATOR;

/// Rejected rows listed by default.
const REJECTED_SHOWN: usize = 50;
/// Characters of a cell in the preview.
const CELL_CHARS: usize = 32;

/// Import work orders from a CSV file: commas, semicolons or tabs, with a row of column names. Every row becomes an order
/// or is reported with its line and the reason.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The file.
    pub file: PathBuf,
    /// Show what would be imported, and import nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Import the file although it was imported before; all its orders are made a second time.
    #[arg(long)]
    pub again: bool,
    /// ISO 4217 code of amounts that name no currency.
    #[arg(long, value_name = "CODE", default_value = "AUD", value_parser = currency)]
    pub currency: String,
    /// List every rejected row instead of the first fifty.
    #[arg(long)]
    pub all: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

fn currency(code: &str) -> Result<String, String> {
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(code.to_ascii_uppercase())
    } else {
        Err("a currency is three letters, for example EUR".to_owned())
    }
}

/// Runs the command.
///
/// # Errors
/// When nothing in the file can be used, it was imported before, or the folder cannot be opened.
pub fn run(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let content = std::fs::read(&args.file).with_context(|| format!("read {}", args.file.display()))?;
    let import = read(&content, &ImportOptions { currency: args.currency.clone() })?;
    if args.dry_run {
        say_text!("{}", preview(&import));
        say_text!("{}", rejected(&import, &Loaded::default(), args.all));
        say!("Nothing was imported: leave --dry-run out to import {} orders.", import.orders.len());
        return Ok(ExitCode::SUCCESS);
    }
    let opened = found(&args.place)?;
    let earlier = Earlier::find(&opened.office, &content)?;
    let mut orders = import.orders.clone();
    if earlier.count() > 0 && !args.again {
        orders = earlier.missing(&import.orders);
        if orders.is_empty() {
            bail!(
                "import {}: all its {} orders were imported before. Add --again to make them a second time",
                args.file.display(),
                earlier.count()
            );
        }
        eprintln!(
            "An earlier import of this file ended after {} of {} orders: going on with the other {}.",
            earlier.count(),
            import.orders.len(),
            orders.len()
        );
    }
    let name = args.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut progress = Progress::new(orders.len());
    let loaded =
        load(&opened.office, &OPERATOR, &orders, &source_of(&name, &content), &mut |done| progress.tell(done))?;
    progress.end();
    say_text!("{}", rejected(&import, &loaded, args.all));
    for warning in &import.warnings {
        say!("Note: {} ({} times)", warning.text, warning.count);
    }
    say!(
        "Imported {} of {} rows: {} new customers, {} new sites, {} new assets.",
        loaded.orders,
        import.rows,
        loaded.customers,
        loaded.sites,
        loaded.assets
    );
    let left_out = import.rejected.len() + loaded.refused.len();
    say!("Left out: {left_out} rows that cannot be used, {} blank rows, {} imported before.", import.blank, {
        import.orders.len() - orders.len()
    });
    Ok(ExitCode::SUCCESS)
}

/// What a person needs to see before agreeing.
fn preview(import: &Import) -> String {
    let preview = import.preview();
    let columns: Vec<_> = preview
        .columns
        .iter()
        .map(|column| {
            let taken =
                column.field.map_or_else(|| "kept as it is".to_owned(), |field| format!("{field:?}").to_lowercase());
            [column.name.clone(), taken, column.filled.to_string(), short(&column.sample)]
        })
        .collect();
    let rows: Vec<_> = preview
        .orders
        .iter()
        .map(|order| {
            let cost = order.cost_minor.map(|minor| money(minor, &order.currency)).unwrap_or_default();
            let day = order.date_ms.and_then(chrono::DateTime::from_timestamp_millis);
            let day = day.map(|day| day.format("%Y-%m-%d").to_string()).unwrap_or_default();
            [order.line.to_string(), day, short(order.asset.as_deref().unwrap_or_default()), short(&order.text), cost]
        })
        .collect();
    let mut text = table(["COLUMN", "TAKEN FOR", "FILLED", "FIRST"], &columns);
    text.push('\n');
    text.push_str(&table(["LINE", "DAY", "ASSET", "TEXT", "COST"], &rows));
    text.push_str(&format!(
        "\n{} rows: {} usable, {} not, {} blank.\n",
        preview.rows, preview.order_count, preview.rejected_count, preview.blank_count
    ));
    for warning in &preview.warnings {
        text.push_str(&format!("Note: {} ({} times)\n", warning.text, warning.count));
    }
    text
}

/// The rows that were left out, with line and reason.
fn rejected(import: &Import, loaded: &Loaded, all: bool) -> String {
    let from_file = import.rejected.iter().map(|row| (row.line, row.reason.as_str()));
    let from_table = loaded.refused.iter().map(|(line, reason)| (*line, reason.as_str()));
    let mut rows: Vec<_> = from_file.chain(from_table).collect();
    rows.sort_unstable();
    let shown = if all { rows.len() } else { REJECTED_SHOWN.min(rows.len()) };
    let mut text: String = rows[..shown].iter().map(|(line, reason)| format!("line {line}: {reason}\n")).collect();
    if shown < rows.len() {
        text.push_str(&format!("... and {} more; --all lists them.\n", rows.len() - shown));
    }
    text
}

fn short(text: &str) -> String {
    let text = text.replace(['\n', '\r', '\t'], " ");
    match text.char_indices().nth(CELL_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// One line that counts, when somebody looks at it.
struct Progress {
    total: usize,
    is_seen: bool,
}

impl Progress {
    fn new(total: usize) -> Self {
        Self { total, is_seen: std::io::stderr().is_terminal() }
    }

    fn tell(&mut self, done: usize) {
        if self.is_seen {
            eprint!("\r{done} of {} rows", self.total);
            let _ = std::io::stderr().flush();
        }
    }

    fn end(&self) {
        if self.is_seen {
            eprintln!();
        }
    }
}

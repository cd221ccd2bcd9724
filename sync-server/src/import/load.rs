//! Writes what was read from a file into the office, through the one door.
//!
//! Promises: one work order per row, whatever rows look like; customers, sites and assets are made once per distinct name
//! and found again when the office has them already; a row the table of kinds does not take is reported with its line and
//! leaves no trace; what a field is too short for stands whole among the imported columns. Rows go in by the hundred, each
//! batch in one transaction: an import that was interrupted has whole batches, and [`Earlier`] tells which rows are
//! missing.

use std::collections::{BTreeMap, BTreeSet};

use fieldsync_protocol::kinds::{PRIORITIES, validate};
use fieldsync_protocol::rights::Actor;
use fieldsync_protocol::{Fields, FieldsExt, Hash, RecordId, Value, fields, show};

use super::ImportedOrder;
use crate::office::Office;
use crate::store::{StoreError, Txn};
use crate::sync::edit::{Draft, EditError, edit};

/// Rows in one transaction: enough to hide the disk, few enough to let devices in between.
const ROWS_AT_ONCE: usize = 200;
/// Longest name in the table of kinds, bytes.
const NAME_BYTES: usize = 120;
/// Longest line in the table of kinds, bytes.
const LINE_BYTES: usize = 200;
/// Longest prose in the table of kinds, bytes.
const PROSE_BYTES: usize = 8_000;
/// Customer of a file that names none and has no name itself.
const NOBODY: &str = "Imported";

/// What an import made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Work orders.
    pub orders: u64,
    /// New customers.
    pub customers: u64,
    /// New sites.
    pub sites: u64,
    /// New assets.
    pub assets: u64,
    /// Rows the table of kinds does not take: line and reason.
    pub refused: Vec<(u64, String)>,
}

/// What stands in the origin of every order of a file: its name, and a hash of its content by which it is recognised
/// under any name.
pub fn source_of(file_name: &str, content: &[u8]) -> String {
    let mark = mark_of(content);
    format!("{}{mark}", fit(file_name, LINE_BYTES - mark.len()))
}

fn mark_of(content: &[u8]) -> String {
    format!(" (sha256 {})", hex::encode(&Hash::sha256(content).0[..8]))
}

/// What an earlier import of the same content left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Earlier {
    lines: BTreeSet<u64>,
}

impl Earlier {
    /// Looks for orders of a file with this content.
    ///
    /// # Errors
    /// [`StoreError`] of the store.
    pub fn find(office: &Office, content: &[u8]) -> Result<Self, StoreError> {
        let mark = mark_of(content);
        let orders = office.read(|txn| txn.of_kind("work_order"))?;
        let is_same = |fields: &Fields| fields.text("source").is_some_and(|source| source.ends_with(&mark));
        let lines = orders
            .iter()
            .filter(|order| show::fields(order, "origin").is_some_and(is_same))
            .filter_map(|order| show::fields(order, "imported")?.int("line"))
            .filter_map(|line| u64::try_from(line).ok());
        Ok(Self { lines: lines.collect() })
    }

    /// How many rows were imported.
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// The orders that were not.
    pub fn missing(&self, orders: &[ImportedOrder]) -> Vec<ImportedOrder> {
        orders.iter().filter(|order| !self.lines.contains(&order.line)).cloned().collect()
    }
}

/// Makes work orders of rows; `source` is [`source_of`] the file. Calls `progress` with the number of rows done.
///
/// # Errors
/// [`EditError`] when the actor may not do this or the store fails; the batches before are kept.
pub fn load(
    office: &Office,
    actor: &Actor,
    orders: &[ImportedOrder],
    source: &str,
    progress: &mut dyn FnMut(usize),
) -> Result<Loaded, EditError> {
    let mut known = office.read(|txn| Known::of(txn))?;
    let mut loaded = Loaded::default();
    for (place, rows) in orders.chunks(ROWS_AT_ONCE).enumerate() {
        let mut batch = Batch { office, source, known: &mut known, drafts: Vec::new(), loaded: &mut loaded };
        for row in rows {
            batch.add(row);
        }
        let (inner, actor, drafts) = (office.clone(), *actor, batch.drafts);
        office.write(move |txn| edit(&inner, txn, &actor, &drafts))?;
        progress(place * ROWS_AT_ONCE + rows.len());
    }
    Ok(loaded)
}

/// Customers, sites and assets by name.
struct Known {
    customers: BTreeMap<String, RecordId>,
    sites: BTreeMap<(RecordId, String), RecordId>,
    assets: BTreeMap<(RecordId, String), RecordId>,
}

impl Known {
    fn of(txn: &mut dyn Txn) -> Result<Self, StoreError> {
        let mut known = Self { customers: BTreeMap::new(), sites: BTreeMap::new(), assets: BTreeMap::new() };
        for customer in txn.of_kind("customer")?.iter().filter(|record| !record.is_deleted()) {
            if let Some(name) = show::name(customer) {
                known.customers.entry(name.to_owned()).or_insert(customer.id);
            }
        }
        for (kind, found) in [("site", &mut known.sites), ("asset", &mut known.assets)] {
            for record in txn.of_kind(kind)?.iter().filter(|record| !record.is_deleted()) {
                let customer = show::fields(record, "place").and_then(|place| place.id("customer"));
                if let (Some(name), Some(customer)) = (show::name(record), customer) {
                    found.entry((customer, name.to_owned())).or_insert(record.id);
                }
            }
        }
        Ok(known)
    }
}

/// The drafts of one transaction.
struct Batch<'a> {
    office: &'a Office,
    source: &'a str,
    known: &'a mut Known,
    drafts: Vec<Draft>,
    loaded: &'a mut Loaded,
}

impl Batch<'_> {
    fn add(&mut self, row: &ImportedOrder) {
        let groups = self.groups(row);
        let refusal = groups.iter().find_map(|(group, fields)| validate("work_order", group, fields).err());
        if let Some(reason) = refusal {
            self.loaded.refused.push((row.line, format!("The office failed to {reason}.")));
            return;
        }
        let customer = self.customer(row);
        let site = row.site.as_deref().map(|name| self.site(customer, name));
        let asset = row.asset.as_deref().map(|name| self.asset(customer, site, name));
        let mut parties = fields! { "customer" => customer };
        for (name, id) in [("site", site), ("asset", asset)] {
            if let Some(id) = id {
                parties.insert(name.to_owned(), id.into());
            }
        }
        let mut groups = groups;
        groups.insert(1, ("parties", parties));
        self.drafts.push(Draft { kind: "work_order", id: self.office.new_id(), groups, context: None });
        self.loaded.orders += 1;
    }

    /// Everything of an order but whom it concerns.
    fn groups(&self, row: &ImportedOrder) -> Vec<(&'static str, Fields)> {
        let mut origin = fields! { "channel" => "import", "source" => fit(self.source, LINE_BYTES) };
        if let Some(date_ms) = row.date_ms {
            origin.insert("requested_ms".to_owned(), date_ms.into());
        }
        if let Some(number) = &row.number {
            origin.insert("provisional_number".to_owned(), fit(number, NAME_BYTES).into());
        }
        let is_warranty = row.warranty_note.is_some();
        let mut category = fields! { "category" => if is_warranty { "c_warranty" } else { "a_paid" } };
        if let Some(order_type) = &row.order_type {
            category.insert("order_type".to_owned(), fit(order_type, NAME_BYTES).into());
        }
        if let Some(cost_minor) = row.cost_minor {
            category.insert("estimate_minor".to_owned(), cost_minor.into());
            category.insert("currency".to_owned(), row.currency.as_str().into());
        }
        let line = i64::try_from(row.line).unwrap_or(i64::MAX);
        vec![
            ("origin", origin),
            ("problem", fields! { "text" => fit(&row.text, PROSE_BYTES) }),
            ("plan", fields! { "priority" => priority(row) }),
            ("category", category),
            ("imported", fields! { "columns" => columns(row), "line" => line }),
        ]
    }

    fn customer(&mut self, row: &ImportedOrder) -> RecordId {
        let name = row.customer.clone().unwrap_or_else(|| customer_of(self.source));
        let name = fit(&name, NAME_BYTES);
        if let Some(id) = self.known.customers.get(&name) {
            return *id;
        }
        let id = self.make("customer", vec![("identity", fields! { "name" => name.as_str() })]);
        self.known.customers.insert(name, id);
        self.loaded.customers += 1;
        id
    }

    fn site(&mut self, customer: RecordId, name: &str) -> RecordId {
        let key = (customer, fit(name, NAME_BYTES));
        if let Some(id) = self.known.sites.get(&key) {
            return *id;
        }
        let id = self.make("site", vec![("place", fields! { "name" => key.1.as_str(), "customer" => customer })]);
        self.known.sites.insert(key, id);
        self.loaded.sites += 1;
        id
    }

    fn asset(&mut self, customer: RecordId, site: Option<RecordId>, name: &str) -> RecordId {
        let key = (customer, fit(name, NAME_BYTES));
        if let Some(id) = self.known.assets.get(&key) {
            return *id;
        }
        let mut place = fields! { "customer" => customer };
        if let Some(site) = site {
            place.insert("site".to_owned(), site.into());
        }
        let id = self.make("asset", vec![("identity", fields! { "name" => key.1.as_str() }), ("place", place)]);
        self.known.assets.insert(key, id);
        self.loaded.assets += 1;
        id
    }

    fn make(&mut self, kind: &'static str, groups: Vec<(&'static str, Fields)>) -> RecordId {
        let id = self.office.new_id();
        self.drafts.push(Draft { kind, id, groups, context: None });
        id
    }
}

/// The customer of a file that names none, from the file's own name.
fn customer_of(source: &str) -> String {
    let file = source.rsplit_once(" (sha256 ").map_or(source, |(file, _)| file);
    let file = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let words: Vec<&str> = stem.split(['-', '_', ' ', '.']).filter(|word| !word.is_empty()).collect();
    let mut letters = words.join(" ").chars().collect::<Vec<_>>().into_iter();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => NOBODY.to_owned(),
    }
}

/// The file's word for how urgent it is, when it is one of ours.
fn priority(row: &ImportedOrder) -> &'static str {
    let word = row.priority.as_deref().unwrap_or_default().to_lowercase();
    PRIORITIES.iter().find(|known| **known == word).copied().unwrap_or("normal")
}

/// Everything of the row that has no field of its own, or does not fit into it.
fn columns(row: &ImportedOrder) -> Value {
    let mut columns: Fields = row.extra.iter().map(|(name, text)| (name.clone(), text.as_str().into())).collect();
    let mut keep = |name: &str, text: Option<&String>| {
        if let Some(text) = text {
            columns.entry(name.to_owned()).or_insert(text.as_str().into());
        }
    };
    keep("priority", row.priority.as_ref());
    keep("warranty note", row.warranty_note.as_ref());
    keep("text", Some(&row.text).filter(|text| text.len() > PROSE_BYTES));
    let names = [
        ("number", &row.number),
        ("type", &row.order_type),
        ("customer", &row.customer),
        ("site", &row.site),
        ("asset", &row.asset),
    ];
    for (name, text) in names {
        keep(name, text.as_ref().filter(|text| text.len() > NAME_BYTES));
    }
    columns.into()
}

/// A text shortened to so many bytes, with a sign that it was.
fn fit(text: &str, bytes: usize) -> String {
    const MORE: char = '…';
    if text.len() <= bytes {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(bytes - MORE.len_utf8());
    format!("{}{MORE}", &text[..end])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::import::{ImportOptions, read};
    use crate::keys::Keys;
    use crate::people::OPERATOR;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{JobQuery, Store};

    const FILE: &str = "date,asset,text,type,cost,customer,site,priority,warranty,colour
2024-05-31,Pump 4,leaks,PM01,183.05,Acme,Hall 1,High,,red
2024-05-31,Pump 4,leaks,PM01,183.05,Acme,Hall 1,High,,red
2024-06-01,Pump 5,noise,,,Acme,Hall 2,,under warranty,
";

    fn office() -> (tempfile::TempDir, Office) {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("office.sqlite")).unwrap());
        let tenant = store.tenant("acme", 5).unwrap();
        (folder, Office::start(store, tenant, Arc::new(Keys::from_bytes([1; 32], [2; 32]))))
    }

    fn import(office: &Office, orders: &[ImportedOrder], content: &str) -> Loaded {
        let source = source_of("list.csv", content.as_bytes());
        load(office, &OPERATOR, orders, &source, &mut |_| {}).unwrap()
    }

    #[test]
    fn rows_that_look_alike_become_orders_of_their_own_and_names_are_made_once() {
        let (_folder, office) = office();
        let orders = read(FILE.as_bytes(), &ImportOptions::default()).unwrap().orders;

        let loaded = import(&office, &orders, FILE);
        let again = import(&office, &orders[..1], FILE);

        assert_eq!((loaded.orders, loaded.customers, loaded.sites, loaded.assets), (3, 1, 2, 2));
        assert_eq!(again, Loaded { orders: 1, ..Loaded::default() }, "the office has the names already");
        let query = JobQuery { limit: 9, sort: crate::store::Sort::Number, ..JobQuery::default() };
        let rows = office.read(|txn| txn.jobs(&query)).unwrap();
        let first = &rows[0];
        assert_eq!(
            (first.number.as_str(), first.customer.as_str(), first.asset.as_str()),
            ("WO-000001", "Acme", "Pump 4")
        );
        assert_eq!((first.problem.as_str(), first.priority), ("leaks", 1));
        let order = office.read(|txn| txn.record(rows[2].id)).unwrap().unwrap().record;
        assert_eq!(show::fields(&order, "category").unwrap().text("category"), Some("c_warranty"));
        let order = office.read(|txn| txn.record(first.id)).unwrap().unwrap().record;
        let imported = show::fields(&order, "imported").unwrap();
        assert_eq!(imported.int("line"), Some(2));
        assert_eq!(imported["columns"].as_map().unwrap()["colour"], "red".into());
        assert_eq!(show::fields(&order, "category").unwrap().int("estimate_minor"), Some(18_305));
    }

    #[test]
    fn an_interrupted_import_is_told_from_a_finished_one() {
        let (_folder, office) = office();
        let orders = read(FILE.as_bytes(), &ImportOptions::default()).unwrap().orders;
        assert_eq!(Earlier::find(&office, FILE.as_bytes()).unwrap().count(), 0);
        import(&office, &orders[..2], FILE);

        let earlier = Earlier::find(&office, FILE.as_bytes()).unwrap();

        assert_eq!(earlier.count(), 2);
        assert_eq!(earlier.missing(&orders), orders[2..]);
        assert_eq!(Earlier::find(&office, b"another file").unwrap().count(), 0);
    }

    #[test]
    fn a_text_too_long_for_its_field_stands_whole_among_the_columns() {
        let (_folder, office) = office();
        let long = "ü".repeat(5_000);
        let content = format!("text,asset\n{long},{}\n", "a".repeat(300));
        let orders = read(content.as_bytes(), &ImportOptions::default()).unwrap().orders;

        let loaded = import(&office, &orders, &content);

        assert_eq!((loaded.orders, loaded.refused), (1, vec![]));
        let order = &office.read(|txn| txn.of_kind("work_order")).unwrap()[0];
        let shown = show::fields(order, "problem").unwrap().text("text").unwrap();
        assert!(shown.len() <= PROSE_BYTES && shown.ends_with('…'));
        let columns = show::fields(order, "imported").unwrap()["columns"].clone();
        assert_eq!(columns.as_map().unwrap()["text"], long.as_str().into());
    }

    #[test]
    fn a_file_that_names_no_customer_lends_its_own_name() {
        assert_eq!(customer_of(&source_of("excavators-cleaned.csv", b"x")), "Excavators cleaned");
        assert_eq!(customer_of("C:\\lists\\north_site.2024.csv"), "North site 2024");
        assert_eq!(customer_of(".csv"), NOBODY);
    }
}

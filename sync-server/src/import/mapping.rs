//! Says which column means what, by its name.
//!
//! Names are compared without case, spaces, punctuation and what stands in brackets. A field known under several names
//! takes the best of them that the file has (a short text before a long description); the other columns are kept under
//! their own names. A column is never dropped.

use std::collections::BTreeSet;

use serde::Serialize;

use super::text;

/// What a column can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The day of the order.
    Date,
    /// The machine.
    Asset,
    /// What is wrong or to be done.
    Text,
    /// The sort of order.
    OrderType,
    /// What it cost.
    Cost,
    /// Who ordered it.
    Customer,
    /// Where the machine stands.
    Site,
    /// How urgent it is.
    Priority,
    /// The order's number.
    Number,
    /// What is said about warranty.
    WarrantyNote,
}

/// One column of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name in the file; `column 6` where the header has none.
    pub name: String,
    /// What it was taken for; nothing when it is kept under its own name.
    pub field: Option<Field>,
    /// How many rows have a value in it.
    pub filled: u64,
    /// The first value in it, shortened.
    pub sample: String,
}

/// Names of fields, each field's best name first, already in compared form, divided by spaces.
const NAMES: [(Field, &str); 10] = [
    (
        Field::Date,
        "bscstartdate basicstartdate startdate plannedstart scheduledstart scheduleddate planneddate duedate date \
         orderdate reportdate reportedon reported createddate creationdate dateofcreation createdon createdat \
         created start ecktermin eckstarttermin starttermin startdatum termin datum auftragsdatum meldedatum \
         erstelltam erstellt angelegtam erstellungsdatum anlagedatum 开始日期 计划日期 计划开始日期 日期 报修日期 \
         报修时间 创建日期 创建时间 工单日期 时间",
    ),
    (
        Field::Asset,
        "asset assetid assetno assetnumber assetname equipment equipmentid equipmentno equipmentnumber machine \
         machineid machineno machinenumber unit vehicle device serial serialno serialnumber anlage maschine \
         maschinennr maschinennummer gerät gerätenr gerätenummer fahrzeug inventarnummer seriennummer 设备 \
         设备编号 设备名称 机器 机器编号 机号 资产 资产编号 机型 车号 序列号",
    ),
    (
        Field::Text,
        "originalshorttext shorttext ordertext problem fault faulttext faultdescription problemdescription issue \
         title subject summary task worktodo text description details longtext kurztext auftragstext störung \
         störungstext fehler fehlerbeschreibung mangel betreff titel aufgabe beschreibung bezeichnung langtext \
         故障描述 问题描述 故障现象 故障 问题 短文本 标题 主题 工单描述 描述 内容 工作内容 维修内容",
    ),
    (
        Field::OrderType,
        "pmtype ordertype workordertype worktype jobtype type category kind auftragsart auftragstyp art typ \
         kategorie 工单类型 维修类型 类型 类别 订单类型",
    ),
    (
        Field::Cost,
        "cost costs totalcost totalcosts actualcost actualcosts amount price total kosten gesamtkosten istkosten \
         betrag preis summe 费用 维修费用 总费用 成本 总成本 金额 总金额 价格",
    ),
    (
        Field::Customer,
        "customer customername client clientname company account kunde kundenname auftraggeber firma 客户 \
         客户名称 客户姓名 用户 公司 单位",
    ),
    (
        Field::Site,
        "site sitename jobsite worksite location place address standort einsatzort baustelle ort adresse werk \
         地点 现场 工地 站点 位置 地址 服务地点 安装地点",
    ),
    (
        Field::Priority,
        "priority prio urgency severity importance priorität dringlichkeit 优先级 优先 紧急程度 重要程度",
    ),
    (
        Field::Number,
        "ordernumber orderno orderid order workordernumber workorderno workorderid workorder wonumber wono wo \
         jobnumber jobno jobid job ticketnumber ticketid ticket notification number no nr id reference ref \
         auftragsnummer auftragsnr auftrag meldungsnummer meldung nummer referenz 工单号 工单编号 订单号 订单编号 \
         单号 工单 编号 序号",
    ),
    (
        Field::WarrantyNote,
        "warranty warrantynote warrantystatus underwarranty guarantee garantie gewährleistung 保修 质保 三包 \
         是否保修 保修状态 保修说明",
    ),
];

/// Names whose presence shows an export of the plant's maintenance system. There `Location` is the place *on* the
/// machine, not where the machine stands.
const PLANT_NAMES: [&str; 2] = ["originalshorttext", "funclocation"];

/// Columns that hold numbers only. Anything else in them shows a row that came apart.
const NUMBER_NAMES: [&str; 2] = ["suspsugg", "runningtime"];

/// Columns of remarks, which are a warranty note when they speak of one.
const REMARK_NAMES: [&str; 9] =
    ["comments", "comment", "remarks", "remark", "notes", "note", "bemerkung", "bemerkungen", "备注"];

/// How remarks speak of warranty.
const WARRANTY_WORDS: [&str; 6] = ["warranty", "garantie", "gewährleistung", "保修", "质保", "三包"];

/// The columns of a file and where to look for each field.
#[derive(Debug)]
pub(super) struct Mapping {
    /// One name a column, unique, in the file's order.
    pub(super) names: Vec<String>,
    /// What each column was taken for.
    pub(super) fields: Vec<Option<Field>>,
    /// Columns that hold numbers only.
    pub(super) numbers: Vec<usize>,
    /// Columns of remarks.
    pub(super) remarks: Vec<usize>,
    /// Whether the header names fewer columns than most rows have.
    pub(super) header_is_short: bool,
}

impl Mapping {
    /// Maps a header; `columns` is how many columns the rows of the file really have.
    pub(super) fn of(header: &[String], columns: usize) -> Self {
        let count = header.len().max(columns);
        let labels: Vec<&str> = (0..count).map(|index| header.get(index).map_or("", |name| text::trim(name))).collect();
        let compared: Vec<String> = labels.iter().map(|label| compared_form(label)).collect();
        let having = |known: &[&str]| -> Vec<usize> {
            (0..count).filter(|index| known.contains(&compared[*index].as_str())).collect()
        };
        Self {
            names: unique_names(&labels),
            fields: fields_of(&compared),
            numbers: having(&NUMBER_NAMES),
            remarks: having(&REMARK_NAMES),
            header_is_short: columns > header.len(),
        }
    }

    /// The column of a field.
    pub(super) fn column(&self, field: Field) -> Option<usize> {
        self.fields.iter().position(|known| *known == Some(field))
    }
}

/// Whether a remark speaks of warranty.
pub(super) fn speaks_of_warranty(remark: &str) -> bool {
    let remark = remark.to_lowercase();
    WARRANTY_WORDS.iter().any(|word| remark.contains(word))
}

fn fields_of(compared: &[String]) -> Vec<Option<Field>> {
    let from_plant = compared.iter().any(|name| PLANT_NAMES.contains(&name.as_str()));
    let mut fields = vec![None; compared.len()];
    for (field, names) in NAMES {
        let best = names
            .split_whitespace()
            .filter(|name| !(from_plant && *name == "location"))
            .find_map(|name| compared.iter().position(|column| column == name));
        if let Some(column) = best {
            fields[column] = Some(field);
        }
    }
    fields
}

/// A column's name as it is compared: lower case, without brackets and what is in them, letters and digits only.
fn compared_form(label: &str) -> String {
    let mut depth = 0_u32;
    let mut compared = String::new();
    for c in label.chars() {
        match c {
            '(' | '[' | '\u{ff08}' | '【' => depth += 1,
            ')' | ']' | '\u{ff09}' | '】' => depth = depth.saturating_sub(1),
            _ if depth == 0 && c.is_alphanumeric() => compared.extend(c.to_lowercase()),
            _ => {}
        }
    }
    compared
}

/// The names under which cells are kept: a column without a name gets its number, a repeated name its count.
fn unique_names(labels: &[&str]) -> Vec<String> {
    let mut taken = BTreeSet::new();
    let mut names = Vec::with_capacity(labels.len());
    for (index, label) in labels.iter().enumerate() {
        let base = if label.is_empty() { format!("column {}", index + 1) } else { (*label).to_owned() };
        let mut name = base.clone();
        let mut count = 2;
        while !taken.insert(name.clone()) {
            name = format!("{base} ({count})");
            count += 1;
        }
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(header: &[&str]) -> Vec<Option<Field>> {
        let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
        Mapping::of(&header, header.len()).fields
    }

    #[test]
    fn the_plants_own_columns_are_known() {
        use Field::{Asset, Cost, Date, OrderType, Text};

        assert_eq!(
            fields(&[
                "BscStartDate",
                "Asset",
                "OriginalShorttext",
                "PMType",
                "Cost",
                "RunningTime",
                "Location",
                "Comments"
            ]),
            [Some(Date), Some(Asset), Some(Text), Some(OrderType), Some(Cost), None, None, None]
        );
    }

    #[test]
    fn columns_are_known_in_three_languages() {
        use Field::{Asset, Cost, Customer, Date, Number, OrderType, Priority, Site, Text};
        let all = [Number, Date, Customer, Site, Asset, Text, OrderType, Priority, Cost].map(Some);

        for header in [
            [
                "Order No.",
                "Start Date",
                "Customer",
                "Location",
                "Machine",
                "Short text",
                "Type",
                "Priority",
                "Cost (AUD)",
            ],
            [
                "Auftrags-Nr.",
                "DATUM",
                "Kunde",
                "Einsatzort",
                "Gerät",
                "Kurztext",
                "Auftragsart",
                "Priorität",
                "Kosten [EUR]",
            ],
            ["工单号", "日期", "客户", "现场", "设备", "故障描述", "类型", "优先级", "费用\u{ff08}元\u{ff09}"],
        ] {
            assert_eq!(fields(&header), all, "{header:?}");
        }
    }

    #[test]
    fn the_best_name_wins_and_the_other_column_keeps_its_own() {
        assert_eq!(fields(&["Description", "Title", "Title"]), [None, Some(Field::Text), None]);
        assert_eq!(Mapping::of(&["a".into(), "a".into(), " ".into()], 4).names, ["a", "a (2)", "column 3", "column 4"]);
    }

    #[test]
    fn no_name_stands_for_two_fields() {
        let mut seen = BTreeSet::new();
        for name in NAMES.iter().flat_map(|(_, names)| names.split_whitespace()) {
            assert!(seen.insert(name), "{name} stands twice");
            assert_eq!(compared_form(name), name);
        }
    }
}

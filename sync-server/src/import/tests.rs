//! Files as people have them, from the bytes to the orders.

use std::path::Path;

use proptest::prelude::*;

use super::*;

fn import(text: &str) -> Import {
    import_bytes(text.as_bytes())
}

fn import_bytes(bytes: &[u8]) -> Import {
    let import = read(bytes, &ImportOptions::default()).unwrap();
    assert_accounted(&import);
    import
}

fn assert_accounted(import: &Import) {
    let known = import.orders.len() + import.rejected.len();
    assert_eq!(import.rows, u64::try_from(known).unwrap() + import.blank);
}

fn rejected(import: &Import) -> Vec<(u64, &'static str)> {
    import.rejected.iter().map(|row| (row.line, row.code)).collect()
}

fn warned(import: &Import) -> Vec<(&'static str, Option<u64>, u64)> {
    import.warnings.iter().map(|warning| (warning.code, warning.first_line, warning.count)).collect()
}

const DAY_MS: i64 = 86_400_000;

#[test]
fn a_plain_file_becomes_orders() {
    let import = import(
        "Order No,Date,Machine,Short text,Type,Cost,Customer,Site,Priority,Engine hours\n\
         17,1970-01-03,EX-12,\"Hose, \"\"main\"\" leaks\",PM01,12.5,Kalt GmbH,Pit 4,high,1200\n",
    );

    assert_eq!(
        import.orders,
        [ImportedOrder {
            line: 2,
            date_ms: Some(2 * DAY_MS),
            asset: Some("EX-12".to_owned()),
            text: "Hose, \"main\" leaks".to_owned(),
            order_type: Some("PM01".to_owned()),
            cost_minor: Some(1_250),
            currency: "AUD".to_owned(),
            customer: Some("Kalt GmbH".to_owned()),
            site: Some("Pit 4".to_owned()),
            priority: Some("high".to_owned()),
            number: Some("17".to_owned()),
            warranty_note: None,
            extra: BTreeMap::from([("Engine hours".to_owned(), "1200".to_owned())]),
        }]
    );
    assert_eq!((import.rows, warned(&import)), (1, vec![]));
}

#[test]
fn a_german_spreadsheet_is_read_as_it_was_meant() {
    let import = import_bytes(
        "\u{feff}Auftrags-Nr.;Datum;Gerät;Kurztext;Kosten (EUR)\r\n\
         1;05.03.2024;Bagger 3;GetriebeÃ¶l nachfÃ¼llen;1.234,50\r\n\
         2;17.03.2024;Bagger\u{a0}3\u{a0};Kupplung;1.000\r\n\
         \r\n;;;;\r\n"
            .as_bytes(),
    );

    let read: Vec<_> = import.orders.iter().map(|order| (order.text.as_str(), order.cost_minor)).collect();
    assert_eq!(read, [("Getriebeöl nachfüllen", Some(123_450)), ("Kupplung", Some(100_000))]);
    assert_eq!(import.orders[0].date_ms, Some(19_787 * DAY_MS));
    assert_eq!((import.orders[0].currency.as_str(), import.orders[1].asset.as_deref()), ("EUR", Some("Bagger 3")));
    assert_eq!((import.blank, import.rows), (2, 4));
    assert_eq!(warned(&import), [("double_encoding_undone", Some(2), 1)]);
}

#[test]
fn a_chinese_file_in_gb18030_is_read() {
    let (bytes, _, _) = encoding_rs::GB18030.encode(
        "工单号,日期,设备,故障描述,费用(元)\r\n1,2024年3月5日,挖掘机 12,液压泵漏油,500\r\n2,2024/3/6,挖掘机 12,空调不制冷,0\r\n",
    );
    let import = import_bytes(&bytes);

    assert_eq!(import.encoding, Encoding::Gb18030);
    assert_eq!((import.orders[0].text.as_str(), import.orders[0].cost_minor), ("液压泵漏油", Some(50_000)));
    assert_eq!((import.orders[0].currency.as_str(), import.orders[1].date_ms), ("CNY", Some(19_788 * DAY_MS)));
}

#[test]
fn day_first_is_found_from_the_file_and_said_when_it_is_not() {
    let shown = import("date,text\n03/04/2024,a\n25/12/2024,b\n");
    let unknown = import("date,text\n03/04/2024,a\n");
    let mixed = import("date,text\n03/04/2024,a\n25/12/2024,b\n12/25/2024,c\n");
    let american = import("date,text\n03/04/2024,a\n12/25/2024,c\n");

    assert_eq!((shown.orders[0].date_ms, warned(&shown)), (Some(19_816 * DAY_MS), vec![]));
    assert_eq!(unknown.orders[0].date_ms, Some(19_816 * DAY_MS));
    assert_eq!(warned(&unknown), [("day_order_assumed", None, 1)]);
    assert_eq!((rejected(&mixed), mixed.orders.len()), (vec![(2, "ambiguous_date")], 2));
    assert_eq!(american.orders[0].date_ms, Some(19_786 * DAY_MS));
}

#[test]
fn a_filler_date_is_left_out_and_said() {
    let import = import("date,text\n1900-01-01,a\n9999-12-31,b\n0000-00-00,c\n,d\nNA,e\nsoon,f\n");

    assert!(import.orders.iter().all(|order| order.date_ms.is_none()));
    assert_eq!((import.orders.len(), rejected(&import)), (5, vec![(7, "bad_date")]));
    assert_eq!(warned(&import), [("filler_date", Some(2), 3)]);
}

#[test]
fn zero_negative_and_large_costs_are_real() {
    let import = import("text,cost\na,0\nb,-339.81\nc,1026684.20\nd,NA\ne,lots\n");

    let costs: Vec<_> = import.orders.iter().map(|order| order.cost_minor).collect();
    assert_eq!(costs, [Some(0), Some(-33_981), Some(102_668_420), None]);
    assert_eq!(rejected(&import), [(6, "bad_cost")]);
}

#[test]
fn a_shifted_row_is_rejected_and_the_shift_is_named() {
    let import = import(
        "BscStartDate,Asset,OriginalShorttext,PMType,Cost\n\
         2003-12-30,B,check,PM01,1\n2003-12-31,B,won,t swing,PM01,94.63\n2003-12-31,B,won,t swing,PM01\n\
         2004-01-01,B,check,PM01,2\n,2004-01-02,B,check,PM01\n",
    );

    assert_eq!(rejected(&import), [(3, "too_many_cells"), (4, "shifted_columns"), (6, "shifted_columns")]);
    assert_eq!(
        import.rejected[1].reason,
        "The columns of this row are shifted: `PM01` stands under Cost but belongs under PMType. Usually a separator \
         inside a text was not in quotes; put the text in quotes and import the row again."
    );
    assert_eq!(import.rejected[1].raw, "2003-12-31,B,won,t swing,PM01");
}

#[test]
fn text_in_a_column_of_numbers_rejects_the_row() {
    let import = import("OriginalShorttext,SuspSugg,Rule\na,0,x\nb,NA,x\nc,\"MECH - CONTROLS\\\"\"\"\"\",0\n");

    assert_eq!((import.orders.len(), rejected(&import)), (2, vec![(4, "not_a_number")]));
    assert!(import.rejected[0].reason.starts_with("`MECH - CONTROLS\\\"\"` stands under SuspSugg"));
}

#[test]
fn rows_that_look_alike_are_orders_of_their_own() {
    let import = import("number,date,asset,text\n7,2024-03-05,A,replace tooth\n7,2024-03-05,A,replace tooth\n");

    assert_eq!(import.orders.len(), 2);
    assert_eq!(warned(&import), [("number_repeated", Some(3), 1)]);
}

#[test]
fn a_header_shorter_than_the_rows_loses_nothing() {
    let import = import("date,text\n2024-03-05,a,x,y\n2024-03-05,b,z\n2024-03-05,c\n");

    assert_eq!(
        import.orders[0].extra,
        BTreeMap::from([("column 3".into(), "x".into()), ("column 4".into(), "y".into())])
    );
    assert_eq!((import.orders.len(), warned(&import)), (3, vec![("header_is_short", None, 1)]));
}

#[test]
fn a_named_column_without_a_name_is_no_excess() {
    let import = import("text,,\na,x,y\n");

    assert_eq!(
        import.orders[0].extra,
        BTreeMap::from([("column 2".into(), "x".into()), ("column 3".into(), "y".into())])
    );
}

#[test]
fn a_row_cut_short_is_read_and_said() {
    let import = import("date,asset,text,cost\n2024-03-05,A,a,1\n2024-03-05,A,b");

    assert_eq!((import.orders.len(), warned(&import)), (2, vec![("row_is_short", Some(3), 1)]));
}

#[test]
fn a_row_without_text_is_rejected_not_dropped() {
    let import = import("asset,text\nA,NA\nA,\nNA,NA\nA,b\n");

    assert_eq!((rejected(&import), import.orders.len()), (vec![(2, "no_text"), (3, "no_text"), (4, "no_text")], 1));
}

#[test]
fn a_remark_on_warranty_is_the_warranty_note_and_others_are_kept() {
    let import = import("text,Comments\na,Warranty Item\nb,Positional Term\nc,NA\n");

    assert_eq!(import.orders[0].warranty_note.as_deref(), Some("Warranty Item"));
    assert!(import.orders[0].extra.is_empty());
    assert_eq!(
        (&import.orders[1].warranty_note, import.orders[1].extra["Comments"].as_str()),
        (&None, "Positional Term")
    );
    assert!(import.orders[2].extra.is_empty());
}

#[test]
fn another_currency_is_rejected_rather_than_renamed() {
    let import = import("text,cost\na,12.50\nb,EUR 12.50\nc,AUD 3\n");

    assert_eq!((rejected(&import), import.orders.len()), (vec![(3, "other_currency")], 2));
}

#[test]
fn an_endless_cell_is_rejected() {
    let import = import(&format!("text,type\n{},x\nb,x\n", "a".repeat(CELL_CHARS_MAX + 1)));

    assert_eq!((rejected(&import), import.orders.len()), (vec![(2, "cell_too_long")], 1));
    assert_eq!(import.rejected[0].raw.len(), 120);
}

#[test]
fn a_file_that_is_no_table_of_orders_is_an_error() {
    let error = |bytes: &[u8]| read(bytes, &ImportOptions::default()).unwrap_err();

    assert_eq!(error(b""), ImportError::Empty);
    assert_eq!(error(b"\n\n").code(), "empty_file");
    assert_eq!(
        error(b"colour,size\nred,4\n"),
        ImportError::NoTextColumn { found: vec!["colour".into(), "size".into()] }
    );
    assert_eq!(error(&[b','; 600]), ImportError::Empty);
    assert_eq!(error("a,".repeat(600).as_bytes()), ImportError::TooManyColumns);
    assert_eq!(error(&vec![b'\n'; FILE_BYTES_MAX + 1]).code(), "file_too_large");
}

#[test]
fn a_preview_shows_twenty_rows_and_counts_all() {
    let mut text = "Datum,Gerät,Text,Farbe\n".to_owned();
    for number in 1..=30 {
        text.push_str(&format!("2024-03-05,A,order {number},rot\n"));
    }
    text.push_str("heute,A,x,rot\n\n");
    let preview = import(&text).preview();

    assert_eq!((preview.rows, preview.order_count, preview.rejected_count, preview.blank_count), (32, 30, 1, 1));
    assert_eq!((preview.orders.len(), preview.orders[19].text.as_str()), (20, "order 20"));
    let columns: Vec<_> =
        preview.columns.iter().map(|column| (column.name.as_str(), column.field, column.filled)).collect();
    assert_eq!(
        columns,
        [
            ("Datum", Some(Field::Date), 31),
            ("Gerät", Some(Field::Asset), 31),
            ("Text", Some(Field::Text), 31),
            ("Farbe", None, 31)
        ]
    );
    assert_eq!(preview.columns[3].sample, "rot");
}

/// The real file of that name; nothing, and a line saying so, where the repository was checked out alone.
fn real_file(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/excavators").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("left out: {} is not here", path.display());
    }
    bytes
}

#[test]
fn the_cleaned_file_of_the_excavators_is_read_whole() {
    let Some(bytes) = real_file("excavators-cleaned.csv") else { return };
    let import = import_bytes(&bytes);

    assert_eq!((import.rows, import.orders.len(), import.blank), (5_485, 5_483, 0));
    assert_eq!(rejected(&import), [(1_812, "not_a_number"), (3_454, "shifted_columns")]);
    assert!(import.rejected[1].reason.contains("`PM01` stands under Cost but belongs under PMType"));
    assert_eq!(warned(&import), []);
    let costs: Vec<i64> = import.orders.iter().filter_map(|order| order.cost_minor).collect();
    assert_eq!(costs.iter().filter(|cost| **cost == 0).count(), 1_288);
    assert_eq!(costs.iter().filter(|cost| **cost < 0).count(), 6);
    assert_eq!((costs.iter().min(), costs.iter().max()), (Some(&-33_981), Some(&102_668_420)));
    assert_eq!(import.orders.iter().filter(|order| order.warranty_note.is_some()).count(), 51);
    assert!(import.orders.iter().all(|order| order.date_ms.is_some() && order.asset.is_some() && order.site.is_none()));
    assert_eq!(
        import.orders[1].extra.iter().map(|(name, cell)| (name.as_str(), cell.as_str())).collect::<Vec<_>>(),
        [
            ("FM", "Leak"),
            ("FuncLocation", "CYLINDER BOOM"),
            ("Location", "Left"),
            ("MajorSystem", "Bucket_Hydraulic Cylinders"),
            ("Part", "Cylinder_Tilt"),
            ("Rule", "Rule_1_3_5_19_115_214_434_509"),
            ("RunningTime", "262"),
            ("SuspSugg", "0"),
        ]
    );
}

#[test]
fn the_raw_file_of_the_excavators_is_read_whole() {
    let Some(bytes) = real_file("excavators-raw.csv") else { return };
    let import = import_bytes(&bytes);

    assert_eq!((import.rows, import.orders.len(), import.blank), (5_485, 5_484, 0));
    assert_eq!(rejected(&import), [(3_454, "shifted_columns")]);
    assert_eq!(warned(&import), []);
    assert!(import.orders.iter().all(|order| order.extra.is_empty()));
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(import) = read(&bytes, &ImportOptions::default()) {
            assert_accounted(&import);
        }
    }

    #[test]
    fn any_table_is_accounted_for(
        ends in proptest::sample::select(vec!["\n", "\r\n", "\r"]),
        separator in proptest::sample::select(vec![",", ";", "\t"]),
        rows in proptest::collection::vec(
            proptest::collection::vec(
                proptest::sample::select(vec![
                    "", " ", "x", "\"", "\"\"", "\"a\"", "\"a\nb\"", "NA", "1,5", "01/02/2024", "13/02/2024", "€ 1.234",
                    "2024-03-05", "Ã¤", "PM01", "\r", "\n", "，", "\u{a0}",
                ]),
                0..8,
            ),
            0..20,
        ),
    ) {
        let mut text = ["date", "asset", "text", "type", "cost", "suspsugg"].join(separator);
        for row in &rows {
            text.push_str(ends);
            text.push_str(&row.join(separator));
        }
        let import = read(text.as_bytes(), &ImportOptions::default()).expect("the header is whole");
        assert_accounted(&import);
        for row in import.orders.iter().map(|order| order.line).chain(import.rejected.iter().map(|row| row.line)) {
            prop_assert!(row > 1);
        }
    }

    #[test]
    fn every_unquoted_line_is_one_row_on_its_own_line(
        rows in proptest::collection::vec(
            proptest::sample::select(vec!["", "2024-03-05,A,x", "13/45/2024,A,x", ",,", "2024-03-05,A,x,y", "NA,NA,NA"]),
            0..30,
        ),
    ) {
        let text = format!("date,asset,text\r\n{}", rows.iter().map(|row| format!("{row}\r\n")).collect::<String>());
        let import = read(text.as_bytes(), &ImportOptions::default()).expect("the header is whole");

        prop_assert_eq!(import.rows, u64::try_from(rows.len()).unwrap());
        let mut lines: Vec<u64> = import.orders.iter().map(|order| order.line).collect();
        lines.extend(import.rejected.iter().map(|row| row.line));
        lines.sort_unstable();
        let expected: Vec<u64> =
            (2..).zip(&rows).filter(|(_, row)| !matches!(**row, "" | ",,")).map(|(line, _)| line).collect();
        prop_assert_eq!(lines, expected);
    }
}

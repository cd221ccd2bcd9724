//! The console in a real Chromium, as a dispatcher uses it.

/// Everything that needs a browser, so that it can be left out by name.
mod in_a_browser {
    use fieldsync::work::{PartEntry, ReportEntry};
    use fieldsync::{Draft, FieldsExt, RecordId, fields};
    use fieldsync_protocol::document::Point;
    use fieldsync_protocol::rights::Role;
    use fieldsync_protocol::show;
    use fieldsync_server::{password, people};
    use fieldsync_tests::browser::{Browser, Look};
    use fieldsync_tests::fleet::{Fleet, Phone};

    const PASSWORD: &str = "correct horse battery";

    fn browser(fleet: &Fleet, look: Look) -> Option<Browser> {
        let hash = password::hash(PASSWORD, &[7; 16]).expect("a password can be hashed");
        people::add_user(&fleet.office, "dora", "Dora Dispatcher", Role::Dispatcher, hash)
            .expect("a user can be added");
        Browser::open(&fleet.address(), look, fleet.runtime())
    }

    fn sign_in(browser: &Browser) {
        browser.goto("/login");
        browser.fill("#name", "dora");
        browser.fill("#password", PASSWORD);
        browser.click("button[type=submit]");
        browser.find("#rows");
    }

    /// An order whose problem was changed at the office and on site at once.
    fn disputed(fleet: &Fleet, anna: &Phone) -> RecordId {
        let customer = fleet.customer("Quarry North");
        let device = anna.device();
        let order = device.new_id();
        let me = anna.technician;
        device
            .edit_all(vec![
                Draft::of("work_order", order)
                    .set("origin", fields! { "channel" => "on_site", "provisional_number" => "A-1" })
                    .set("problem", fields! { "text" => "bucket drops" })
                    .set("plan", fields! { "priority" => "high" }),
                Draft::new("assignment").set("plan", fields! { "work_order" => order, "technician" => me }),
            ])
            .expect("an order can be made on site");
        fleet.settle(&[anna]);
        fleet.edit("work_order", order, vec![("parties", fields! { "customer" => customer })]).expect("completed");
        device
            .edit(Draft::of("work_order", order).change("problem", fields! { "text" => "bucket drops at once" }))
            .expect("her own order");
        fleet
            .edit("work_order", order, vec![("problem", fields! { "text" => "bucket drops slowly" })])
            .expect("changed");
        fleet.settle(&[anna]);
        order
    }

    fn problem(fleet: &Fleet, order: RecordId) -> String {
        show::fields(&fleet.record(order), "problem")
            .and_then(|f| f.text("text").map(str::to_owned))
            .expect("a problem")
    }

    #[test]
    fn a_wrong_password_stays_at_the_door_and_the_right_one_opens_the_board() {
        let fleet = Fleet::open();
        let Some(browser) = browser(&fleet, Look::WIDE) else { return };
        browser.goto("/board");
        assert!(browser.path().starts_with("/login"), "{}", browser.path());

        browser.fill("#name", "dora");
        browser.fill("#password", "guessed");
        browser.click("button[type=submit]");
        browser.find("[role=alert]");
        assert!(browser.path().starts_with("/login"));

        browser.fill("#password", PASSWORD);
        browser.click("button[type=submit]");
        browser.find("#rows");
        assert!(browser.text("main").contains("No work orders yet"));

        browser.goto("/devices");
        browser.click("details.person summary");
        browser.click("details.person form button");
        browser.find("#password");
        browser.goto("/devices");
        assert!(browser.path().starts_with("/login"), "signing out ends the session");
    }

    #[test]
    fn the_board_is_filtered_searched_and_counted_by_status() {
        let fleet = Fleet::open();
        let anna = fleet.phone("Anna");
        let customer = fleet.customer("Quarry North");
        let (first, _) = (fleet.order(customer, "hydraulic hose leaks"), fleet.order(customer, "cabin door sticks"));
        fleet.order(fleet.customer("Gravel & Sons"), "engine overheats");
        fleet.assign(first, anna.technician);
        let Some(browser) = browser(&fleet, Look::WIDE) else { return };
        sign_in(&browser);
        assert_eq!(browser.all("#rows tbody tr").len(), 3);

        browser.goto("/board?status=dispatched");
        assert_eq!(browser.texts("#rows tbody .c-problem .clip"), ["hydraulic hose leaks"]);
        assert!(browser.text("#rows").contains("Anna"));

        browser.goto("/board");
        browser.type_at("#f-text", "gravel\u{E007}");
        browser.find(".field-buttons a[href]");
        assert_eq!(browser.texts("#rows tbody .c-problem .clip"), ["engine overheats"]);

        browser.goto("/board?q=nothing-like-that");
        assert!(browser.text("#rows").contains("Nothing here"));

        browser.fill("#find", "cabin\u{E007}");
        browser.find("main a[href*='/jobs/']");
        assert!(browser.text("main").contains("cabin door sticks"));
    }

    #[test]
    fn a_job_page_shows_report_parts_signature_and_what_differs_since_it_was_signed() {
        let fleet = Fleet::open();
        let anna = fleet.phone("Anna");
        let customer = fleet.customer("Quarry North");
        let order = fleet.order(customer, "bucket drops");
        fleet.assign(order, anna.technician);
        fleet.settle(&[&anna]);
        let device = anna.device();
        device.start_visit(order).expect("the visit starts");
        let part = PartEntry {
            number: "SK-40".into(),
            name: "Seal kit 40 mm".into(),
            quantity_milli: 2_000,
            unit: "pc".into(),
            ..PartEntry::default()
        };
        device.use_part(order, &part).expect("a part is recorded");
        let report = ReportEntry {
            cause: Some("seal worn through".into()),
            hazards: Some("guard missing".into()),
            outcome: Some("solved".into()),
            ..ReportEntry::default()
        };
        device.write_report(order, &report).expect("the report is written");
        device.finish_visit(order).expect("the visit ends");
        let document = device.freeze_document(order, "work_done", "en", "I confirm.").expect("it is frozen").id;
        let strokes = vec![vec![Point(100, 200, 0, 500), Point(180, 90, 16, 620), Point(260, 210, 33, 480)]];
        device.sign(document, &strokes, "Li Wei", "site manager").expect("the customer signs");
        fleet.settle(&[&anna]);
        fleet
            .edit("customer", customer, vec![("identity", fields! { "name" => "Quarry North Ltd" })])
            .expect("renamed");
        let Some(browser) = browser(&fleet, Look::WIDE) else { return };
        sign_in(&browser);

        browser.click("#rows tbody .row-link");
        browser.find("#job-main");

        let page = browser.text("main");
        for word in ["seal worn through", "guard missing", "Seal kit 40 mm", "Li Wei", "Anna"] {
            assert!(page.contains(word), "{word} is missing:\n{page}");
        }
        assert!(page.contains("Quarry North Ltd") && page.contains("Quarry North"), "as signed against now:\n{page}");
        assert!(browser.has("#job-main svg path[d^='M']"), "the signature is drawn");
    }

    #[test]
    fn a_conflict_is_decided_with_one_click() {
        decide_with_one_click(Look::WIDE);
    }

    #[test]
    fn a_conflict_is_decided_with_one_click_without_any_script() {
        decide_with_one_click(Look { has_script: false, ..Look::WIDE });
    }

    fn decide_with_one_click(look: Look) {
        let fleet = Fleet::open();
        let anna = fleet.phone("Anna");
        let order = disputed(&fleet, &anna);
        let Some(browser) = browser(&fleet, look) else { return };
        sign_in(&browser);
        browser.click("#rows tbody .row-link");
        browser.find(".conflict");
        let versions = browser.all(".conflict .version");
        assert_eq!(versions.len(), 2);
        let values = browser.texts(".conflict .version-values dd");
        assert!(values.iter().any(|value| value == "bucket drops slowly"));
        let hers = browser.texts(".conflict .version").iter().position(|text| text.contains("bucket drops at once"));
        let hers = hers.expect("Anna's value is there");

        browser.press(&browser.all(".conflict .version button")[hers]);
        browser.find(".flash");

        assert!(!browser.has(".conflict"), "it is decided");
        assert!(fleet.conflicts(order).is_empty());
        assert_eq!(problem(&fleet, order), "bucket drops at once");
        fleet.settle(&[&anna]);
        assert!(anna.device().conflicts().expect("the phone's store reads").is_empty());
    }

    #[test]
    fn a_file_is_looked_at_before_it_is_imported() {
        let fleet = Fleet::open();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("orders.csv");
        let rows = "BscStartDate,Asset,OriginalShorttext,PMType,Cost\n\
                    2004-07-01,A,BUCKET WON'T OPEN,PM01,183.05\n\
                    2005-03-20,B,L/H BUCKET CYL LEAKING.,PM01,407.4\n\
                    never,C,PUMP NOISY,PM01,12\n";
        std::fs::write(&file, rows).expect("a file can be written");
        let Some(browser) = browser(&fleet, Look::WIDE) else { return };
        sign_in(&browser);

        browser.goto("/import");
        browser.choose("#file", &file);
        browser.click("form.upload button");
        browser.find("table.preview");
        let page = browser.text("main");
        assert!(page.contains("Nothing has been written yet"), "{page}");
        assert!(page.contains("BUCKET WON'T OPEN") && page.contains("never"), "{page}");
        assert!(browser.texts(".faults .number").contains(&"4".to_owned()), "the line of the bad row:\n{page}");

        browser.click("main form.buttons button");
        browser.find("a.button[href='/board']");
        browser.goto("/board");
        assert_eq!(browser.all("#rows tbody tr").len(), 2);
        assert!(browser.text("#rows").contains("L/H BUCKET CYL LEAKING."));
    }

    #[test]
    fn on_a_narrow_window_nothing_sticks_out_and_everything_can_be_reached() {
        let fleet = Fleet::open();
        let anna = fleet.phone("Anna");
        let order = disputed(&fleet, &anna);
        let Some(browser) = browser(&fleet, Look::NARROW) else { return };
        sign_in(&browser);

        for page in [
            "/board".to_owned(),
            format!("/jobs/{order}"),
            "/held".into(),
            "/devices".into(),
            "/import".into(),
            "/jobs/new".into(),
        ] {
            browser.goto(&page);
            let width = browser.script("return [document.documentElement.scrollWidth, window.innerWidth]");
            let [page_width, window] = [&width[0], &width[1]].map(|width| width.as_i64().expect("a width"));
            assert_eq!(window, 390);
            assert!(page_width <= window, "{page} is {page_width} wide");
            assert!(browser.has("nav.places a[href='/devices']"), "{page} leads on");
        }
        browser.goto(&format!("/jobs/{order}"));
        browser.click(".conflict .version button");
        browser.find(".flash");
        assert!(fleet.conflicts(order).is_empty(), "a button can be hit with a thumb");
    }

    #[test]
    fn a_dispatcher_can_walk_through_many_pages_and_come_back() {
        let fleet = Fleet::open();
        let order = fleet.order(fleet.customer("Quarry North"), "bucket drops");
        let Some(browser) = browser(&fleet, Look::WIDE) else { return };
        sign_in(&browser);

        // Each page listens for changes; a browser gives one server six connections, so a page that is left lets go.
        for _ in 0..6 {
            browser.goto("/board");
            browser.goto(&format!("/jobs/{order}"));
            browser.find("#job-main");
        }
    }

    #[test]
    fn an_open_board_freshens_itself() {
        let fleet = Fleet::open();
        let customer = fleet.customer("Quarry North");
        fleet.order(customer, "bucket drops");
        let Some(browser) = browser(&fleet, Look::WIDE) else { return };
        sign_in(&browser);
        assert_eq!(browser.all("#rows tbody tr").len(), 1);

        fleet.order(customer, "cabin door sticks");

        browser.find("#rows tbody tr:nth-child(2)");
        assert!(browser.text("#rows").contains("cabin door sticks"));
    }
}

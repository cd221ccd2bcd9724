//! The table itself: every kind, its groups, their fields. Nothing but data.

use super::Concurrent::{self, ByRule, NeedsPerson};
use super::Type::{self, Bytes, Choice, Flag, Hash, Int, Money, Quantity, Reference, Structure, Text, Time};
use super::{Field, Group, Kind, Owner, Reach};

const fn must(name: &'static str, holds: Type) -> Field {
    Field { name, holds, required: true }
}

const fn may(name: &'static str, holds: Type) -> Field {
    Field { name, holds, required: false }
}

const fn office(name: &'static str, concurrent: Concurrent, fields: &'static [Field]) -> Group {
    Group { name, owner: Owner::Office, concurrent, fields }
}

const fn work(name: &'static str, concurrent: Concurrent, fields: &'static [Field]) -> Group {
    Group { name, owner: Owner::Technician, concurrent, fields }
}

const fn fact(name: &'static str, reach: Reach, groups: &'static [Group]) -> Kind {
    Kind { name, reach, additive: true, groups }
}

const fn master(name: &'static str, reach: Reach, groups: &'static [Group]) -> Kind {
    Kind { name, reach, additive: false, groups }
}

const LINE: Type = Text(200);
const NAME: Type = Text(120);
const PROSE: Type = Text(8_000);
const CURRENCY: Type = Text(3);

const ADDRESS: &[Field] = &[
    may("street", LINE),
    may("postcode", NAME),
    may("city", NAME),
    may("country", NAME),
    may("latitude_e7", Int),
    may("longitude_e7", Int),
];
const ORIGIN: &[Field] = &[must("provisional", Flag), may("source", NAME)];
const VOID: Group = work("void", ByRule, &[must("reason", LINE)]);

/// Priorities, most urgent first.
pub const PRIORITIES: &[&str] = &["emergency", "high", "normal", "low"];
/// Charging categories: paid, contract, warranty, internal administration.
pub const CATEGORIES: &[&str] = &["a_paid", "b_contract", "c_warranty", "d_internal"];
/// What a visit event says.
pub const VISIT_EVENTS: &[&str] =
    &["en_route", "on_site", "paused", "resumed", "finished", "follow_up", "cannot_complete"];
/// How a visit's work ended.
pub const OUTCOMES: &[&str] = &["solved", "temporary", "limitation_accepted", "not_solved"];
/// Who or what the fault is put down to.
pub const ATTRIBUTIONS: &[&str] = &["product", "wear", "user", "environment", "unknown"];

/// Every kind this version knows.
pub const KINDS: &[Kind] = &[
    master(
        "customer",
        Reach::Referred,
        &[
            office(
                "identity",
                NeedsPerson,
                &[must("name", NAME), may("number", NAME), may("class", Choice(&["a", "b", "c"]))],
            ),
            office("origin", ByRule, ORIGIN),
            office("address", NeedsPerson, ADDRESS),
            office("reach", NeedsPerson, &[may("phone", NAME), may("email", LINE), may("language", Text(16))]),
            office("needs", NeedsPerson, &[may("text", PROSE)]),
        ],
    ),
    master(
        "contact",
        Reach::Referred,
        &[
            office(
                "person",
                NeedsPerson,
                &[
                    must("name", NAME),
                    must("customer", Reference("customer")),
                    may("role", NAME),
                    may("phone", NAME),
                    may("email", LINE),
                ],
            ),
            office("origin", ByRule, ORIGIN),
        ],
    ),
    master(
        "site",
        Reach::Referred,
        &[
            office("place", NeedsPerson, &[must("name", NAME), must("customer", Reference("customer"))]),
            office("origin", ByRule, ORIGIN),
            office("address", NeedsPerson, ADDRESS),
            office("access", NeedsPerson, &[may("steps", PROSE), may("hazards", PROSE)]),
        ],
    ),
    master(
        "asset",
        Reach::Referred,
        &[
            office("identity", NeedsPerson, &[must("name", NAME), may("model", NAME), may("serial", NAME)]),
            office("origin", ByRule, ORIGIN),
            office("place", NeedsPerson, &[may("customer", Reference("customer")), may("site", Reference("site"))]),
            office(
                "entitlement",
                NeedsPerson,
                &[may("warranty_ends_ms", Time), may("contract", NAME), may("is_ours", Flag)],
            ),
            office("parameters", NeedsPerson, &[may("as_built", Structure)]),
        ],
    ),
    master(
        "part",
        Reach::Shared,
        &[office(
            "catalogue",
            ByRule,
            &[
                must("number", NAME),
                must("name", LINE),
                must("unit", Text(16)),
                may("price_minor", Money),
                may("currency", CURRENCY),
            ],
        )],
    ),
    master(
        "technician",
        Reach::Shared,
        &[
            office("profile", ByRule, &[must("name", NAME), may("phone", NAME), may("skills", LINE)]),
            office("standing", ByRule, &[must("active", Flag), may("certificate_until_ms", Time)]),
        ],
    ),
    master(
        "work_order",
        Reach::Order,
        &[
            office(
                "origin",
                ByRule,
                &[
                    must("channel", NAME),
                    may("requested_ms", Time),
                    may("source", LINE),
                    may("provisional_number", NAME),
                ],
            ),
            office("number", ByRule, &[must("number", NAME)]),
            office(
                "parties",
                NeedsPerson,
                &[
                    may("customer", Reference("customer")),
                    may("site", Reference("site")),
                    may("asset", Reference("asset")),
                    may("contact", Reference("contact")),
                ],
            ),
            office("problem", NeedsPerson, &[must("text", PROSE), may("confirmed", Flag)]),
            office(
                "plan",
                ByRule,
                &[
                    must("priority", Choice(PRIORITIES)),
                    may("due_ms", Time),
                    may("signature_required", Flag),
                    may("photo_required", Flag),
                ],
            ),
            office("instructions", ByRule, &[may("text", PROSE)]),
            office(
                "category",
                NeedsPerson,
                &[
                    must("category", Choice(CATEGORIES)),
                    may("order_type", NAME),
                    may("estimate_minor", Money),
                    may("currency", CURRENCY),
                ],
            ),
            office("cancelled", ByRule, &[must("cancelled", Flag), may("reason", LINE)]),
            office("imported", ByRule, &[must("columns", Structure), may("line", Int)]),
        ],
    ),
    master(
        "assignment",
        Reach::BelowOrder,
        &[
            office(
                "plan",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("technician", Reference("technician")),
                    may("planned_from_ms", Time),
                    may("planned_to_ms", Time),
                    may("lead", Flag),
                ],
            ),
            office("withdrawn", ByRule, &[must("withdrawn", Flag), may("reason", LINE)]),
            work("response", ByRule, &[must("response", Choice(&["accepted", "declined"])), may("reason", LINE)]),
            work("day", ByRule, &[may("place_in_day", Int)]),
        ],
    ),
    fact(
        "visit_event",
        Reach::BelowOrder,
        &[work(
            "event",
            ByRule,
            &[
                must("work_order", Reference("work_order")),
                must("technician", Reference("technician")),
                must("event", Choice(VISIT_EVENTS)),
                must("seen", Structure),
                may("reason", LINE),
            ],
        )],
    ),
    master(
        "work_report",
        Reach::BelowOrder,
        &[
            work(
                "subject",
                ByRule,
                &[must("work_order", Reference("work_order")), must("technician", Reference("technician"))],
            ),
            work(
                "finding",
                NeedsPerson,
                &[may("fault_location", LINE), may("cause", PROSE), may("attribution", Choice(ATTRIBUTIONS))],
            ),
            work("action", NeedsPerson, &[may("method", PROSE), may("program_change", PROSE)]),
            work("parameters", NeedsPerson, &[may("changed", Structure)]),
            work("hazards", NeedsPerson, &[may("remaining", PROSE)]),
            work("outcome", NeedsPerson, &[must("outcome", Choice(OUTCOMES)), may("text", PROSE)]),
        ],
    ),
    fact(
        "part_line",
        Reach::BelowOrder,
        &[
            work(
                "use",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("technician", Reference("technician")),
                    may("part", Reference("part")),
                    must("number", NAME),
                    must("name", LINE),
                    must("quantity_milli", Quantity),
                    must("unit", Text(16)),
                    may("charge", Choice(CATEGORIES)),
                    may("price_minor", Money),
                    may("currency", CURRENCY),
                    may("serial_in", NAME),
                    may("serial_out", NAME),
                ],
            ),
            VOID,
        ],
    ),
    fact(
        "time_entry",
        Reach::BelowOrder,
        &[
            work(
                "time",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("technician", Reference("technician")),
                    must("activity", Choice(&["travel", "work", "wait", "break"])),
                    must("from_ms", Time),
                    must("to_ms", Time),
                    may("source", Choice(&["timer", "manual"])),
                ],
            ),
            VOID,
        ],
    ),
    fact(
        "note",
        Reach::BelowOrder,
        &[work("text", ByRule, &[must("work_order", Reference("work_order")), must("text", PROSE)]), VOID],
    ),
    fact(
        "attachment",
        Reach::BelowOrder,
        &[
            work(
                "blob",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("hash", Hash),
                    must("media_type", Text(64)),
                    must("size", Int),
                    may("caption", LINE),
                ],
            ),
            VOID,
        ],
    ),
    fact(
        "document",
        Reach::BelowOrder,
        &[work(
            "document",
            ByRule,
            &[
                must("work_order", Reference("work_order")),
                must("document_kind", Choice(&["work_done", "price_consent", "limitation_accepted"])),
                must("content", Bytes(200_000)),
                must("hash", Hash),
                must("seen", Structure),
            ],
        )],
    ),
    fact(
        "signature",
        Reach::BelowOrder,
        &[
            work(
                "signature",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("document", Hash),
                    must("statement", Bytes(4_000)),
                    must("strokes", Bytes(200_000)),
                    must("device_signature", Bytes(64)),
                ],
            ),
            office("countersignature", ByRule, &[must("at_ms", Time), must("signature", Bytes(64))]),
        ],
    ),
    fact(
        "review",
        Reach::BelowOrder,
        &[office(
            "decision",
            ByRule,
            &[
                must("work_order", Reference("work_order")),
                must("decision", Choice(&["approved", "returned"])),
                may("document", Hash),
                may("reason", PROSE),
                must("seen", Structure),
            ],
        )],
    ),
    fact(
        "proposal",
        Reach::BelowOrder,
        &[
            work(
                "proposal",
                ByRule,
                &[
                    must("work_order", Reference("work_order")),
                    must("subject_kind", Text(64)),
                    must("subject", Bytes(16)),
                    must("group", Text(64)),
                    must("fields", Structure),
                    may("reason", LINE),
                ],
            ),
            office("decision", ByRule, &[must("accepted", Flag), may("reason", LINE)]),
        ],
    ),
];

//! Every state of the model is visited, and a rule left out is noticed.

use std::collections::BTreeSet;

use fieldsync_model::rules::Rule;
use fieldsync_model::world::{Budget, Fleet};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

const NOTHING: Budget = Budget {
    edits: 0,
    office_edits: 0,
    losses: 0,
    repeats: 0,
    backups: 0,
    restores: 0,
    unsaid_restores: 0,
    deletes: 0,
};

/// Visits every state; each property holds in all of them, and each rare state in `reached` is among them.
fn holds(budget: Budget, reached: &[&str]) {
    let checker = Fleet { budget, without: Vec::new() }.checker().threads(2).spawn_bfs().join();
    println!("{} states, up to {} steps: {budget:?}", checker.unique_state_count(), checker.max_depth());
    assert!(checker.is_done());
    let found = checker.discoveries();
    let mut missing: BTreeSet<&str> = reached.iter().copied().collect();
    for property in checker.model().properties() {
        match (property.expectation, found.get(property.name)) {
            (Expectation::Sometimes, Some(_)) => drop(missing.remove(property.name)),
            (Expectation::Sometimes, None) => {}
            (_, Some(path)) => panic!("{} is broken by {:#?}", property.name, path.clone().into_actions()),
            (_, None) => {}
        }
    }
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

/// Without a rule some property must break.
fn notices(rule: Rule, budget: Budget) {
    let checker = Fleet { budget, without: vec![rule] }
        .checker()
        .threads(2)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let mut properties = checker.model().properties();
    properties.retain(|property| property.expectation == Expectation::Always);
    let found = checker.discoveries();
    let broken: Vec<&str> =
        properties.iter().map(|property| property.name).filter(|name| found.contains_key(name)).collect();
    println!("without {rule:?}: {} states, broken: {broken:?}", checker.unique_state_count());
    assert!(!broken.is_empty(), "nobody misses {rule:?}");
}

const BAD_WIRE: Budget = Budget { edits: 2, losses: 1, repeats: 1, ..NOTHING };
const RESTORED: Budget = Budget { edits: 1, office_edits: 2, backups: 1, restores: 1, ..NOTHING };
const RESTORED_UNSAID: Budget = Budget { office_edits: 3, backups: 1, unsaid_restores: 1, ..NOTHING };

const DELETED: Budget = Budget { edits: 1, office_edits: 1, deletes: 1, ..NOTHING };
const DELETED_RESTORED: Budget = Budget { office_edits: 1, deletes: 1, backups: 1, restores: 1, ..NOTHING };
const REVIVED_RESTORED: Budget = Budget { office_edits: 2, ..DELETED_RESTORED };

const CONFLICT: &str = "two edits stand beside each other";
const REFILLED: &str = "the office takes back what it forgot";
const COLLECTED: &str = "a record is collected";
const HELD: &str = "what comes for a collected record is held";
const LOST: &str = "an edit is lost with a time of the office";

#[test]
fn edits_from_three_sides_meet_and_none_is_lost() {
    holds(Budget { edits: 2, office_edits: 1, ..NOTHING }, &[CONFLICT]);
}

#[test]
fn lost_and_repeated_messages_change_nothing() {
    holds(BAD_WIRE, &[CONFLICT]);
}

#[test]
fn a_restore_that_is_said_is_refilled() {
    holds(Budget { edits: 1, office_edits: 1, backups: 1, restores: 1, ..NOTHING }, &[REFILLED, LOST]);
}

#[test]
fn what_two_technicians_wrote_survives_a_restore() {
    holds(Budget { edits: 2, backups: 1, restores: 1, ..NOTHING }, &[REFILLED, CONFLICT]);
}

#[test]
fn a_restore_that_nobody_says_is_noticed_and_refilled() {
    holds(Budget { edits: 1, office_edits: 1, backups: 1, unsaid_restores: 1, ..NOTHING }, &[REFILLED, LOST]);
    holds(RESTORED_UNSAID, &[REFILLED, LOST]);
}

#[test]
fn what_was_deleted_and_collected_never_lives_again() {
    holds(DELETED, &[COLLECTED, HELD]);
    holds(DELETED_RESTORED, &[COLLECTED]);
    holds(Budget { unsaid_restores: 1, restores: 0, ..DELETED_RESTORED }, &[COLLECTED]);
}

#[test]
fn each_rule_is_missed_when_it_is_left_out() {
    notices(Rule::ContextIsWhatWasShown, BAD_WIRE);
    notices(Rule::NamesItsPushes, BAD_WIRE);
    notices(Rule::KnowsItsEdits, BAD_WIRE);
    notices(Rule::OffersWhatWasForgotten, RESTORED);
    notices(Rule::OffersWhatIsUnnamed, RESTORED);
    notices(Rule::OfficeIdPerStart, RESTORED);
    notices(Rule::CursorKnowsTheHighest, RESTORED_UNSAID);
    notices(Rule::AnswersWithTheResult, RESTORED);
}

#[test]
fn each_rule_of_forgetting_is_missed_when_it_is_left_out() {
    notices(Rule::CollectedIsUsedUp, DELETED);
    notices(Rule::CollectionsAreLogged, DELETED_RESTORED);
    notices(Rule::CollectsWithProof, REVIVED_RESTORED);
}

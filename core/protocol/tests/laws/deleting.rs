//! Delete: edit then delete, delete then edit, and both at once are told apart; an edit the delete had not seen keeps the
//! record and is the conflict. And what a conflict is: different contents, never different dots.

use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_protocol::show::conflicts;
use fieldsync_protocol::{Dot, FieldsExt, Record, Version, fields};
use proptest::prelude::*;

use crate::history::{blank, edit, history, merged};

proptest! {
    #[test]
    fn a_record_is_gone_exactly_while_a_delete_has_seen_everything_alive(history in history()) {
        let all = merged(&history.copies);

        let alive: Vec<Dot> = all.groups.iter()
            .filter(|(name, _)| name.as_str() != DELETED)
            .flat_map(|(_, siblings)| siblings.keys().copied())
            .collect();
        let gone = history.edits.iter().any(|edit| {
            edit.fields.flag("deleted")
                && all.siblings(DELETED).any(|(dot, _)| dot == edit.dot)
                && alive.iter().all(|dot| edit.context.covers(*dot))
        });

        prop_assert_eq!(all.is_deleted(), gone);
    }
}

#[test]
fn edit_then_delete_and_delete_then_edit_and_both_at_once_are_told_apart() {
    let mut start = blank();
    start.put(&edit(&start, 0, "problem", 1, Version::new()));
    let delete = |copy: &Record, replica: u8| {
        let mut delete = edit(copy, replica, DELETED, 0, copy.version.clone());
        delete.fields = delete_fields(&copy.version);
        delete
    };

    let mut edited_then_deleted = start.clone();
    edited_then_deleted.put(&edit(&start, 1, "problem", 2, start.version.clone()));
    edited_then_deleted.put(&delete(&edited_then_deleted, 1));
    assert!(edited_then_deleted.is_deleted());
    assert_eq!(conflicts(&edited_then_deleted), []);

    let mut deleted_then_edited = start.clone();
    deleted_then_edited.put(&delete(&start, 1));
    let mut revive = edit(&deleted_then_edited, 2, DELETED, 0, deleted_then_edited.version.clone());
    revive.fields = fields! { "deleted" => false };
    deleted_then_edited.put(&revive);
    deleted_then_edited.put(&edit(&deleted_then_edited, 2, "problem", 3, deleted_then_edited.version.clone()));
    assert!(!deleted_then_edited.is_deleted());
    assert_eq!(conflicts(&deleted_then_edited), []);

    let mut at_once = start.clone();
    at_once.put(&delete(&start, 1));
    let mut meanwhile = start.clone();
    meanwhile.put(&edit(&start, 2, "problem", 4, start.version.clone()));
    at_once.merge(&meanwhile);
    assert!(!at_once.is_deleted(), "an edit the delete had not seen keeps the record");
    let open = conflicts(&at_once);
    assert_eq!(open.iter().map(|conflict| conflict.group.as_str()).collect::<Vec<_>>(), [DELETED]);

    let settled = delete(&at_once, 3);
    at_once.put(&settled);
    assert!(at_once.is_deleted(), "deleting again after having seen the edit ends it");
    assert_eq!(conflicts(&at_once), []);
}

#[test]
fn two_deletes_at_once_are_no_conflict() {
    let mut anna = blank();
    anna.put(&edit(&anna, 0, "problem", 1, Version::new()));
    let mut bert = anna.clone();
    bert.put(&edit(&bert, 1, "problem", 2, bert.version.clone()));
    for (copy, replica) in [(&mut anna, 2), (&mut bert, 3)] {
        let mut delete = edit(copy, replica, DELETED, 0, copy.version.clone());
        delete.fields = delete_fields(&copy.version);
        copy.put(&delete);
    }

    anna.merge(&bert);

    assert!(anna.is_deleted());
    assert_eq!(conflicts(&anna), []);
}

#[test]
fn equal_contents_are_no_conflict_but_both_dots_stay() {
    let mut anna = blank();
    anna.put(&edit(&anna, 1, "problem", 7, Version::new()));
    let mut bert = blank();
    bert.put(&edit(&bert, 2, "problem", 7, Version::new()));

    anna.merge(&bert);

    assert_eq!(anna.siblings("problem").count(), 2);
    assert_eq!(conflicts(&anna), []);

    anna.put(&edit(&anna, 3, "problem", 8, Version::new()));
    let open = conflicts(&anna);
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].values.len(), 2, "equal contents count as one");
}

//! Random histories: a few replicas that write, delete, revive and meet in any order, some of them from screens that
//! had been open for a while. Every copy that ever existed is kept, so that laws are asked of what really occurs.

use fieldsync_protocol::record::{DELETED, delete_fields};
use fieldsync_protocol::{DeviceId, Dot, Edit, PersonId, Record, RecordId, ReplicaId, Stamp, Trust, Version, fields};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// A group people decide, another, and one from a newer version.
pub(crate) const GROUPS: [&str; 3] = ["problem", "parties", "invented_later"];
/// How many replicas take part.
pub(crate) const REPLICAS: u8 = 4;

/// One thing that happens to one replica's copy.
#[derive(Debug, Clone)]
enum Step {
    /// Somebody writes a group, from a screen that showed one of the versions this copy has been through.
    Write { replica: u8, group: usize, word: u8, screen: Index },
    /// Somebody deletes the record as it stands in this copy.
    Delete { replica: u8 },
    /// Somebody edits and, as the rule demands, takes a delete back with it.
    Revive { replica: u8, word: u8 },
    /// One copy hears from another.
    Meet { from: u8, to: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let replica = || 0..REPLICAS;
    prop_oneof![
        6 => (replica(), 0..GROUPS.len(), 0..4u8, any::<Index>())
            .prop_map(|(replica, group, word, screen)| Step::Write { replica, group, word, screen }),
        1 => replica().prop_map(|replica| Step::Delete { replica }),
        1 => (replica(), 0..4u8).prop_map(|(replica, word)| Step::Revive { replica, word }),
        4 => (replica(), replica()).prop_map(|(from, to)| Step::Meet { from, to }),
    ]
}

/// What came of a list of steps.
#[derive(Debug)]
pub(crate) struct History {
    /// Every copy that ever existed, the last state of each replica included.
    pub(crate) copies: Vec<Record>,
    /// Every edit ever made.
    pub(crate) edits: Vec<Edit>,
}

fn stamp(replica: u8, word: u8) -> Stamp {
    Stamp {
        person: PersonId::from_bytes([replica; 16]),
        device: (replica > 0).then(|| DeviceId::from_bytes([replica; 16])),
        // Clocks are evidence, so here they contradict the order in which things happened.
        at_ms: 1_000_000 - i64::from(word) * 977,
        offset_ms: i64::from(replica) * 3_600_000,
        trust: if replica > 0 { Trust::Unknown } else { Trust::Office },
    }
}

/// A record nobody has written.
pub(crate) fn blank() -> Record {
    Record::new("work_order", RecordId::from_bytes([1; 16]))
}

fn replica_id(replica: u8) -> ReplicaId {
    ReplicaId([replica + 1; 16])
}

/// An edit of `copy` by `replica`, from a screen that showed `context`.
pub(crate) fn edit(copy: &Record, replica: u8, group: &str, word: u8, context: Version) -> Edit {
    let dot = Dot { replica: replica_id(replica), counter: copy.version.get(replica_id(replica)) + 1 };
    let fields = fields! { "text" => format!("word {word}"), "count" => i64::from(word) };
    Edit { dot, group: group.to_owned(), fields, context, stamp: stamp(replica, word) }
}

fn play(steps: &[Step]) -> History {
    let mut now: Vec<Record> = (0..REPLICAS).map(|_| blank()).collect();
    let mut shown: Vec<Vec<Version>> = vec![vec![Version::new()]; usize::from(REPLICAS)];
    let mut history = History { copies: vec![blank()], edits: Vec::new() };
    for step in steps {
        let changed = match step {
            Step::Write { replica, group, word, screen } => {
                let place = usize::from(*replica);
                let context = screen.get(&shown[place]).clone();
                let edit = edit(&now[place], *replica, GROUPS[*group], *word, context);
                now[place].put(&edit);
                history.edits.push(edit);
                place
            }
            Step::Delete { replica } => {
                let place = usize::from(*replica);
                let seen = now[place].version.clone();
                let mut edit = edit(&now[place], *replica, DELETED, 0, seen.clone());
                edit.fields = delete_fields(&seen);
                now[place].put(&edit);
                history.edits.push(edit);
                place
            }
            Step::Revive { replica, word } => {
                let place = usize::from(*replica);
                for group in [DELETED, GROUPS[0]] {
                    let mut edit = edit(&now[place], *replica, group, *word, now[place].version.clone());
                    if group == DELETED {
                        edit.fields = fields! { "deleted" => false };
                    }
                    now[place].put(&edit);
                    history.edits.push(edit);
                }
                place
            }
            Step::Meet { from, to } => {
                let heard = now[usize::from(*from)].clone();
                now[usize::from(*to)].merge(&heard);
                usize::from(*to)
            }
        };
        shown[changed].push(now[changed].version.clone());
        history.copies.push(now[changed].clone());
    }
    history.copies.extend(now);
    history
}

/// A random history.
pub(crate) fn history() -> impl Strategy<Value = History> {
    vec(step(), 1..40).prop_map(|steps| play(&steps))
}

/// All of `copies` merged, in the order given.
pub(crate) fn merged<'a>(copies: impl IntoIterator<Item = &'a Record>) -> Record {
    copies.into_iter().fold(blank(), |mut sum, copy| {
        sum.merge(copy);
        sum
    })
}

/// Two copies merged.
pub(crate) fn both(a: &Record, b: &Record) -> Record {
    let mut sum = a.clone();
    sum.merge(b);
    sum
}

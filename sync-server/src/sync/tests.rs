//! One exchange after another against a real store, from a peer written with nothing but the messages.

mod compared;
mod explained;
mod paged;
mod referred;

use std::collections::BTreeSet;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use fieldsync_protocol::enrol::Enrol;
use fieldsync_protocol::exchange::{Exchange, ExchangeAnswer, Holding, Offer, Offered, Outcome, PushRecord, Sealed};
use fieldsync_protocol::rights::{Actor, Code, Role};
use fieldsync_protocol::status::Status;
use fieldsync_protocol::{
    Dot, Edit, Fields, PersonId, PublicKey, PushId, Record, RecordId, ReplicaId, Stamp, Trust, Value, Version, fields,
};

use super::edit::{Draft, commit};
use super::exchange::{ExchangeError, exchange};
use crate::enrol;
use crate::keys::Keys;
use crate::office::Office;
use crate::people::{OPERATOR, add_technician};
use crate::store::sqlite::SqliteStore;
use crate::store::{Audience, Store};

struct World {
    office: Office,
    folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("temporary folder");
    let office = reopen(&folder.path().join("office.sqlite"));
    World { office, folder }
}

fn reopen(path: &std::path::Path) -> Office {
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(path).expect("open"));
    let tenant = store.tenant("acme", 5).expect("tenant");
    Office::start(store, tenant, Arc::new(Keys::from_bytes([1; 32], [2; 32])))
}

/// A device that keeps just enough to talk.
struct Peer {
    technician: RecordId,
    device: fieldsync_protocol::DeviceId,
    replica: ReplicaId,
    epoch: u64,
    token: Option<Sealed>,
    cursor: Option<Sealed>,
    sent_ids: Vec<PushId>,
    /// What it was delivered and not told to let go.
    held: BTreeSet<RecordId>,
}

impl Peer {
    fn enrol(office: &Office, name: &str) -> Peer {
        let technician = add_technician(office, name, "", "").expect("technician");
        let code = enrol::new_code(office, technician).expect("code");
        let key = SigningKey::from_bytes(&[name.as_bytes()[0]; 32]);
        let public_key = PublicKey(key.verifying_key().to_bytes());
        let answer = enrol::enrol(office, &Enrol { code, public_key, device_name: "phone".into() }).expect("enrol");
        Peer {
            technician,
            device: answer.certificate.device,
            replica: ReplicaId(office.random()),
            epoch: answer.epoch,
            token: None,
            cursor: None,
            sent_ids: Vec::new(),
            held: BTreeSet::new(),
        }
    }

    fn edit(&self, counter: u64, group: &str, fields: Fields, context: Version) -> Edit {
        Edit {
            dot: Dot { replica: self.replica, counter },
            group: group.into(),
            fields,
            context,
            stamp: Stamp {
                person: PersonId(self.technician.0),
                device: Some(self.device),
                at_ms: 0,
                offset_ms: 0,
                trust: Trust::Unknown,
            },
        }
    }

    fn message(&mut self, office: &Office, push: Vec<PushRecord>) -> Exchange {
        let push_id = (!push.is_empty()).then(|| PushId(office.random()));
        self.sent_ids.extend(push_id);
        Exchange {
            replica: self.replica,
            epoch: self.epoch,
            table: 1,
            token: self.token.clone(),
            push_id,
            sent_ids: self.sent_ids.clone(),
            sent_dots: Vec::new(),
            push,
            offers: Vec::new(),
            cursor: self.cursor.clone(),
            whole: Vec::new(),
            holding: Holding::default(),
            clock_ms: 0,
            wiping: false,
            ranges: Vec::new(),
            pieces: Vec::new(),
        }
    }

    fn send(&self, office: &Office, message: &Exchange) -> Result<ExchangeAnswer, ExchangeError> {
        let (inner, device, message) = (office.clone(), self.device, message.clone());
        office.write(move |txn| exchange(&inner, txn, device, &message)).expect("store")
    }

    fn take(&mut self, answer: &ExchangeAnswer) {
        self.cursor = answer.cursor.clone().or(self.cursor.take());
        self.held.extend(answer.delivered.iter().map(|delivery| delivery.record.id));
        self.held.retain(|id| !answer.left.contains(id));
        if answer.token.is_some() {
            self.token = answer.token.clone();
            self.sent_ids.clear();
        }
    }

    fn sync(&mut self, office: &Office, push: Vec<PushRecord>) -> ExchangeAnswer {
        let message = self.message(office, push);
        let answer = self.send(office, &message).expect("answer");
        self.take(&answer);
        answer
    }
}

fn push(kind: &str, id: RecordId, base: Version, edits: Vec<Edit>) -> PushRecord {
    PushRecord { kind: kind.into(), id, base, edits }
}

fn order(office: &Office, text: &str) -> RecordId {
    let id = office.new_id();
    let groups = vec![
        ("origin", fields! { "channel" => "phone" }),
        ("problem", fields! { "text" => text }),
        ("plan", fields! { "priority" => "normal" }),
    ];
    commit(office, &OPERATOR, vec![Draft { kind: "work_order", id, groups, context: None }]).expect("order");
    id
}

fn assign(office: &Office, order: RecordId, technician: RecordId) -> RecordId {
    let id = office.new_id();
    let plan = fields! { "work_order" => order, "technician" => technician };
    commit(office, &OPERATOR, vec![Draft::one("assignment", id, "plan", plan)]).expect("assign");
    id
}

/// Anna's phone, the job she was given and her assignment, all pulled.
fn on_a_job(office: &Office) -> (Peer, RecordId, RecordId) {
    let mut anna = Peer::enrol(office, "Anna");
    let job = order(office, "pump leaks");
    let assignment = assign(office, job, anna.technician);
    anna.sync(office, vec![]);
    (anna, job, assignment)
}

fn withdraw(office: &Office, assignment: RecordId) {
    let fields = fields! { "withdrawn" => true, "reason" => "replanned" };
    commit(office, &OPERATOR, vec![Draft::one("assignment", assignment, "withdrawn", fields)]).expect("withdraw");
}

fn note(peer: &Peer, office: &Office, order: RecordId, text: &str) -> PushRecord {
    let edit = peer.edit(1, "text", fields! { "work_order" => order, "text" => text }, Version::new());
    push("note", office.new_id(), Version::new(), vec![edit])
}

#[test]
fn only_assigned_jobs_and_what_hangs_below_them_are_delivered() {
    let world = world();
    let office = &world.office;
    let mut anna = Peer::enrol(office, "Anna");
    let (mine, other) = (order(office, "pump leaks"), order(office, "secret"));
    let assignment = assign(office, mine, anna.technician);

    let answer = anna.sync(office, vec![]);

    let ids: Vec<RecordId> = answer.delivered.iter().map(|delivery| delivery.record.id).collect();
    assert!(ids.contains(&mine) && ids.contains(&assignment) && ids.contains(&anna.technician));
    assert!(!ids.contains(&other));
    assert!(answer.anew && !answer.more);
    assert_eq!(answer.fingerprint.expect("last page").own.count, 2);
    let again = anna.sync(office, vec![]);
    assert!(again.delivered.is_empty() && !again.anew, "nothing changed, nothing is sent");
}

#[test]
fn asking_to_enrol_again_after_a_lost_answer_gives_the_same_certificate_and_nobody_else_one() {
    let world = world();
    let office = &world.office;
    let technician = add_technician(office, "Anna", "", "").expect("technician");
    let code = enrol::new_code(office, technician).expect("code");
    let ask = |key: u8| Enrol { code: code.clone(), public_key: PublicKey([key; 32]), device_name: "phone".into() };

    let first = enrol::enrol(office, &ask(7)).expect("enrol").certificate;
    assert_eq!(enrol::enrol(office, &ask(7)).expect("again").certificate, first);
    assert!(matches!(enrol::enrol(office, &ask(8)), Err(enrol::EnrolError::BadCode)));
    assert_eq!(office.read(|txn| txn.devices()).expect("devices").len(), 1);
}

#[test]
fn a_repeated_push_is_accepted_once() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let note = note(&anna, office, job, "seal worn");
    let message = anna.message(office, vec![note.clone()]);

    anna.send(office, &message).expect("first, its answer is lost");
    let length = office.read(|txn| txn.tenant()).expect("tenant").sequence;
    let answer = anna.sync(office, vec![note]);

    assert!(matches!(answer.outcomes[0].1, Outcome::Accepted { .. }));
    assert!(answer.again.is_none(), "a lost reply is not a clone");
    assert_eq!(office.read(|txn| txn.tenant()).expect("tenant").sequence, length);
}

#[test]
fn a_copy_of_a_store_is_told_so_and_its_other_content_is_not_applied() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let held = BTreeSet::new();
    let mut twin = Peer { sent_ids: vec![], token: anna.token.clone(), cursor: anna.cursor.clone(), held, ..anna };

    anna.sync(office, vec![note(&twin, office, job, "from the phone")]);
    let answer = twin.sync(office, vec![note(&twin, office, job, "from the copy")]);

    assert_eq!(answer.again, Some(vec![]));
    assert!(answer.cursor.is_none() && answer.outcomes.is_empty());
}

#[test]
fn work_on_a_job_taken_away_meanwhile_arrives_and_later_work_is_held() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, assignment) = on_a_job(office);
    withdraw(office, assignment);

    let late_note = note(&anna, office, job, "done before I knew");
    let late = anna.sync(office, vec![late_note.clone()]);
    let held = anna.sync(office, vec![note(&anna, office, job, "done after I knew")]);

    assert!(matches!(late.outcomes[0].1, Outcome::Accepted { .. }));
    assert!(late.left.contains(&job));
    assert!(late.left.contains(&late_note.id), "late work leaves the phone with its job");
    assert_eq!(late.fingerprint.expect("last page").own.count, 0);
    assert!(matches!(held.outcomes[0].1, Outcome::Held { code: Code::Withdrawn }));
    let kept = office.read(|txn| txn.all_held(true)).expect("held");
    assert_eq!(kept.len(), 1);
    assert_eq!(office.read(|txn| txn.job(job)).expect("job").expect("row").held, 1);

    let (inner, id) = (office.clone(), kept[0].id);
    let actor = Actor { person: PersonId(office.new_id().0), role: Role::Dispatcher };
    office.write(move |txn| super::held::release(&inner, txn, &actor, id)).expect("release");
    assert_eq!(office.read(|txn| txn.below(job)).expect("below").iter().filter(|r| r.kind == "note").count(), 2);
}

#[test]
fn a_refused_group_refuses_the_record_whole_and_returns_the_offices() {
    let world = world();
    let office = &world.office;
    let mut anna = Peer::enrol(office, "Anna");
    let job = order(office, "pump leaks");
    assign(office, job, anna.technician);
    let theirs = anna.sync(office, vec![]).delivered.into_iter().find(|d| d.record.id == job).expect("job").record;
    let edit = anna.edit(1, "plan", fields! { "priority" => "low" }, theirs.version.clone());

    let answer = anna.sync(office, vec![push("work_order", job, theirs.version.clone(), vec![edit])]);

    let Outcome::Refused { refusals, theirs: returned } = &answer.outcomes[0].1 else { panic!("must be refused") };
    assert_eq!(refusals[0].code, Code::OfficeOwned);
    assert_eq!(returned.as_ref().expect("whole record").0, theirs);
    assert_eq!(office.read(|txn| txn.refused(9)).expect("refused").len(), 1);
}

#[test]
fn a_record_of_others_is_neither_writable_nor_told_about() {
    let world = world();
    let office = &world.office;
    let mut anna = Peer::enrol(office, "Anna");
    let secret = order(office, "secret");

    let answer = anna.sync(office, vec![note(&anna, office, secret, "hello")]);

    let Outcome::Refused { refusals, theirs } = &answer.outcomes[0].1 else { panic!("must be refused") };
    assert_eq!((refusals[0].code, theirs), (Code::OutOfScope, &None));
}

#[test]
fn an_order_opened_on_site_cannot_pull_somebody_elses_customer_into_scope() {
    let world = world();
    let office = &world.office;
    let mut anna = Peer::enrol(office, "Anna");
    let customer = office.new_id();
    let identity = fields! { "name" => "Secret Ltd" };
    commit(office, &OPERATOR, vec![Draft::one("customer", customer, "identity", identity)]).expect("customer");
    let id = office.new_id();
    let edits = vec![
        anna.edit(1, "origin", fields! { "channel" => "on_site" }, Version::new()),
        anna.edit(2, "parties", fields! { "customer" => customer }, Version::new()),
        anna.edit(3, "problem", fields! { "text" => "let me see" }, Version::new()),
    ];

    let answer = anna.sync(office, vec![push("work_order", id, Version::new(), edits)]);

    let Outcome::Refused { refusals, theirs } = &answer.outcomes[0].1 else { panic!("must be refused") };
    assert_eq!((refusals[0].code, refusals[0].group.as_str(), theirs), (Code::OutOfScope, "parties", &None));
    assert!(answer.delivered.iter().all(|delivery| delivery.record.id != customer));
}

#[test]
fn a_revoked_device_gets_nothing_and_what_it_pushes_is_held() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    enrol::revoke(office, anna.device).expect("revoke");

    let message = anna.message(office, vec![note(&anna, office, job, "still mine")]);

    assert!(matches!(anna.send(office, &message), Err(ExchangeError::Revoked)));
    assert_eq!(office.read(|txn| txn.all_held(true)).expect("held").len(), 1);
}

#[test]
fn an_unannounced_restore_opens_an_epoch_and_sealed_offers_refill_it() {
    let world = world();
    let office = &world.office;
    let (mut anna, job, _) = on_a_job(office);
    let image = world.folder.path().join("image.sqlite");
    office.store.backup(&image).expect("backup");
    let note = note(&anna, office, job, "seal worn");
    let first = anna.sync(office, vec![note.clone()]);
    let Outcome::Accepted { seal, result: None, .. } = &first.outcomes[0].1 else { panic!("simply accepted") };
    let mut theirs = Record::new("note", note.id);
    theirs.put(&note.edits[0]);

    let office = &reopen(&image);
    let answer = anna.sync(office, vec![]);
    assert!(answer.epoch > anna.epoch && answer.again.is_some() && answer.anew);
    anna.replica = ReplicaId(office.random());
    anna.epoch = answer.epoch;
    anna.token = None;
    let mut message = anna.message(office, vec![]);
    message.offers = vec![
        Offer { record: theirs.clone(), seal: Some(*seal) },
        Offer { record: Record::new("note", office.new_id()), seal: None },
    ];
    let answer = anna.send(office, &message).expect("answer");

    assert_eq!(answer.offered[0].1, Offered::Merged);
    assert_eq!(answer.offered[1].1, Offered::Held);
    let back = office.read(|txn| txn.record(note.id)).expect("record").expect("is back");
    assert_eq!(back.record, theirs);
    assert!(office.read(|txn| txn.verify_chain()).expect("chain").is_ok());
}

#[test]
fn status_scope_and_sums_follow_the_records() {
    let world = world();
    let office = &world.office;
    let mut anna = Peer::enrol(office, "Anna");
    let job = order(office, "pump leaks");
    let assignment = assign(office, job, anna.technician);
    assert_eq!(office.read(|txn| txn.job(job)).expect("job").expect("row").status, Status::Dispatched);
    anna.sync(office, vec![]);
    let event = anna.edit(
        1,
        "event",
        fields! { "work_order" => job, "technician" => anna.technician, "event" => "on_site", "seen" => Vec::<Value>::new() },
        Version::new(),
    );
    anna.sync(office, vec![push("visit_event", office.new_id(), Version::new(), vec![event])]);
    assert_eq!(office.read(|txn| txn.job(job)).expect("job").expect("row").status, Status::InProgress);
    withdraw(office, assignment);
    assert!(office.read(|txn| txn.job(job)).expect("job").expect("row").is_late);
    let sum = office.read(|txn| txn.audience(Audience::of(anna.technician))).expect("sum");
    assert_eq!(sum.set, Default::default());
}

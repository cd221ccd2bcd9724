//! The console on a real store, asked as a browser asks: with cookies, forms and the headers browsers send.

mod browser;
mod carried;
mod desk_work;
mod doors;
mod routes;

use std::sync::Arc;

use fieldsync_protocol::rights::{Actor, Role};
use fieldsync_protocol::{Dot, Edit, Fields, PersonId, RecordId, ReplicaId, Stamp, Trust, Version, fields};

use self::browser::Browser;
use super::{State, router};
use crate::blobs::Blobs;
use crate::keys::Keys;
use crate::office::Office;
use crate::people::{add_technician, add_user};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;
use crate::sync::accept::{Accepted, Author, Door};
use crate::{enrol, password};

const PASSWORD: &str = "correct horse battery";

/// An office with one dispatcher, one technician and his device.
struct World {
    office: Office,
    ruth: Actor,
    wei: RecordId,
    device: fieldsync_protocol::DeviceId,
    state: State,
    _folder: tempfile::TempDir,
    _running: tokio::sync::watch::Sender<bool>,
}

/// The hash of [`PASSWORD`], made once: it takes long by design.
fn password_hash() -> &'static str {
    static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    HASH.get_or_init(|| password::hash(PASSWORD, &[7; password::SALT_BYTES]).expect("hash"))
}

fn world() -> World {
    let folder = tempfile::tempdir().expect("temporary folder");
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&folder.path().join("office.sqlite")).expect("open"));
    let tenant = store.tenant("Northgate", 1).expect("tenant");
    let office = Office::start(store, tenant, Arc::new(Keys::from_bytes([1; 32], [2; 32])));
    let hash = password_hash().to_owned();
    let person = add_user(&office, "ruth", "Ruth Okafor", Role::Dispatcher, hash).expect("user");
    let wei = add_technician(&office, "Wei Zhang", "", "hydraulics").expect("technician");
    let code = enrol::new_code(&office, wei).expect("code");
    let public_key = fieldsync_protocol::PublicKey([9; 32]);
    let request = fieldsync_protocol::enrol::Enrol { code, public_key, device_name: "Phone in van 3".into() };
    let device = enrol::enrol(&office, &request).expect("enrol").certificate.device;
    std::fs::create_dir(folder.path().join("blobs")).expect("folder");
    let (running, stopping) = tokio::sync::watch::channel(false);
    let state = State {
        office: office.clone(),
        blobs: Blobs::in_folder(&folder.path().join("blobs")).expect("blobs"),
        is_tls: false,
        zone_minutes: 480,
        address: None,
        stopping,
    };
    let ruth = Actor { person, role: Role::Dispatcher };
    World { office, ruth, wei, device, state, _folder: folder, _running: running }
}

impl World {
    fn browser(&self) -> Browser {
        Browser::at(router(self.state.clone()))
    }

    /// A browser with a session, without the time a password takes.
    async fn signed_in(&self) -> Browser {
        let (token, person, now_ms) = ([5; 32], self.ruth.person, self.office.now_ms());
        let session = fieldsync_protocol::Hash::blake3(&token);
        self.office.write(move |txn| txn.put_session(&session, person, now_ms)).expect("the store works");
        let mut browser = self.browser();
        browser.cookies.insert(super::desk::SESSION.to_owned(), hex::encode(token));
        browser
    }

    /// A work order dispatched to the technician.
    fn order(&self, problem: &str) -> RecordId {
        use crate::sync::edit::{Draft, commit};
        let order = self.office.new_id();
        let groups = vec![
            ("origin", fields! { "channel" => "phone" }),
            ("problem", fields! { "text" => problem }),
            ("plan", fields! { "priority" => "normal" }),
            ("category", fields! { "category" => "a_paid" }),
        ];
        let assignment = fields! { "work_order" => order, "technician" => self.wei };
        let drafts = vec![
            Draft { kind: "work_order", id: order, groups, context: None },
            Draft::one("assignment", self.office.new_id(), "plan", assignment),
        ];
        commit(&self.office, &self.ruth, drafts).expect("order");
        order
    }

    /// What the technician's device pushed: one record's edits, made by one incarnation of its store.
    fn device_edit(
        &self,
        replica: u8,
        kind: &str,
        id: RecordId,
        groups: &[(&str, Fields)],
        context: &Version,
    ) -> Accepted {
        let author = Author {
            actor: Actor { person: PersonId(self.wei.0), role: Role::Technician },
            device: Some(self.device),
            position: u64::MAX,
        };
        let stamp = Stamp {
            person: author.actor.person,
            device: author.device,
            at_ms: self.office.now_ms() - 3_600_000,
            offset_ms: 0,
            trust: Trust::Compared,
        };
        let replica = ReplicaId([replica; 16]);
        let edits: Vec<Edit> = (1..)
            .zip(groups)
            .map(|(place, (group, fields))| Edit {
                dot: Dot { replica, counter: context.get(replica) + place },
                group: (*group).to_owned(),
                fields: fields.clone(),
                context: context.clone(),
                stamp: stamp.clone(),
            })
            .collect();
        let (office, kind) = (self.office.clone(), kind.to_owned());
        self.office
            .write(move |txn| {
                let mut door = Door::open(&office);
                let accepted = door.accept(txn, &author, &kind, id, &edits, crate::store::Action::Accepted)?;
                door.close(txn)?;
                Ok::<_, crate::store::StoreError>(accepted)
            })
            .expect("the store works")
    }

    fn record(&self, id: RecordId) -> fieldsync_protocol::Record {
        self.office.read(|txn| txn.record(id)).expect("the store works").expect("it is there").record
    }

    fn shown(&self, id: RecordId, group: &str) -> Fields {
        fieldsync_protocol::show::fields(&self.record(id), group).cloned().unwrap_or_default()
    }
}

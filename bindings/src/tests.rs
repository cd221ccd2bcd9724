//! The bridge as a host sees it: no runtime of its own, callbacks that misbehave, calls at the wrong time.

use std::future::Future;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use fieldsync::protocol::enrol::{Certificate, Enrol, EnrolAnswer};
use fieldsync::protocol::{DeviceId, PersonId, PublicKey, wire};
use fieldsync::sync::Response;
use tempfile::TempDir;
use uuid::Uuid;

use crate::*;

const LONG: Duration = Duration::from_secs(20);
/// The goal is 100 ms; a loaded machine that runs a hundred tests at once gets more.
const SOON: Duration = Duration::from_secs(2);

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls as a foreign executor does: on this thread, without any runtime around it.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn options(dir: String) -> OpenOptions {
    OpenOptions {
        dir,
        roots: Vec::new(),
        allow_insecure: false,
        start_over: false,
        anchor_file: None,
        photo_quota_bytes: 0,
        worker_threads: 2,
    }
}

fn open(dir: &TempDir) -> Arc<Device> {
    let dir = dir.path().to_string_lossy().into_owned();
    Device::open(options(dir), None, None).unwrap()
}

/// Makes `device` Anna's, of an office at `server_url` that need not exist.
fn enrol(device: &Device, server_url: &str) {
    let root = SigningKey::from_bytes(&[5; 32]);
    let request = device.engine.enrol_request("AAAA-BBBB", "a phone").unwrap();
    let enrol: Enrol = wire::unpack(&request.body).unwrap();
    let (id, person) = (DeviceId::from_bytes([4; 16]), PersonId::from_bytes([1; 16]));
    let certificate = Certificate::issue(&root, "acme", id, person, enrol.public_key, 7);
    let root = PublicKey(root.verifying_key().to_bytes());
    let answer = EnrolAnswer { certificate, root, person_name: "Anna".into(), epoch: 3, office_key: None };
    let response = Response { status: 200, headers: Vec::new(), body: wire::pack(&answer) };
    device.engine.enrol_answer(server_url, &response).unwrap();
}

/// An order made on site: something to write on.
fn order(device: &Device) -> Uuid {
    let customer = KnownOrNew::NewCustomer {
        customer: NewCustomer { name: "采石场".into(), phone: None, street: None, postcode: None, city: None },
    };
    let order = NewOrder { customer, problem: "hose burst".into(), site: None, asset: None, priority: None };
    device.open_order(order).unwrap().order
}

/// An office that takes connections and never says a word.
struct Silent {
    listener: TcpListener,
}

impl Silent {
    fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").unwrap() }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection, once a request has begun to arrive.
    fn request(&self) -> TcpStream {
        let (mut stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 1);
        stream
    }
}

/// Reads to the end: the other side has closed, and so sends nothing more.
fn is_closed(mut stream: TcpStream) -> bool {
    stream.read_to_end(&mut Vec::new()).is_ok()
}

#[test]
fn a_panic_inside_is_a_typed_error_and_the_device_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    let is_panic = |error| matches!(error, FieldsyncError::Defect { code, .. } if code == "panic");

    assert!(is_panic(device.call::<()>(|_| panic!("planted")).unwrap_err()));
    assert!(is_panic(wait(device.runtime.run::<()>(async { panic!("planted") })).unwrap_err()));

    assert_eq!(device.status().unwrap().pending, 0);
}

#[test]
fn a_device_that_was_shut_down_says_so_and_forgets_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    enrol(&device, "http://127.0.0.1:9");
    let order = order(&device);
    device.shutdown().unwrap();
    device.shutdown().unwrap();

    let is_reopen = |error| matches!(error, FieldsyncError::Reopen { code, .. } if code == "closed");
    assert!(is_reopen(device.status().unwrap_err()));
    assert!(is_reopen(device.job(order).unwrap_err()));
    assert!(is_reopen(device.add_note(order, "late".into()).unwrap_err()));
    assert!(is_reopen(wait(device.sync(None, None)).unwrap_err()));

    assert_eq!(open(&dir).job(order).unwrap().problem, "hose burst");
}

#[test]
fn cancelling_stops_the_request_under_way_and_sends_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (device, office) = (open(&dir), Silent::new());
    enrol(&device, &office.url());
    order(&device);
    let cancel = CancelHandle::new();
    let syncing = thread::spawn({
        let (device, cancel) = (Arc::clone(&device), Arc::clone(&cancel));
        move || wait(device.sync(Some(cancel), None))
    });
    let request = office.request();

    let began = Instant::now();
    cancel.cancel().unwrap();
    let receipt = syncing.join().unwrap().unwrap();

    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    assert_eq!(receipt.ended, Ended::Cancelled);
    assert!(receipt.still_here > 0, "what is here stays here");
    assert!(is_closed(request));
    office.listener.set_nonblocking(true).unwrap();
    assert!(office.listener.accept().is_err(), "nothing follows");
    assert!(cancel.is_cancelled().unwrap());
    let enrolled = wait(device.enrol(office.url(), "AAAA-BBBB".into(), "phone".into(), Some(cancel)));
    assert!(matches!(enrolled, Err(FieldsyncError::Cancelled { .. })), "{enrolled:?}");
    assert!(office.listener.accept().is_err(), "a used handle stops the next call before it begins");
}

#[test]
fn dropping_the_future_or_shutting_down_stops_the_request_under_way() {
    for shuts_down in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (device, office) = (open(&dir), Silent::new());
        enrol(&device, &office.url());
        let mut sync = Box::pin(device.sync(None, None));
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        assert!(sync.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let request = office.request();

        if shuts_down {
            device.shutdown().unwrap();
            assert!(matches!(wait(sync), Err(FieldsyncError::Reopen { .. })));
        } else {
            drop(sync);
        }

        assert!(is_closed(request));
    }
}

/// Counts calls, then misbehaves as it was told.
struct Rude {
    calls: AtomicUsize,
    told: Mutex<mpsc::Sender<()>>,
    panics: bool,
}

impl ChangeObserver for Rude {
    fn changed(&self, _: Vec<Uuid>) -> Result<(), CallbackError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.told.lock().unwrap().send(()).unwrap();
        if self.panics {
            panic!("the app's own defect");
        }
        Err(CallbackError::Failed { reason: "the app's own trouble".into() })
    }
}

impl SyncObserver for Rude {
    fn progress(&self, _: SyncProgress) -> Result<(), CallbackError> {
        panic!("the app's own defect");
    }
}

#[test]
fn callbacks_that_fail_or_panic_stay_subscribed_and_harm_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    enrol(&device, "http://127.0.0.1:9");
    let order = order(&device);
    for panics in [false, true] {
        let (told, calls) = mpsc::channel();
        let rude = Arc::new(Rude { calls: AtomicUsize::new(0), told: Mutex::new(told), panics });
        let place = device.watch(vec![order], Arc::clone(&rude) as Arc<dyn ChangeObserver>).unwrap();

        for _ in 0..3 {
            device.add_note(order, "again".into()).unwrap();
            calls.recv_timeout(LONG).unwrap();
        }

        assert_eq!(rude.calls.load(Ordering::SeqCst), 3);
        place.end().unwrap();
        place.end().unwrap();
    }
}

/// Threads of this process.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

struct Counting(Arc<AtomicUsize>);

impl ChangeObserver for Counting {
    fn changed(&self, _: Vec<Uuid>) -> Result<(), CallbackError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn two_hundred_observers_from_several_threads_are_all_told_and_all_freed() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    enrol(&device, "http://127.0.0.1:9");
    let order = order(&device);
    let calls = Arc::new(AtomicUsize::new(0));
    let before = threads();

    let subscribe = || {
        let (device, calls) = (Arc::clone(&device), Arc::clone(&calls));
        thread::spawn(move || {
            let one = |_| device.watch(vec![order], Arc::new(Counting(Arc::clone(&calls)))).unwrap();
            (0..25).map(one).collect::<Vec<_>>()
        })
    };
    let joined: Vec<_> = (0..8).map(|_| subscribe()).collect::<Vec<_>>().into_iter().collect();
    let places: Vec<_> = joined.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    device.add_note(order, "one change".into()).unwrap();
    let (told, last) = mpsc::channel();
    let rude = Arc::new(Rude { calls: AtomicUsize::new(0), told: Mutex::new(told), panics: false });
    let _last = device.watch(Vec::new(), Arc::clone(&rude) as Arc<dyn ChangeObserver>).unwrap();
    let until = Instant::now() + LONG;
    while calls.load(Ordering::SeqCst) < 200 && Instant::now() < until {
        device.add_note(order, "another".into()).unwrap();
        last.recv_timeout(LONG).unwrap();
    }

    assert!(calls.load(Ordering::SeqCst) >= 200);
    if cfg!(target_os = "linux") {
        // Other tests open devices of their own meanwhile; a thread for each observer would be two hundred.
        assert!(threads() < before + 100, "{before} threads became {}", threads());
    }
    drop(places);
    assert_eq!(Arc::strong_count(&calls), 1, "every observer was freed");
}

#[test]
fn a_freed_device_frees_its_observers() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    let calls = Arc::new(AtomicUsize::new(0));
    let place = device.watch(Vec::new(), Arc::new(Counting(Arc::clone(&calls)))).unwrap();

    drop(device);

    assert_eq!(Arc::strong_count(&calls), 1);
    place.end().unwrap();
    open(&dir).status().unwrap();
}

#[test]
fn a_paused_device_takes_no_calls_and_goes_on_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    enrol(&device, "http://127.0.0.1:9");
    let order = order(&device);

    device.pause().unwrap();
    let paused = device.job(order).unwrap_err();
    assert!(matches!(paused, FieldsyncError::Reopen { code, .. } if code == "paused"));
    device.resume().unwrap();

    assert_eq!(device.job(order).unwrap().problem, "hose burst");
}

#[test]
fn a_profile_that_holds_work_is_removed_by_its_very_numbers_alone() {
    let dir = tempfile::tempdir().unwrap();
    let profiles = Profiles::open(dir.path().to_string_lossy().into_owned()).unwrap();
    let anna = profiles.add("Anna 安娜".into()).unwrap();
    profiles.add("Bert".into()).unwrap();
    let device = Device::open(options(anna.dir), None, None).unwrap();
    enrol(&device, "http://127.0.0.1:9");
    let order = order(&device);
    device.add_photo(order, "image/jpeg".into(), b"a photo".into(), None, None).unwrap();
    let code = |result: Result<(), FieldsyncError>| match result {
        Err(FieldsyncError::NotNow { code, .. } | FieldsyncError::TryLater { code, .. }) => code,
        other => format!("{other:?}"),
    };

    assert_eq!(code(profiles.remove(anna.id.clone(), None)), "in_use");
    drop(device);
    assert_eq!(code(profiles.remove(anna.id.clone(), None)), "still_holds");
    let held = profiles.list().unwrap().into_iter().find(|profile| profile.id == anna.id).unwrap().unsent.unwrap();
    assert_eq!(held.photos, 1);
    profiles.remove(anna.id, Some(held)).unwrap();

    let left = profiles.list().unwrap();
    assert_eq!(left.iter().map(|profile| profile.label.as_str()).collect::<Vec<_>>(), ["Bert"]);
}

#[test]
fn diagnostics_tell_how_the_store_stands_and_nothing_that_was_entered() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    enrol(&device, "http://127.0.0.1:9");
    order(&device);

    let diagnostics = wait(device.diagnostics()).unwrap();

    assert!(diagnostics.is_whole);
    assert!(diagnostics.oldest_pending_ms.is_some());
    for text in [&diagnostics.text, &diagnostics.json] {
        assert!(text.contains("pending"), "{text}");
        assert!(!text.contains("hose burst") && !text.contains("采石场") && !text.contains("Anna"), "{text}");
    }
}

/// An anchor the app keeps; it may refuse to be read.
#[derive(Default)]
struct Keychain {
    value: Mutex<Option<Vec<u8>>>,
    is_locked: std::sync::atomic::AtomicBool,
}

impl AnchorStore for Keychain {
    fn load(&self) -> Result<Option<Vec<u8>>, CallbackError> {
        if self.is_locked.load(Ordering::SeqCst) {
            return Err(CallbackError::Failed { reason: "not unlocked yet".into() });
        }
        Ok(self.value.lock().unwrap().clone())
    }

    fn save(&self, value: Vec<u8>) -> Result<(), CallbackError> {
        *self.value.lock().unwrap() = Some(value);
        Ok(())
    }
}

#[test]
fn the_apps_anchor_is_kept_and_one_that_cannot_be_read_keeps_the_device_shut() {
    let dir = tempfile::tempdir().unwrap();
    let open = |keychain: &Arc<Keychain>| {
        let dir = dir.path().to_string_lossy().into_owned();
        Device::open(options(dir), Some(Arc::clone(keychain) as Arc<dyn AnchorStore>), None)
    };
    let keychain = Arc::new(Keychain::default());
    drop(open(&keychain).unwrap());
    assert!(keychain.value.lock().unwrap().is_some());

    keychain.is_locked.store(true, Ordering::SeqCst);
    let locked = open(&keychain).err();
    assert!(matches!(locked, Some(FieldsyncError::TryLater { ref code, .. }) if code == "anchor"), "{locked:?}");
    keychain.is_locked.store(false, Ordering::SeqCst);
    open(&keychain).unwrap();
}

#[test]
fn a_bundle_is_made_only_where_the_offices_key_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    enrol(&device, "http://127.0.0.1:9");
    order(&device);
    let file = dir.path().join("work.bundle");

    let made = wait(device.export_bundle(file.to_string_lossy().into_owned()));
    assert!(matches!(made, Err(FieldsyncError::NotNow { ref code, .. }) if code == "no_office_key"), "{made:?}");
    assert!(!file.exists());
    assert!(device.bundles().unwrap().is_empty());
    let gone = device.discard_bundle("no bundle".into());
    assert!(matches!(gone, Err(FieldsyncError::NotNow { ref code, .. }) if code == "not_found"), "{gone:?}");
}

/// A key store that answers as it was told.
struct Keys(Result<Vec<u8>, KeyStoreError>);

impl KeyStore for Keys {
    fn key(&self) -> Result<Vec<u8>, KeyStoreError> {
        self.0.clone()
    }

    fn erase(&self) -> Result<(), KeyStoreError> {
        Ok(())
    }
}

#[test]
fn a_key_is_used_or_refused_and_never_ignored() {
    let open = |key: Result<Vec<u8>, KeyStoreError>| {
        let dir = tempfile::tempdir().unwrap();
        let options = options(dir.path().to_string_lossy().into_owned());
        match Device::open(options, None, Some(Arc::new(Keys(key)))) {
            Ok(_) => "open".to_owned(),
            Err(FieldsyncError::NotNow { code, .. } | FieldsyncError::TryLater { code, .. }) => code,
            Err(other) => format!("{other:?}"),
        }
    };

    let sound = if cfg!(feature = "encryption") { "open" } else { "cannot_encrypt" };
    assert_eq!(open(Ok(vec![7; 32])), sound);
    if cfg!(feature = "encryption") {
        assert_eq!(open(Ok(vec![7; 5])), "key_unavailable");
        let locked = KeyStoreError::Unavailable { reason: "not unlocked yet".into() };
        assert_eq!(open(Err(locked)), "key_unavailable");
    }
}

#[test]
fn what_an_app_hands_back_wrongly_is_an_entry_to_fix() {
    let dir = tempfile::tempdir().unwrap();
    let device = open(&dir);
    enrol(&device, "http://127.0.0.1:9");
    let order = order(&device);
    let code = |result: Result<Uuid, FieldsyncError>| match result {
        Err(FieldsyncError::FixEntry { code, .. }) => code,
        other => format!("{other:?}"),
    };
    let entry = |seen: &str, cause: &str, outcome| ReportEntry {
        fault_location: None,
        cause: Some(cause.into()),
        attribution: None,
        method: None,
        program_change: None,
        parameters: None,
        hazards: None,
        outcome,
        outcome_text: None,
        seen: (!seen.is_empty()).then(|| seen.into()),
    };

    assert_eq!(code(device.write_report(order, entry("not a token", "x", None))), "bad_token");
    assert_eq!(code(device.write_report(order, entry("", &"x".repeat(9_000), None))), "too_long");
    assert_eq!(code(device.write_report(order, entry("", "x", Some(Outcome::Other)))), "unknown_word");
    assert_eq!(code(device.add_note(order, String::new())), "missing_field");
    assert!(device.job(order).unwrap().reports.is_empty(), "nothing of it was stored");
    let keep = device.resolve_keep(order, "problem".into(), "no key".into(), None);
    assert!(matches!(keep, Err(FieldsyncError::FixEntry { code, .. }) if code == "bad_token"));
    device.write_report(order, entry("", "油缸 🔧", None)).unwrap();
    let seen = device.job(order).unwrap().reports[0].seen.clone();
    device.write_report(order, entry(&seen, "", None)).unwrap();
    assert_eq!(device.job(order).unwrap().reports[0].cause, None, "an empty text clears");
}

#[test]
fn a_receipt_says_that_the_device_started_over_and_what_nobody_answered() {
    let entry = fieldsync::sync::Undecided {
        record: fieldsync::RecordId(Uuid::from_bytes([7; 16])),
        kind: "note".into(),
        group: "content".into(),
    };
    let receipt = fieldsync::Receipt { started_over: true, undecided: vec![entry], ..Default::default() };

    let receipt = SyncReceipt::from(receipt);

    let undecided = Undecided { record: Uuid::from_bytes([7; 16]), kind: "note".into(), group: "content".into() };
    assert_eq!((receipt.started_over, receipt.undecided), (true, vec![undecided]));
    assert!(receipt.text.contains("started over") && receipt.text.contains("undecided"), "{}", receipt.text);
}

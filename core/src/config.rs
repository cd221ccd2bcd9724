//! What an app decides when it opens its device.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use fieldsync_protocol::limits::PUSH_RECORDS_MAX;

use crate::anchor::Anchor;
use crate::clock::{Clock, SystemClock};
use crate::entropy::{Entropy, SystemEntropy};
use crate::files::Medium;
use crate::key::KeyProvider;

/// The quota of photos and files unless told otherwise: some three hundred photos.
pub const BLOB_QUOTA: u64 = 1 << 30;

/// Records that one transaction of a sync changes unless told otherwise: a few milliseconds' work on a phone.
pub const STEP_RECORDS: usize = 32;

/// How a device is opened. Everything but the folder has a default that is right on a phone.
#[derive(Clone)]
pub struct Config {
    /// The folder that belongs to this device alone; made when it is not there.
    pub dir: PathBuf,
    /// What the folder lies on.
    pub medium: Medium,
    /// Bytes that the content of photos and files may take. Beyond it, what is stored at the office and was not used for
    /// longest is let go, and fetched again when it is asked for. What is not yet at the office always stays, also
    /// beyond the quota: entering work never fails for it.
    pub blob_quota: u64,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Gives random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Where this store's anchor is kept, outside every backup, so that a copy is noticed as it is opened. Without one, a
    /// copy is noticed by the office alone, at its next push.
    pub anchor: Option<Arc<dyn Anchor>>,
    /// Gives the key under which the store is encrypted; `None` for a store in plain text. See [`crate::key`].
    pub key: Option<Arc<dyn KeyProvider>>,
    /// Certificates, DER, that the office's TLS certificate must lead to. When empty, the platform's; on Android, whose
    /// own are out of reach from here, the public ones that browsers trust, built in. There an office under a company's
    /// own authority needs that authority's certificate here.
    pub roots: Vec<Vec<u8>>,
    /// Whether plain `http://` is allowed beyond loopback. For a closed network that somebody else encrypts.
    pub allow_insecure: bool,
    /// Whether a new store may be begun although a damaged one was set aside here. The app sets it after a person was
    /// told; until then opening keeps failing, so that an empty store never passes for a sound one.
    pub start_over: bool,
    /// Records that one exchange carries to the office at most. Smaller is slower and changes nothing else: a simulation
    /// makes rare cuts frequent with it.
    pub push_records: usize,
    /// Records that one transaction of a sync changes at most. Smaller is slower and lets who enters something wait less;
    /// it changes nothing else.
    pub step_records: usize,
    /// Where network work runs; a runtime of the engine's own when `None`.
    pub runtime: Option<tokio::runtime::Handle>,
}

impl Config {
    /// The defaults, in this folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            medium: Medium::default(),
            blob_quota: BLOB_QUOTA,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            anchor: None,
            key: None,
            roots: Vec::new(),
            allow_insecure: false,
            start_over: false,
            push_records: PUSH_RECORDS_MAX,
            step_records: STEP_RECORDS,
            runtime: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("dir", &self.dir)
            .field("allow_insecure", &self.allow_insecure)
            .finish_non_exhaustive()
    }
}

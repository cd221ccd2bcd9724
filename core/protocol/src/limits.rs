//! Limits on everything a peer may send. Each is a number with its reason; both ends use the same ones.

/// Deepest nesting of a [`crate::Value`]: parameters and strokes need four, hostile input wants thousands.
pub const VALUE_DEPTH_MAX: usize = 16;
/// Largest content of one group, bytes: a signed document with 200 lines and a signature of 20,000 points fit.
pub const GROUP_BYTES_MAX: usize = 262_144;
/// Most siblings of one group that a *page* splits around; more are kept (nothing is lost) and flagged to people.
pub const SIBLINGS_WARN: usize = 16;
/// Longest name of a kind, group or field, bytes.
pub const NAME_BYTES_MAX: usize = 64;
/// Largest decompressed body of an exchange in either direction, bytes: one page, bounded memory on a phone.
pub const BODY_BYTES_MAX: usize = 4_194_304;
/// Largest compressed body of an exchange, bytes.
pub const WIRE_BYTES_MAX: usize = 1_048_576;
/// Decompressed bytes a compressed byte may stand for: our own messages stay below 40, a bomb is above 1,000.
pub const INFLATE_RATIO_MAX: usize = 200;
/// Content a device puts into one push and a server into one page, bytes. A single larger record travels alone.
pub const PAGE_BYTES: usize = 262_144;
/// Records a server puts into one page.
pub const PAGE_RECORDS_MAX: usize = 500;
/// Records a device may push in one exchange.
pub const PUSH_RECORDS_MAX: usize = 500;
/// Edits a device may push for one record in one exchange.
pub const PUSH_EDITS_MAX: usize = 64;
/// Push ids a device names since the last acknowledged one. Past this it waits with new pushes until one is answered.
pub const PUSH_IDS_MAX: usize = 4_096;
/// Records a device may offer back in one exchange.
pub const OFFERS_MAX: usize = 200;
/// Ranges a device may ask about in one exchange: what the office says of them stays far below a page.
pub const RANGES_MAX: usize = 16;
/// Parts into which the office divides a range.
pub const RANGE_PARTS: usize = 16;
/// Records of a range that are told one by one instead.
pub const RANGE_CHECKS_MAX: usize = 16;
/// Highest counter a dot may carry: far above a life's work, far below an overflow.
pub const COUNTER_MAX: u64 = 1 << 48;
/// Entries of one version vector a peer may send.
pub const VERSION_ENTRIES_MAX: usize = 4_096;
/// One chunk of a blob, bytes: what a phone sends in the seconds an operating system leaves it.
pub const CHUNK_BYTES: usize = 262_144;
/// Largest blob, bytes: a photo or a scanned form.
pub const BLOB_BYTES_MAX: u64 = 33_554_432;
/// Largest carried bundle, bytes: what a memory stick copies and a phone sends without anybody losing patience.
pub const BUNDLE_BYTES_MAX: u64 = 134_217_728;
/// Edits and records in one carried bundle, bytes; photos take what is left. A year's pending work stays below it.
pub const BUNDLE_RECORD_BYTES_MAX: usize = 33_554_432;
/// Largest part of a carried bundle, bytes: a page's worth, so that either end holds no more than that at once.
pub const BUNDLE_PART_BYTES_MAX: usize = 4_194_304;
/// Photos and files in one carried bundle.
pub const BUNDLE_BLOBS_MAX: usize = 4_096;
/// Most points in the strokes of one signature.
pub const STROKE_POINTS_MAX: usize = 20_000;
/// Days after which a device that was not heard of starts over: it hands over what only it has and walks its scope anew.
/// A season and the leave after it are shorter; what a device knew a year ago is cheaper to fetch than to bring forward.
pub const OFFLINE_HORIZON_DAYS: i64 = 400;
/// Highest minutes an enrolment code lives.
pub const ENROL_CODE_MINUTES: i64 = 10;

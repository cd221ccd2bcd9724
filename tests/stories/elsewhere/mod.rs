//! What failed elsewhere, in public: each reported failure of another engine as a story in which ours must not fail.
//!
//! The source stands at each story. Some are told by other tests of this project, where the parts they need are at hand:
//!
//! - *a checksum mismatch answered with a full download, for ever* (powersync-js #954): `repair`
//! - *a refused change is never sent again after the permission was granted* (a Sync Gateway forum thread): `refused`
//! - *a decompressor without a limit* (Automerge): `fieldsync_protocol::wire`, `a_message_survives_packing_and_a_bomb_…`,
//!   and [`hostile`] for the whole way

mod deleting;
mod hostile;
mod identity;
mod reach;
mod storage;
mod wire;

//! Office users and their sessions.

use fieldsync_protocol::rights::Role;
use fieldsync_protocol::{Hash, PersonId};

use super::StoreError;

/// An office user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: PersonId,
    /// What they log in with.
    pub login: String,
    /// Their name.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Argon2id hash of their password.
    pub password: String,
    /// Whether they may log in.
    pub active: bool,
}

/// Office users and their sessions. In a [`super::Store::read`] the writing verbs fail.
pub trait Users {
    /// One user.
    fn user(&mut self, id: PersonId) -> Result<Option<User>, StoreError>;
    /// The user with this login.
    fn user_by_login(&mut self, login: &str) -> Result<Option<User>, StoreError>;
    /// All users.
    fn users(&mut self) -> Result<Vec<User>, StoreError>;
    /// Stores a user.
    fn put_user(&mut self, user: &User) -> Result<(), StoreError>;
    /// Starts a session.
    fn put_session(&mut self, hash: &Hash, user: PersonId, now_ms: i64) -> Result<(), StoreError>;
    /// Whose session it is, when it was started and last seen.
    fn session(&mut self, hash: &Hash) -> Result<Option<(PersonId, i64, i64)>, StoreError>;
    /// Notes that a session was used.
    fn see_session(&mut self, hash: &Hash, now_ms: i64) -> Result<(), StoreError>;
    /// Ends a session.
    fn end_session(&mut self, hash: &Hash) -> Result<(), StoreError>;
}

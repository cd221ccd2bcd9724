//! Technicians and office users.

use fieldsync_protocol::rights::{Actor, Role};
use fieldsync_protocol::{PersonId, RecordId, fields};

use crate::office::{Office, SYSTEM};
use crate::store::{StoreError, User};
use crate::sync::edit::{Draft, EditError, commit};

/// The office itself as an actor, for commands run on the server by its operator.
pub const OPERATOR: Actor = Actor { person: SYSTEM, role: Role::Dispatcher };

/// Why a user could not be added.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// The login is taken.
    #[error("add the user: the login is taken")]
    LoginTaken,
    /// The password could not be hashed.
    #[error("hash the password")]
    Password,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Adds a technician; their record is at once in every device's catalogue of the team.
///
/// # Errors
/// [`EditError`] when a name is too long or the store fails.
pub fn add_technician(office: &Office, name: &str, phone: &str, skills: &str) -> Result<RecordId, EditError> {
    let id = office.new_id();
    let groups = vec![
        ("profile", fields! { "name" => name, "phone" => phone, "skills" => skills }),
        ("standing", fields! { "active" => true }),
    ];
    commit(office, &OPERATOR, vec![Draft { kind: "technician", id, groups, context: None }])?;
    Ok(id)
}

/// Adds an office user with an already hashed password.
///
/// # Errors
/// [`PeopleError::LoginTaken`] when somebody has the login.
pub fn add_user(
    office: &Office,
    login: &str,
    name: &str,
    role: Role,
    password_hash: String,
) -> Result<PersonId, PeopleError> {
    let id = PersonId(office.new_id().0);
    let user = User { id, login: login.to_owned(), name: name.to_owned(), role, password: password_hash, active: true };
    office.write(move |txn| match txn.user_by_login(&user.login)? {
        Some(_) => Err(PeopleError::LoginTaken),
        None => Ok(txn.put_user(&user)?),
    })?;
    Ok(id)
}

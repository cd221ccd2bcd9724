//! Office users and sessions in SQLite.

use fieldsync_protocol::rights::Role;
use fieldsync_protocol::{Hash, PersonId};
use rusqlite::{OptionalExtension, Row};

use super::{SqliteTxn, column};
use crate::store::{StoreError, User, Users};

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    let role: String = row.get(3)?;
    Ok(User {
        id: column!(row, 0, PersonId),
        login: row.get(1)?,
        name: row.get(2)?,
        role: Role::from_name(&role).ok_or(rusqlite::Error::InvalidQuery)?,
        password: row.get(4)?,
        active: row.get(5)?,
    })
}

impl Users for SqliteTxn<'_> {
    fn user(&mut self, id: PersonId) -> Result<Option<User>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select id, login, name, role, password, active from user where tenant = ?1 and id = ?2")?;
        Ok(statement.query_row((self.tenant.0, id.as_bytes()), user).optional()?)
    }

    fn user_by_login(&mut self, login: &str) -> Result<Option<User>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select id, login, name, role, password, active from user where tenant = ?1 and login = ?2",
        )?;
        Ok(statement.query_row((self.tenant.0, login), user).optional()?)
    }

    fn users(&mut self) -> Result<Vec<User>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "select id, login, name, role, password, active from user where tenant = ?1 order by login",
        )?;
        let rows = statement.query_map([self.tenant.0], user)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn put_user(&mut self, user: &User) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert or replace into user (tenant, id, login, name, role, password, active)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((
                self.tenant.0,
                user.id.as_bytes(),
                &user.login,
                &user.name,
                user.role.name(),
                &user.password,
                user.active,
            ))?;
        Ok(())
    }

    fn put_session(&mut self, hash: &Hash, user: PersonId, now_ms: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "insert into session (tenant, id_hash, user, created_ms, seen_ms) values (?1, ?2, ?3, ?4, ?4)",
            )?
            .execute((self.tenant.0, hash.as_bytes(), user.as_bytes(), now_ms))?;
        Ok(())
    }

    fn session(&mut self, hash: &Hash) -> Result<Option<(PersonId, i64, i64)>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select user, created_ms, seen_ms from session where tenant = ?1 and id_hash = ?2")?;
        let row = statement
            .query_row((self.tenant.0, hash.as_bytes()), |row| {
                Ok((column!(row, 0, PersonId), row.get(1)?, row.get(2)?))
            })
            .optional()?;
        Ok(row)
    }

    fn see_session(&mut self, hash: &Hash, now_ms: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("update session set seen_ms = ?3 where tenant = ?1 and id_hash = ?2")?
            .execute((self.tenant.0, hash.as_bytes(), now_ms))?;
        Ok(())
    }

    fn end_session(&mut self, hash: &Hash) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("delete from session where tenant = ?1 and id_hash = ?2")?
            .execute((self.tenant.0, hash.as_bytes()))?;
        Ok(())
    }
}

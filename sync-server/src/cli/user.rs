//! `user add` and `user list`: who may sign in to the console. There is no default login.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use fieldsync_protocol::rights::Role;

use super::table::table;
use super::{enter, found};
use crate::config::Place;
use crate::{password, people};

/// What to do about office users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add an office user. A password is made and printed once.
    Add(AddArgs),
    /// List the office users.
    List(Place),
}

/// A new office user.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// What they sign in with.
    pub login: String,
    /// Their name, as everybody sees it. The login when it is left out.
    #[arg(long)]
    pub name: Option<String>,
    /// What they may do.
    #[arg(long, default_value = "dispatcher", value_parser = ["dispatcher", "supervisor", "stock_clerk", "accountant"])]
    pub role: String,
    /// Read the password from standard input instead of making one: at least ten characters.
    #[arg(long)]
    pub password_stdin: bool,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
}

/// Runs the command.
///
/// # Errors
/// When the login is taken, the password is too short, or the folder cannot be opened.
pub fn run(command: UserCommand) -> anyhow::Result<ExitCode> {
    match command {
        UserCommand::Add(args) => add(&args)?,
        UserCommand::List(place) => {
            let opened = enter(&place)?;
            let users = opened.office.read(|txn| txn.users())?;
            let rows: Vec<_> = users
                .into_iter()
                .map(|user| {
                    let standing = if user.active { "active" } else { "locked" };
                    [user.login, user.role.name().to_owned(), standing.to_owned(), user.name]
                })
                .collect();
            say_text!("{}", table(["LOGIN", "ROLE", "STANDING", "NAME"], &rows));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn add(args: &AddArgs) -> anyhow::Result<()> {
    let login = args.login.trim();
    if login.is_empty() || login.chars().any(char::is_whitespace) || login.chars().count() > 64 {
        bail!("add the user: a login has 1 to 64 characters and no spaces");
    }
    let role = Role::from_name(&args.role).context("find the role")?;
    let opened = found(&args.place)?;
    let secret = if args.password_stdin { read_password()? } else { password::readable(&opened.office.random()) };
    let hash = password::hash(&secret, &opened.office.random())?;
    let name = args.name.as_deref().unwrap_or(login);
    people::add_user(&opened.office, login, name, role, hash)?;
    if args.password_stdin {
        eprintln!("Added {login}.");
    } else {
        say!("{secret}");
        eprintln!("Added {login}. The password above is shown this once; only its hash is stored.");
    }
    Ok(())
}

fn read_password() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(4_096).read_to_string(&mut text).context("read the password from standard input")?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

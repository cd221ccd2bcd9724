//! What the program is told: flags, environment and help are one set of structs.
//!
//! Every flag can be given as an environment variable; a flag wins. There is no configuration file.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli;
use crate::folder::Folder;

/// The office of fieldsync: takes in what technicians' devices send, merges it, hands out what they may see, and shows
/// it to dispatchers.
#[derive(Debug, Parser)]
#[command(name = "fieldsync-server", version, arg_required_else_help = true)]
#[command(after_help = "First steps:
  fieldsync-server user add ines --name 'Ines Duarte' --role dispatcher
  fieldsync-server technician add 'Anna Berg'
  fieldsync-server import orders.csv
  fieldsync-server serve
  fieldsync-server enrol 'Anna Berg'     (while it runs: prints the code for her phone)

See it all at once: fieldsync-server demo")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What to log.
    #[command(flatten)]
    pub logging: Logging,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Plays a technician's day end to end and leaves the console open: the quickest way to see everything.
    Demo(crate::demo::DemoArgs),
    /// Serve devices and the console.
    Serve(cli::serve::ServeArgs),
    /// Import work orders from a CSV file.
    Import(cli::import::ImportArgs),
    /// Technicians.
    #[command(subcommand)]
    Technician(cli::technician::TechnicianCommand),
    /// Office users, who sign in to the console.
    #[command(subcommand)]
    User(cli::user::UserCommand),
    /// Make a one-time code for a technician's next device.
    Enrol(cli::enrol::EnrolArgs),
    /// Enrolled devices.
    #[command(subcommand)]
    Device(cli::device::DeviceCommand),
    /// Take away for ever what was stored about a customer, or one record: privacy erasure.
    Erase(cli::erase::EraseArgs),
    /// Forget deleted records of which every device is proven to know; without --yes, say what blocks.
    Collect(cli::collect::CollectArgs),
    /// Say why technicians' devices have a record, or do not.
    Explain(cli::explain::ExplainArgs),
    /// Work that was carried here as a file: look at it, import it.
    #[command(subcommand)]
    Bundle(cli::bundle::BundleCommand),
    /// Write a consistent copy of the database to a file, while the server runs or not.
    Backup(cli::backup::BackupArgs),
    /// Put a backup in place of the database and open a new epoch.
    Restore(cli::restore::RestoreArgs),
    /// Tell what the last restore came to: who has returned, what came back, what nobody holds.
    Recovery(cli::recovery::RecoveryArgs),
    /// Check the database, the history's chain, every record, every sum, every signature and every blob.
    Verify(cli::verify::VerifyArgs),
}

/// Where the office lies.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The office's folder: database, keys, photos. It is made when it is not there.
    #[arg(long, value_name = "DIR", env = "FIELDSYNC_DATA", default_value = "./fieldsync-data")]
    pub data: PathBuf,
    /// The tenant's name, as it stands in certificates. Only a new office needs it, and only if it is not to be called
    /// `office`.
    #[arg(long, value_name = "NAME", env = "FIELDSYNC_TENANT", hide_short_help = true)]
    pub tenant: Option<String>,
}

impl Place {
    /// The tenant's name: the one given, otherwise that of the office which is there.
    pub fn tenant(&self) -> String {
        let known = || match &Folder::new(&self.data).tenants()[..] {
            [only] => only.clone(),
            _ => "office".to_owned(),
        };
        self.tenant.clone().unwrap_or_else(known)
    }
}

/// How devices reach the office.
#[derive(Debug, Clone, Args)]
pub struct Reach {
    /// The address at which devices reach the office, for example `https://office.example`. Shown with enrolment codes.
    #[arg(long, value_name = "URL", env = "FIELDSYNC_PUBLIC_URL")]
    pub public_url: Option<String>,
}

impl Reach {
    /// The address without a slash at its end; `otherwise` when none was given.
    pub fn or(&self, otherwise: SocketAddr) -> String {
        let url = self.public_url.clone().unwrap_or_else(|| format!("http://{otherwise}"));
        url.trim_end_matches('/').to_owned()
    }
}

/// What to log. Logs go to the standard error stream and hold nothing personal.
#[derive(Debug, Clone, Args)]
pub struct Logging {
    /// Which messages: error, warn, info, debug, or a filter such as info,fieldsync_server=debug. `serve` logs info
    /// unless told otherwise, other commands warnings.
    #[arg(long, value_name = "FILTER", env = "FIELDSYNC_LOG", global = true, hide_short_help = true)]
    pub log: Option<String>,
    /// In which form.
    #[arg(long, env = "FIELDSYNC_LOG_FORMAT", global = true, default_value = "text", hide_short_help = true)]
    pub log_format: LogFormat,
}

/// Forms of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// The address the server listens on unless told otherwise.
pub const LISTEN: &str = "127.0.0.1:8470";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_environment_and_help_fit_together() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
        assert!(LISTEN.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback()));
    }
}

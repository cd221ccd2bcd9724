//! `enrol`: a one-time code for a technician's next device, to type or to scan.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use fieldsync_protocol::limits::ENROL_CODE_MINUTES;

use super::enter;
use super::technician;
use crate::config::{LISTEN, Place, Reach};
use crate::enrol::new_code;
use crate::qr::Qr;

/// Make a one-time code for a technician's next device. The server must run for the device to use it.
#[derive(Debug, Clone, Args)]
pub struct EnrolArgs {
    /// The technician: name or id.
    pub technician: String,
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
    /// How devices reach the office.
    #[command(flatten)]
    pub reach: Reach,
    /// Print the code and nothing else, for scripts.
    #[arg(long)]
    pub code_only: bool,
}

/// Runs the command.
///
/// # Errors
/// When there is no such technician or the folder cannot be opened.
pub fn run(args: EnrolArgs) -> anyhow::Result<ExitCode> {
    let opened = enter(&args.place)?;
    let (id, name) = technician::find(&opened.office, &args.technician)?;
    let code = new_code(&opened.office, id)?;
    if args.code_only {
        say!("{code}");
        return Ok(ExitCode::SUCCESS);
    }
    let listen: SocketAddr = LISTEN.parse()?;
    let server = args.reach.or(listen);
    let link = link(&server, &code);
    say!("{}", Qr::of(&link)?.terminal());
    say!("Code     {code}");
    say!("Server   {server}");
    say!("Link     {link}");
    say!("For the next device of {name}, once, within {ENROL_CODE_MINUTES} minutes.");
    if args.reach.public_url.is_none() {
        eprintln!("A phone needs the address at which it reaches this office: give it with --public-url.");
    }
    Ok(ExitCode::SUCCESS)
}

/// What the QR code says: where and with which code to enrol.
pub fn link(server: &str, code: &str) -> String {
    format!("fieldsync://enrol?server={}&code={}", escaped(server), escaped(code))
}

/// Percent-encodes everything that is not plain in a query.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_carries_server_and_code_as_one_query() {
        assert_eq!(
            link("https://office.example:8470/a b", "ABCD-EFGH"),
            "fieldsync://enrol?server=https%3A%2F%2Foffice.example%3A8470%2Fa%20b&code=ABCD-EFGH"
        );
    }
}

//! `serve`: the office on a port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use tokio::net::TcpListener;

use crate::config::{LISTEN, Place, Reach};
use crate::server::{self, Options, Tls};
use crate::store::StoreError;

/// Threads for work that blocks: readers of the database, hashing, encoding. More only wait for the same disk.
const BLOCKING_THREADS_MAX: usize = 64;

/// Serve devices and the console on one port.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Where the office lies.
    #[command(flatten)]
    pub place: Place,
    /// The address and port to listen on. Beyond loopback this needs TLS, or the flag below that says you know better.
    #[arg(long, value_name = "ADDRESS:PORT", env = "FIELDSYNC_LISTEN", default_value = LISTEN)]
    pub listen: SocketAddr,
    /// Certificate for TLS, a PEM file with the whole chain.
    #[arg(long, value_name = "FILE", env = "FIELDSYNC_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, a PEM file.
    #[arg(long, value_name = "FILE", env = "FIELDSYNC_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Listen beyond loopback without TLS. Only behind something that adds it: passwords and work orders would cross the
    /// network in the clear.
    #[arg(long, env = "FIELDSYNC_INSECURE_LISTEN_WITHOUT_TLS")]
    pub insecure_listen_without_tls: bool,
    /// Serve counts and times at /metrics, to anybody who can reach the port. They hold nothing personal.
    #[arg(long, env = "FIELDSYNC_METRICS")]
    pub metrics: bool,
    /// The zone in which the console shows times, minutes east of UTC, for example 120.
    #[arg(
        long,
        value_name = "MINUTES",
        env = "FIELDSYNC_ZONE_MINUTES",
        default_value_t = 0,
        allow_hyphen_values = true
    )]
    #[arg(value_parser = clap::value_parser!(i32).range(-840..=840))]
    pub zone_minutes: i32,
    /// How devices reach the office.
    #[command(flatten)]
    pub reach: Reach,
}

impl ServeArgs {
    fn tls(&self) -> Option<Tls> {
        let (certificate, key) = (self.tls_cert.clone()?, self.tls_key.clone()?);
        Some(Tls { certificate, key })
    }

    /// Refuses what would put passwords on a network in the clear.
    ///
    /// # Errors
    /// When the address is beyond loopback, there is no certificate and nobody said that this is meant.
    pub fn check(&self) -> anyhow::Result<()> {
        if self.listen.ip().is_loopback() || self.tls().is_some() || self.insecure_listen_without_tls {
            return Ok(());
        }
        bail!(
            "listen on {}: that is beyond this machine, and without TLS everything would cross the network in the clear. \
             Give --tls-cert and --tls-key, or listen on {LISTEN}, or add --insecure-listen-without-tls when something in \
             front of the server adds TLS",
            self.listen
        );
    }
}

/// Serves until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the address, the certificate or the folder cannot be used.
pub fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    args.check()?;
    let tls = args.tls();
    if let Some(tls) = &tls {
        tls.load()?;
    }
    let opened = server::open(&args.place.data, &args.place.tenant())?;
    if opened.was_older {
        tracing::warn!(
            "the database is an older copy than the last one served from this folder: a new epoch has begun, and the \
             devices will bring back what they still hold"
        );
    }
    let (users, sequence) =
        opened.office.read(|txn| Ok::<_, StoreError>((txn.users()?.len(), txn.tenant()?.sequence)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .build()
        .context("start the runtime")?;
    runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await.with_context(|| {
            format!("listen on {}. Something else may be listening there: --listen names another port", args.listen)
        })?;
        let address = listener.local_addr()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        tracing::info!(%address, is_tls = tls.is_some(), history.entries = sequence, "serving");
        say!("The office listens on {scheme}://{address} (folder {})", args.place.data.display());
        if users == 0 {
            say!("Nobody can sign in yet: run `fieldsync-server user add LOGIN --name NAME --role dispatcher`.");
        }
        let address = args.reach.public_url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let options = Options { tls, metrics: args.metrics, address, zone_minutes: args.zone_minutes };
        server::run(listener, opened, options, stopped()).await?;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    })
}

/// Waits until the operator wants the server to stop.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Arguments, Command};
    use clap::Parser;

    fn serve(flags: &[&str]) -> ServeArgs {
        let Command::Serve(args) = Arguments::parse_from(["fieldsync-server", "serve"].iter().chain(flags)).command
        else {
            panic!("serve was asked for")
        };
        args
    }

    #[test]
    fn listening_beyond_loopback_needs_tls_or_a_word() {
        assert!(serve(&[]).check().is_ok());
        assert!(serve(&["--listen", "[::1]:0"]).check().is_ok());
        for everywhere in ["0.0.0.0:8470", "[::]:8470", "192.168.1.4:8470"] {
            let refused = serve(&["--listen", everywhere]).check().unwrap_err().to_string();
            assert!(refused.contains("--tls-cert"), "{refused}");
            assert!(serve(&["--listen", everywhere, "--insecure-listen-without-tls"]).check().is_ok());
            assert!(serve(&["--listen", everywhere, "--tls-cert", "a", "--tls-key", "b"]).check().is_ok());
        }
        assert!(Arguments::try_parse_from(["fieldsync-server", "serve", "--tls-cert", "a"]).is_err());
    }
}

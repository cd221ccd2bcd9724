//! Runs the office on a listener until it is told to stop: devices, console, health, on one port.
//!
//! Whoever calls owns the listener and the moment of stopping, so that tests need neither fixed ports nor signals.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::{api, blobs, console, metrics, parcels};

pub use crate::folder::{OpenError, Opened, open, open_on, open_with, visit};

/// How long requests may go on after the server was told to stop.
const GRACE: Duration = Duration::from_secs(10);
/// How long a connection may take to say what it wants.
const HEAD: Duration = Duration::from_secs(15);

/// How often measured times are summed up.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why the server ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The certificate or its key cannot be used.
    #[error("use {}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The listener failed.
    #[error("listen")]
    Listen(#[from] io::Error),
}

/// How the server presents itself.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Certificate and key; without them connections are not encrypted.
    pub tls: Option<Tls>,
    /// Whether `/metrics` is served.
    pub metrics: bool,
    /// The address at which devices reach the office, shown to people who enrol one.
    pub address: Option<String>,
    /// The office's zone, minutes east of UTC.
    pub zone_minutes: i32,
}

/// A certificate and its key, as PEM files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate, followed by those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Tls {
    /// Reads both files, so that mistakes are told before anything is opened.
    ///
    /// # Errors
    /// [`RunError::Tls`].
    pub fn load(&self) -> Result<Arc<rustls::ServerConfig>, RunError> {
        let fail = |path: &Path, reason: String| RunError::Tls { path: path.to_owned(), reason };
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| fail(&self.certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(fail(&self.certificate, "it holds no certificate in PEM form".to_owned()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => fail(&self.key, "it holds no private key in PEM form".to_owned()),
            error => fail(&self.key, error.to_string()),
        })?;
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| fail(&self.certificate, error.to_string()))?
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .map_err(|error| fail(&self.key, error.to_string()))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Serves `opened` on `listener` until `shutdown` is ready, then lets running requests finish for ten seconds.
///
/// # Errors
/// [`RunError`].
pub async fn run(
    listener: TcpListener,
    opened: Opened,
    options: Options,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), RunError> {
    let tls = options.tls.as_ref().map(Tls::load).transpose()?;
    let (stop, stopping) = watch::channel(false);
    let app = app(&opened, &options, stopping).into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    let stopper = tokio::spawn({
        let handle = handle.clone();
        async move {
            shutdown.await;
            // Event streams end first, otherwise they would use up the whole grace.
            let _ = stop.send(true);
            handle.graceful_shutdown(Some(GRACE));
        }
    });
    let sweeper = tokio::spawn({
        let blobs = opened.blobs.clone();
        async move {
            if let Err(error) = blobs.sweep(blobs::UPLOAD_KEPT).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "failed to sweep forgotten uploads");
            }
            if let Err(error) = parcels::sweep(&blobs, parcels::PARCEL_KEPT).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "failed to sweep forgotten parcels");
            }
        }
    });
    let keeper = tokio::spawn(keep_counts(options.metrics));
    let mut server = axum_server::Server::<SocketAddr>::from_listener(listener)
        .handle(handle)
        .first_request_timeout(HEAD)
        .acceptor(NoDelayAcceptor::new());
    server.http_builder().http1().header_read_timeout(HEAD);
    let outcome = match tls {
        Some(config) => {
            let config = RustlsConfig::from_config(config);
            server.map(|plain| RustlsAcceptor::new(config).acceptor(plain)).serve(app).await
        }
        None => server.serve(app).await,
    };
    stopper.abort();
    sweeper.abort();
    keeper.abort();
    Ok(outcome?)
}

/// Sums measured times up, so that they take no more memory when nobody asks for them.
async fn keep_counts(is_counting: bool) {
    if !is_counting {
        return;
    }
    let mut pause = tokio::time::interval(UPKEEP);
    loop {
        pause.tick().await;
        metrics::recorder().run_upkeep();
    }
}

/// Everything the server answers.
pub fn app(opened: &Opened, options: &Options, stopping: watch::Receiver<bool>) -> Router {
    let is_tls = options.tls.is_some();
    let console = console::router(console::State {
        office: opened.office.clone(),
        blobs: opened.blobs.clone(),
        is_tls,
        zone_minutes: options.zone_minutes,
        address: options.address.clone(),
        stopping: stopping.clone(),
    });
    let metrics = options.metrics.then(metrics::recorder);
    let state = api::State::new(opened.office.clone(), opened.blobs.clone(), metrics, stopping);
    api::router(state, console, is_tls)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::oneshot;

    use super::*;

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: office\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_server_answers_on_its_listener_until_it_is_told_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), "acme").unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let options = Options { metrics: true, ..Options::default() };
        let running = tokio::spawn(run(listener, opened, options, async move { drop(stopped.await) }));

        assert!(get(address, "/health").await.starts_with("HTTP/1.1 200 OK"));
        assert!(get(address, "/login").await.contains("content-security-policy"));
        let counts = get(address, "/metrics").await;
        assert!(
            counts.contains("fieldsync_requests_total{method=\"GET\",route=\"/health\",status=\"200\"} 1"),
            "{counts}"
        );
        stop.send(()).unwrap();
        running.await.unwrap().unwrap();

        assert!(TcpStream::connect(address).await.is_err());
        assert!(open(folder.path(), "acme").is_ok(), "the folder is free again");
    }

    #[tokio::test]
    async fn a_certificate_that_cannot_be_used_is_told_before_anything_listens() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificate, "no certificate").unwrap();
        std::fs::write(&key, "no key").unwrap();

        let refused = Tls { certificate: certificate.clone(), key }.load().unwrap_err();

        assert_eq!(refused.to_string(), format!("use {}: it holds no certificate in PEM form", certificate.display()));
        let lost = Tls { certificate: folder.path().join("lost"), key: certificate };
        assert!(lost.load().is_err());
    }
}

//! The network shell: a small driver around the sans-IO session, and HTTP as the default transport.
//!
//! Network work runs on the engine's own runtime, SQL on its blocking threads, never on the caller's. [`Cancel`] stops
//! the work, at once and safely: what was answered is kept. Dropping the future stops it as well, without a receipt.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fieldsync_protocol::RecordId;
use fieldsync_protocol::limits::{CHUNK_BYTES, WIRE_BYTES_MAX};
use tokio::sync::Notify;

use crate::blob::{Fetch, Fetched};
use crate::device::Device;
use crate::error::Error;
use crate::store::meta;
use crate::sync::message::{Request, Response};
use crate::sync::{Progress, Receipt, Session, Step};

/// Carries requests to the office. Injected, so that tests and the simulator can lose, repeat and cut what they like.
pub trait Transport: Send + Sync {
    /// Sends one request and waits for the answer. Whatever goes wrong is one error: the request may or may not have
    /// arrived.
    fn send(&self, request: Request) -> Sending<'_>;
}

/// A request under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send + 'a>>;

/// Why no answer came. Nothing in it names an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No connection, or it broke.
    #[error("keep a connection")]
    Broken,
    /// The other side was silent for too long.
    #[error("get an answer in time")]
    Timeout,
    /// The answer is larger than any honest one.
    #[error("take an answer this large")]
    TooLarge,
}

/// Stops a sync between messages, from any thread. Clones stop the same sync.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<Stop>);

#[derive(Debug, Default)]
struct Stop {
    is_cancelled: AtomicBool,
    woken: Notify,
}

impl Cancel {
    /// A handle that has not been used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops it.
    pub fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Release);
        self.0.woken.notify_waiters();
    }

    /// Whether it was stopped.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Waits until it is stopped; returns at once when it was.
    pub async fn cancelled(&self) {
        let woken = self.0.woken.notified();
        tokio::pin!(woken);
        // Registered before the flag is read, so a stop in between is not missed.
        woken.as_mut().enable();
        if !self.is_cancelled() {
            woken.await;
        }
    }
}

/// Longest wait for a connection: a phone that has one gets it in a second.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence while an answer comes in.
const SILENCE: Duration = Duration::from_secs(30);
/// Longest time for one request: the largest body over the slowest link worth using.
const WHOLE: Duration = Duration::from_secs(180);
/// Largest answer taken: a page, or a chunk of a blob, with room for headers of its own.
const ANSWER_BYTES_MAX: usize = if WIRE_BYTES_MAX > CHUNK_BYTES { WIRE_BYTES_MAX } else { CHUNK_BYTES };

/// HTTP to one office.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    base: String,
    client: reqwest::Client,
}

impl HttpTransport {
    /// A transport to the office at `server_url`, with the certificates and permissions of the device's configuration.
    ///
    /// # Errors
    /// [`Error::BadAddress`] for anything but `https://`, and `http://` on loopback or where the configuration allows
    /// it.
    pub fn new(server_url: &str, device: &Device) -> Result<Self, Error> {
        let config = &device.inner.config;
        let url = reqwest::Url::parse(server_url).map_err(|_| Error::BadAddress)?;
        let is_plain = match url.scheme() {
            "https" => false,
            "http" if config.allow_insecure || is_loopback(&url) => true,
            _ => return Err(Error::BadAddress),
        };
        // The first one to install a provider wins; a host app may have done so before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(WHOLE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("fieldsync/", env!("CARGO_PKG_VERSION")));
        let roots = config.roots.iter().map(|der| reqwest::Certificate::from_der(der));
        let roots = roots.collect::<Result<Vec<_>, _>>().map_err(|_| Error::BadAddress)?;
        // Android's own verifier is reached through Java and panics where no app handed it a context.
        #[cfg(target_os = "android")]
        let roots = if roots.is_empty() { built_in_roots() } else { roots };
        if is_plain || !roots.is_empty() {
            // Without TLS no certificate is needed, so a device without a store of them still starts.
            builder = builder.tls_certs_only(roots);
        }
        let client = builder.build().map_err(|_| Error::Defect("http_client"))?;
        Ok(Self { base: server_url.trim_end_matches('/').to_owned(), client })
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| TransportError::Broken)?;
        let mut builder = self.client.request(method, format!("{}{}", self.base, request.path));
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        let mut answer = builder.send().await.map_err(failure)?;
        let status = answer.status().as_u16();
        let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let headers = answer.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failure)? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(self.exchange(request))
    }
}

fn failure(error: reqwest::Error) -> TransportError {
    if error.is_timeout() { TransportError::Timeout } else { TransportError::Broken }
}

/// The public certificates that browsers trust, as they were when this was built.
#[cfg(any(target_os = "android", test))]
fn built_in_roots() -> Vec<reqwest::Certificate> {
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    roots.filter_map(|der| reqwest::Certificate::from_der(der).ok()).collect()
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The engine's own runtime. Dropping it never waits, so a device may be dropped anywhere.
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>);

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Work on the runtime that ends with whoever waits for it: a request nobody waits for is not sent.
struct Running<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends what failed. A pause in the middle of a step is no failure: what was achieved until then is told.
fn end<M: Machine>(mut machine: M, error: Error) -> Result<M::Output, Error> {
    if matches!(error, Error::Paused) {
        machine.cancel();
        if let Ok(Step::Done(output)) = machine.next() {
            return Ok(output);
        }
    }
    Err(error)
}

/// What the driver drives: a session, or the download of one blob.
pub(crate) trait Machine: Send + 'static {
    type Output: Send + 'static;

    fn next(&mut self) -> Result<Step<Self::Output>, Error>;
    fn answer(&mut self, response: Response) -> Result<(), Error>;
    fn failed(&mut self) -> Result<(), Error>;
    fn cancel(&mut self);
    fn progress(&self) -> Option<Progress>;
}

impl Device {
    /// Sends what is pending and brings what changed, over HTTP to the office of the enrolment.
    ///
    /// Whatever ends a sync early is in the receipt, with what was achieved until then; the next one goes on from there.
    /// `progress` is called after every answer, on a thread of the engine's.
    ///
    /// # Errors
    /// [`Error::SignedOut`] before enrolment, [`Error::Busy`] while another sync runs, and when the store fails.
    pub async fn sync(
        &self,
        cancel: Cancel,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Receipt, Error> {
        let transport = self.transport().await?;
        self.sync_over(transport, cancel, progress).await
    }

    /// Like [`Device::sync`], over a transport of the caller's.
    ///
    /// # Errors
    /// Like [`Device::sync`].
    pub async fn sync_over(
        &self,
        transport: Arc<dyn Transport>,
        cancel: Cancel,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<Receipt, Error> {
        loop {
            let device = self.clone();
            // Asked before the attempt: what is ending now may have ended when the attempt has failed.
            let ending = self.inner.halts.ending();
            match (self.blocking(move || Session::begin(&device)).await, ending) {
                // A sync that a pause stopped is ending: this is no second one beside it.
                (Err(Error::Busy), Some(ending)) => ending.ended().await,
                (session, _) => return self.drive(session?, transport, cancel, progress).await,
            }
        }
    }

    /// Brings the content of an attachment here, when it is not here yet, and says where it lies.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the device holds no such attachment or the office has no content yet,
    /// [`Error::Offline`], [`Error::FileDamaged`], [`Error::Cancelled`].
    pub async fn fetch_blob(&self, attachment: RecordId, cancel: Cancel) -> Result<Fetched, Error> {
        let transport = self.transport().await?;
        self.fetch_blob_over(transport, attachment, cancel).await
    }

    /// Like [`Device::fetch_blob`], over a transport of the caller's.
    ///
    /// # Errors
    /// Like [`Device::fetch_blob`].
    pub async fn fetch_blob_over(
        &self,
        transport: Arc<dyn Transport>,
        attachment: RecordId,
        cancel: Cancel,
    ) -> Result<Fetched, Error> {
        let device = self.clone();
        let fetch = self.blocking(move || Fetch::begin(&device, attachment)).await?;
        self.drive(fetch, transport, cancel, |_| {}).await
    }

    async fn transport(&self) -> Result<Arc<dyn Transport>, Error> {
        let device = self.clone();
        let url: Option<String> =
            self.blocking(move || device.read(|connection| meta::get(connection, meta::SERVER_URL))).await?;
        Ok(Arc::new(HttpTransport::new(&url.ok_or(Error::SignedOut)?, self)?))
    }

    async fn drive<M: Machine>(
        &self,
        machine: M,
        transport: Arc<dyn Transport>,
        cancel: Cancel,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<M::Output, Error> {
        let device = self.clone();
        let running = self.inner.halts.begin();
        self.run(async move {
            let stops = [cancel, running.0.cancel.clone()];
            let output = device.steps(machine, transport, stops, progress).await;
            drop(running);
            output
        })
        .await?
    }

    async fn steps<M: Machine>(
        &self,
        mut machine: M,
        transport: Arc<dyn Transport>,
        stops: [Cancel; 2],
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<M::Output, Error> {
        let [cancel, halt] = &stops;
        let stopped = || async {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = halt.cancelled() => {}
            }
        };
        loop {
            if cancel.is_cancelled() || halt.is_cancelled() {
                machine.cancel();
            }
            let step;
            (machine, step) = self.with(machine, M::next).await?;
            let answer = match step {
                Ok(Step::Done(output)) => return Ok(output),
                Ok(Step::Wait(pause_ms)) => {
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
                        () = stopped() => {}
                    }
                    continue;
                }
                Ok(Step::Send(request)) => tokio::select! {
                    answer = transport.send(request) => answer,
                    // A reply that nobody waits for is a lost one, and those are provided for.
                    () = stopped() => continue,
                },
                Err(error) => return end(machine, error),
            };
            let taken;
            (machine, taken) = match answer {
                Ok(response) => self.with(machine, move |machine| machine.answer(response)).await?,
                Err(error) => {
                    tracing::debug!(%error, "no answer from the office");
                    self.with(machine, M::failed).await?
                }
            };
            if let Err(error) = taken {
                return end(machine, error);
            }
            if let Some(now) = machine.progress() {
                progress(now);
            }
        }
    }

    /// Runs a step of the machine where SQL may run.
    async fn with<M: Machine, T: Send + 'static>(
        &self,
        mut machine: M,
        step: impl FnOnce(&mut M) -> Result<T, Error> + Send + 'static,
    ) -> Result<(M, Result<T, Error>), Error> {
        self.blocking(move || {
            let value = step(&mut machine);
            Ok((machine, value))
        })
        .await
    }

    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.handle()?.spawn_blocking(work).await.map_err(|_| Error::Defect("worker_panicked"))?
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let mut running = Running(self.handle()?.spawn(work));
        (&mut running.0).await.map_err(|_| Error::Defect("worker_panicked"))
    }

    fn handle(&self) -> Result<tokio::runtime::Handle, Error> {
        if let Some(handle) = &self.inner.config.runtime {
            return Ok(handle.clone());
        }
        if let Some(Runtime(Some(runtime))) = self.inner.runtime.get() {
            return Ok(runtime.handle().clone());
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fieldsync")
            .enable_all()
            .build()?;
        let runtime = Runtime(Some(runtime));
        let runtime = self.inner.runtime.get_or_init(|| runtime);
        runtime.0.as_ref().map(|runtime| runtime.handle().clone()).ok_or(Error::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificates_built_in_for_android_make_a_client_that_asks_no_platform() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let roots = built_in_roots();
        assert!(roots.len() > 100, "{}", roots.len());
        reqwest::Client::builder().tls_certs_only(roots).build().unwrap();
    }
}

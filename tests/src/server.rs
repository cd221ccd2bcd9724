//! The shipped server on a free port of loopback, started and stopped by a test.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use fieldsync::{Clock, Entropy};
use fieldsync_server::office::Office;
use fieldsync_server::server::{self, Options};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A running server.
pub struct Server {
    office: Office,
    address: SocketAddr,
    was_older: bool,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Opens the office in `folder` and serves it at `address`; port 0 stands for a free one.
    ///
    /// # Panics
    /// When it cannot.
    pub fn start(
        address: SocketAddr,
        folder: &Path,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        runtime: &Runtime,
    ) -> Self {
        let opened = server::open_with(folder, "muster", clock, entropy).expect("the office opens");
        let (office, was_older) = (opened.office.clone(), opened.was_older);
        let listener = runtime.block_on(TcpListener::bind(address)).expect("the address is free");
        let address = listener.local_addr().expect("a listener knows where it listens");
        let (stop, stopped) = oneshot::channel::<()>();
        let task = runtime.spawn(async move {
            let stopped = async move { drop(stopped.await) };
            server::run(listener, opened, Options::default(), stopped).await.expect("the server runs");
        });
        Self { office, address, was_older, stop, task }
    }

    /// The office it serves.
    pub fn office(&self) -> &Office {
        &self.office
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it found its database to be an older copy.
    pub fn was_older(&self) -> bool {
        self.was_older
    }

    /// Stops it and waits until it has ended.
    ///
    /// # Panics
    /// When it had failed.
    pub fn stop(self, runtime: &Runtime) {
        let _ = self.stop.send(());
        runtime.block_on(self.task).expect("the server ended in order");
    }
}

//! The office of a world: the shipped server with its folder and its real router, called in process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use fieldsync::entropy::SeededEntropy;
use fieldsync::{Clock, Request, Response};
use fieldsync_server::office::Office;
use fieldsync_server::server::{self, Opened, Options};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower::ServiceExt;

/// A running server.
pub(crate) struct Site {
    pub(crate) folder: PathBuf,
    clock: Arc<dyn Clock>,
    seed: u64,
    starts: u64,
    page: Option<usize>,
    running: Option<Running>,
}

struct Running {
    // Before the opened folder, so that the store closes with it.
    app: Router,
    opened: Opened,
    _stop: watch::Sender<bool>,
}

impl Site {
    pub(crate) fn new(folder: PathBuf, clock: Arc<dyn Clock>, seed: u64, page: Option<usize>) -> anyhow::Result<Self> {
        let mut site = Self { folder, clock, seed, starts: 0, page, running: None };
        site.start()?;
        Ok(site)
    }

    /// Ends the server, as a crash between two requests does.
    pub(crate) fn stop(&mut self) {
        self.running = None;
    }

    /// Starts the server on what its folder holds. Whether it found its database to be an older copy.
    pub(crate) fn start(&mut self) -> anyhow::Result<bool> {
        self.stop();
        let entropy = self.entropy();
        let mut opened = server::open_with(&self.folder, "acme", Arc::clone(&self.clock), entropy)?;
        if let Some(page) = self.page {
            opened.office.page_records = page;
        }
        let was_older = opened.was_older;
        let (stop, stopping) = watch::channel(false);
        let app = server::app(&opened, &Options::default(), stopping);
        self.running = Some(Running { app, opened, _stop: stop });
        Ok(was_older)
    }

    /// Chance that no earlier start had.
    pub(crate) fn entropy(&mut self) -> Arc<SeededEntropy> {
        self.starts += 1;
        Arc::new(SeededEntropy::new(!self.seed ^ (self.starts << 44)))
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    pub(crate) fn office(&self) -> anyhow::Result<&Office> {
        Ok(&self.opened()?.office)
    }

    pub(crate) fn opened(&self) -> anyhow::Result<&Opened> {
        Ok(&self.running.as_ref().context("reach the server")?.opened)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.join("office.sqlite")
    }

    /// Sends one request through the real router.
    pub(crate) fn send(&self, runtime: &Runtime, request: &Request) -> anyhow::Result<Response> {
        let running = self.running.as_ref().context("reach the server")?;
        let mut builder = http::Request::builder().method(request.method).uri(request.path.as_str());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let message = builder.body(Body::from(request.body.clone()))?;
        runtime.block_on(async {
            let answer = running.app.clone().oneshot(message).await?;
            let status = answer.status().as_u16();
            let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
                (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
            };
            let headers = answer.headers().iter().map(header).collect();
            let body = to_bytes(answer.into_body(), usize::MAX).await?;
            Ok(Response { status, headers, body: body.to_vec() })
        })
    }
}

/// Copies the files of a folder, not its folders.
pub(crate) fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

//! The office of a world: the shipped server on a disk in memory, its real router called in process. Photos lie in an
//! object store, which is another machine.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use fieldsync::entropy::SeededEntropy;
use fieldsync::{Clock, Files, Request, Response};
use fieldsync_disk::{Disk, Image, Process};
use fieldsync_protocol::Hash;
use fieldsync_server::blobs::Blobs;
use fieldsync_server::folder::Folder;
use fieldsync_server::office::Office;
use fieldsync_server::server::{self, Opened, Options};
use object_store::memory::InMemory;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tower::ServiceExt;

use super::state::OfficeState;

/// Where the office lies on its disk.
const FOLDER: &str = "/office";

/// A running server.
pub(crate) struct Site {
    pub(crate) disk: Disk,
    blobs: Blobs,
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
    process: Process,
    _stop: watch::Sender<bool>,
}

impl Site {
    pub(crate) fn new(clock: Arc<dyn Clock>, seed: u64, page: Option<usize>) -> anyhow::Result<Self> {
        let blobs = Blobs::new(Arc::new(InMemory::new()));
        let mut site = Self { disk: Disk::new(), blobs, clock, seed, starts: 0, page, running: None };
        site.start()?;
        Ok(site)
    }

    /// Kills the server between two requests.
    pub(crate) fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.process.kill();
        }
    }

    /// Starts the server on what its disk holds. Whether it found its database to be an older copy.
    pub(crate) fn start(&mut self) -> anyhow::Result<bool> {
        self.stop();
        let entropy = self.entropy();
        let process = self.disk.process();
        let folder = Folder::on(FOLDER, process.medium());
        let mut opened = server::open_on(&folder, self.blobs.clone(), "acme", Arc::clone(&self.clock), entropy)?;
        if let Some(page) = self.page {
            opened.office.page_records = page;
        }
        let was_older = opened.was_older;
        let (stop, stopping) = watch::channel(false);
        let app = server::app(&opened, &Options::default(), stopping);
        self.running = Some(Running { app, opened, process, _stop: stop });
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

    /// What really stands on its disk: records alone, or everything.
    pub(crate) fn state(&self, with_history: bool) -> anyhow::Result<OfficeState> {
        OfficeState::read(&self.disk.image(), with_history)
    }

    /// The folder that the running server works in.
    pub(crate) fn place(&self) -> anyhow::Result<Folder> {
        let running = self.running.as_ref().context("reach the server")?;
        Ok(Folder::on(FOLDER, running.process.medium()))
    }

    /// Whether the content of a photo has arrived.
    pub(crate) fn has_content(&self, runtime: &Runtime, hash: &Hash) -> anyhow::Result<bool> {
        Ok(runtime.block_on(self.blobs.size(hash))?.is_some())
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

/// Writes the office's files of a picture into a real folder, for the commands that work on files.
pub(crate) fn lay_out(image: &Image, folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    for name in image.list() {
        let Some(inside) = name.strip_prefix("/office/") else { continue };
        let file = folder.join(inside);
        std::fs::create_dir_all(file.parent().unwrap_or(folder))?;
        std::fs::write(file, image.read(&name).unwrap_or_default())?;
    }
    Ok(())
}

/// A disk with the files of a real folder as the office's.
pub(crate) fn take_up(folder: &Path) -> anyhow::Result<Image> {
    let disk = Disk::new();
    let process = disk.process();
    take_up_folder(&process, folder, Path::new(FOLDER))?;
    Ok(disk.image())
}

fn take_up_folder(process: &Process, from: &Path, to: &Path) -> anyhow::Result<()> {
    process.make_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            take_up_folder(process, &entry.path(), &target)?;
        } else {
            process.write(&target, &std::fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

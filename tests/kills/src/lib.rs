//! Real processes that are killed: a phone's and the office's.
//!
//! A phone process enters notes and syncs without end; each note whose call returned goes into a log outside the store,
//! synced, before anybody hears of it. The tests kill and start it, or the office, at random moments, and compare.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use fieldsync::{Config, Device, Error, HttpTransport, RecordId, Session, Step, Transport};
use tokio::runtime::Runtime;

/// Requests of one sync: more than any takes.
const REQUESTS_MAX: u32 = 10_000;

/// The notes of one phone that were acknowledged, in a file outside its store.
#[derive(Debug)]
pub struct Log(File);

impl Log {
    /// The log at `path`, made when it is not there.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().create(true).append(true).open(path)?))
    }

    /// Notes one as acknowledged; on the disk when this returns.
    ///
    /// # Errors
    /// The system's.
    pub fn note(&mut self, note: RecordId, text: &str) -> io::Result<()> {
        self.0.write_all(format!("{note} {text}\n").as_bytes())?;
        self.0.sync_all()
    }

    /// Everything that was noted. A line cut short by a kill was not acknowledged to anybody.
    ///
    /// # Errors
    /// The system's, and a line that says something else.
    pub fn read(path: &Path) -> anyhow::Result<Vec<(RecordId, String)>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        whole
            .map(|line| {
                let (note, text) = line.split_once(' ').context("read the log")?;
                Ok((note.parse().map_err(|_| anyhow::anyhow!("read the log: {line}"))?, text.to_owned()))
            })
            .collect()
    }
}

/// Opens the phone in this folder, with its network work on `runtime`.
///
/// # Errors
/// The device's.
pub fn open(folder: &Path, runtime: &Runtime) -> Result<Device, Error> {
    let mut config = Config::new(folder);
    config.runtime = Some(runtime.handle().clone());
    Device::open(config)
}

/// Syncs once with the office at `url`, skipping every pause. Whether the office was reached to the end.
///
/// # Errors
/// The device's.
pub fn sync(device: &Device, url: &str, runtime: &Runtime) -> Result<bool, Error> {
    let transport = HttpTransport::new(url, device)?;
    let mut session = Session::begin(device)?;
    for _ in 0..REQUESTS_MAX {
        match session.next()? {
            Step::Send(request) => match runtime.block_on(transport.send(request)) {
                Ok(response) => session.answer(response)?,
                Err(_) => return Ok(false),
            },
            Step::Wait(_) => {}
            Step::Done(receipt) => return Ok(receipt.ended == fieldsync::Ended::Complete),
        }
    }
    Ok(false)
}

//! Drives a phone's own sync session over real HTTP, without waiting out its pauses: a played day has no minutes to lose.

use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::{Context, bail};
use fieldsync::{Device, HttpTransport, Receipt, Session, Step, Transport};
use tokio::runtime::Handle;

use super::network::{Network, Weather};

/// Requests one session may take before something is wrong.
const REQUESTS_MAX: u32 = 2_000;

/// Runs one session to its end.
pub(super) fn sync(device: &Device, network: &Network, runtime: &Handle) -> anyhow::Result<Receipt> {
    sync_at(device, &network.url(), runtime)
}

/// Runs one session with the office at `url` to its end.
pub(super) fn sync_at(device: &Device, url: &str, runtime: &Handle) -> anyhow::Result<Receipt> {
    let transport: Arc<dyn Transport> = Arc::new(HttpTransport::new(url, device)?);
    let mut session = Session::begin(device)?;
    for _ in 0..REQUESTS_MAX {
        match session.next()? {
            Step::Send(request) => match runtime.block_on(transport.send(request)) {
                Ok(response) => session.answer(response)?,
                Err(_) => session.failed()?,
            },
            Step::Wait(_) => {}
            Step::Done(receipt) => return Ok(receipt),
        }
    }
    bail!("end a sync: it took more than {REQUESTS_MAX} requests")
}

/// Lets the phone whose folder this is sync in a process of its own, and kills that process when the office has answered
/// and the phone has not read it.
pub(super) fn sync_and_kill(folder: &std::path::Path, network: &Network, now_ms: i64) -> anyhow::Result<()> {
    network.set(Weather::Stall);
    let program = std::env::current_exe().context("find this program")?;
    let mut phone = Command::new(program)
        .args(["demo", "--phone"])
        .arg(folder)
        .args(["--office", &network.url(), "--at-ms", &now_ms.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("start a phone in a process of its own")?;
    let has_arrived = network.wait_for_stall();
    phone.kill().context("kill the phone")?;
    phone.wait().context("bury the phone")?;
    network.set(Weather::Fair);
    if has_arrived { Ok(()) } else { bail!("kill a phone in mid-sync: its request did not arrive") }
}

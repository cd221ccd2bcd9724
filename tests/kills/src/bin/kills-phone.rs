//! A phone that works until it is killed: `kills-phone FOLDER LOG URL NAME ORDER...`. One thread enters notes on the
//! orders in turn, and prints a line for each that was acknowledged; another syncs.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use fieldsync::RecordId;
use fieldsync_kills::{Log, open, sync};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("find an argument");
    let (folder, log, url, name) = (PathBuf::from(next()?), PathBuf::from(next()?), next()?, next()?);
    let orders: Vec<RecordId> = arguments.map(|order| order.parse()).collect::<Result<_, _>>()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let device = open(&folder, &runtime)?;
    std::thread::scope(|scope| -> anyhow::Result<()> {
        let syncing = scope.spawn(|| -> anyhow::Result<()> {
            loop {
                sync(&device, &url, &runtime)?;
            }
        });
        let mut log = Log::open(&log)?;
        let mut out = std::io::stdout().lock();
        for number in 0_usize.. {
            let text = format!("{name}-{number}");
            let note = device.add_note(orders[number % orders.len()], &text)?;
            log.note(note, &text)?;
            writeln!(out, "{text}")?;
            out.flush()?;
            if syncing.is_finished() {
                break;
            }
        }
        match syncing.join() {
            Ok(ended) => ended,
            Err(_) => anyhow::bail!("sync: a panic"),
        }
    })
}

//! The demo: a technician's day, end to end, on real work orders, over real HTTP, with a network that misbehaves.
//!
//! Promises: the same seed plays the same day; everything entered is followed to where it ended; the exit status is
//! non-zero when any replica disagrees, anything is unaccounted for, or a signature does not verify. What the phones do
//! is the shipped engine; what the office does goes through the one door. Only the clock is put where a scene wants it,
//! and pauses between tries are not waited out.

mod cast;
mod clock;
mod day;
mod desk;
mod drive;
mod handwriting;
mod network;
mod phone;
mod picture;
mod report;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use fieldsync::entropy::SeededEntropy;
use fieldsync::{Clock, Config, Device, Entropy, SystemClock, SystemEntropy};
use fieldsync_protocol::rights::{Actor, Role};
use tokio::runtime::Runtime;

use self::clock::{DayClock, Standing};
use self::day::{Stage, play};
use self::desk::Desk;
use self::report::{ImportReport, Report, UnusedRow};
use crate::import::load::{load, source_of};
use crate::import::{self, ImportOptions};
use crate::office::Office;
use crate::password;
use crate::people::{self, OPERATOR};
use crate::server::{self, Opened};
use crate::store::{JobQuery, StoreError};

/// Work orders made when no file is imported.
const ORDERS_MADE: usize = 48;
/// The console's login.
const LOGIN: &str = "dispatcher";
/// The port tried first, so that the address is the same every time.
const PORT: u16 = 8470;

/// Plays a working day of six technicians against this server and leaves the console open.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Take the work orders from this CSV file instead of made-up ones.
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// End after the report instead of leaving the console open.
    #[arg(long)]
    exit: bool,
    /// Keep everything in this folder, which must be empty; a temporary one is used and removed otherwise.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Replay the day with this number.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Print the report as one JSON document.
    #[arg(long)]
    json: bool,
    /// Be the phone in this folder and sync once: for the phone that is killed.
    #[arg(long, hide = true, requires_all = ["office", "at_ms"])]
    phone: Option<PathBuf>,
    #[arg(long, hide = true)]
    office: Option<String>,
    #[arg(long, hide = true)]
    at_ms: Option<i64>,
}

/// Runs the demo.
///
/// # Errors
/// When the day cannot be played at all; a day that went wrong is an exit status, after its report.
pub fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    if let (Some(folder), Some(office), Some(at_ms)) = (&args.phone, &args.office, args.at_ms) {
        return be_the_phone(folder, office, at_ms);
    }
    let began = Instant::now();
    let say = move |text: &str| eprintln!("[{:>5.1} s] {text}", began.elapsed().as_secs_f64());
    let seed = args.seed.unwrap_or_else(|| u64::from(u32::from_le_bytes(random())));
    let temporary = TemporaryFolder::unless(args.data.as_deref())?;
    let folder = match (&args.data, &temporary) {
        (Some(folder), _) => folder.clone(),
        (None, Some(temporary)) => temporary.0.clone(),
        (None, None) => bail!("find a folder for the day"),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    let clock = Arc::new(DayClock::before(SystemClock.now_ms()));
    let entropy = Arc::new(SeededEntropy::new(seed));
    let opened = server::open_with(&folder.join("office"), "demo", Arc::clone(&clock) as Arc<dyn Clock>, entropy)?;
    let office = opened.office.clone();
    let password = password::readable(&random());
    let (address, served) = serve(&runtime, opened)?;
    say(&format!("The office listens on http://{address}"));

    let dispatcher = people::add_user(&office, LOGIN, "Ines Duarte", Role::Dispatcher, hashed(&password)?)?;
    let desk = Desk { office: office.clone(), actor: Actor { person: dispatcher, role: Role::Dispatcher } };
    let import = match &args.import {
        Some(file) => Some(import_file(&office, file, &say)?),
        None => {
            desk.make_orders(ORDERS_MADE, clock.at(-11, 0))?;
            None
        }
    };
    let mut tell = |text: &str| say(text);
    let played = play(Stage {
        desk: &desk,
        clock: Arc::clone(&clock),
        office: address,
        folder: &folder,
        runtime: runtime.handle().clone(),
        seed,
        tell: &mut tell,
    })?;
    let mut report = compile(&desk, &played, seed, import)?;
    report.took_ms = began.elapsed().as_millis() as u64;
    report.judge();
    if args.json {
        say!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        say!("{}", report.text());
    }
    clock.release();
    if !args.exit {
        eprintln!("The console is open on http://{address}");
        eprintln!("  login     {LOGIN}\n  password  {password}");
        match &temporary {
            Some(_) => eprintln!("Everything is removed when you press Ctrl-C; --data DIR would keep it."),
            None => eprintln!("Everything is in {}; press Ctrl-C to end.", folder.display()),
        }
        runtime.block_on(tokio::signal::ctrl_c()).context("wait for Ctrl-C")?;
    }
    drop(played);
    drop(served);
    drop(runtime);
    Ok(if report.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ends the server when dropped.
type Served = tokio::sync::oneshot::Sender<()>;

fn serve(runtime: &Runtime, opened: Opened) -> anyhow::Result<(SocketAddr, Served)> {
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await {
            Ok(listener) => listener,
            // Something else listens there: any free port does.
            Err(_) => tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback")?,
        };
        let address = listener.local_addr()?;
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(async move {
            let shutdown = async {
                let _ = ended.await;
            };
            if let Err(error) = server::run(listener, opened, server::Options::default(), shutdown).await {
                eprintln!("the server ended: failed to {error:#}");
            }
        });
        Ok((address, end))
    })
}

fn import_file(office: &Office, file: &Path, say: &dyn Fn(&str)) -> anyhow::Result<ImportReport> {
    let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let import = import::read(&bytes, &ImportOptions::default())?;
    let total = import.orders.len();
    say(&format!("Importing {total} work orders from {}", file.display()));
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut told = 0;
    let loaded = load(office, &OPERATOR, &import.orders, &source_of(&name, &bytes), &mut |done| {
        if done >= told + 1_000 || done == total {
            told = done;
            say(&format!("  {done} of {total}"));
        }
    })?;
    let not_made = loaded.refused.into_iter().map(|(line, reason)| UnusedRow { line, reason });
    let unusable = import.rejected.into_iter().map(|row| UnusedRow { line: row.line, reason: row.reason });
    let mut rejected: Vec<UnusedRow> = unusable.chain(not_made).collect();
    rejected.sort_by_key(|row| row.line);
    Ok(ImportReport { rows: import.rows, imported: loaded.orders, rejected })
}

fn compile(desk: &Desk, played: &day::Played, seed: u64, import: Option<ImportReport>) -> anyhow::Result<Report> {
    let phones = played.phones.iter().enumerate();
    let devices =
        phones.map(|(place, phone)| report::device(desk, phone, place == played.killed)).collect::<Result<_, _>>()?;
    let (signatures_verified, signatures_wrong) = desk.verify_signatures()?;
    let all = JobQuery { limit: u64::MAX >> 1, ..JobQuery::default() };
    let (rows, chain) = desk.office.read(|txn| Ok::<_, StoreError>((txn.jobs(&all)?, txn.verify_chain()?)))?;
    let (history, problems) = match chain {
        Ok(entries) => (entries, Vec::new()),
        Err(place) => (0, vec![format!("the history's chain breaks at entry {place}")]),
    };
    Ok(Report {
        seed,
        import,
        work_orders: rows.len() as u64,
        devices,
        signatures_verified,
        signatures_wrong,
        history,
        conflicts: rows.iter().map(|row| u64::from(row.conflicts)).sum(),
        late_jobs: rows.iter().filter(|row| row.is_late).count() as u64,
        differing_jobs: rows.iter().filter(|row| row.differs).count() as u64,
        took_ms: 0,
        problems,
    })
}

/// One sync of the phone in `folder`, in this process.
fn be_the_phone(folder: &Path, office: &str, at_ms: i64) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start a runtime")?;
    let mut config = Config::new(folder);
    config.clock = Arc::new(Standing(at_ms));
    config.runtime = Some(runtime.handle().clone());
    let device = Device::open(config)?;
    let receipt = drive::sync_at(&device, office, runtime.handle())?;
    Ok(if receipt.is_complete() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn hashed(password: &str) -> anyhow::Result<String> {
    password::hash(password, &random()).map_err(|error| anyhow::anyhow!("make the console's login: {error}"))
}

/// Bytes nobody can guess from the seed: what guards the console is never part of the day.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes);
    bytes
}

/// A folder that goes with the demo.
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn unless(kept: Option<&Path>) -> anyhow::Result<Option<Self>> {
        if let Some(folder) = kept {
            let is_used = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
            if is_used {
                bail!("play a day in {}: the folder is not empty, name another one", folder.display());
            }
            std::fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
            return Ok(None);
        }
        let folder = std::env::temp_dir().join(format!("fieldsync-demo-{}", hex::encode(random::<6>())));
        std::fs::create_dir_all(&folder).context("make a temporary folder")?;
        Ok(Some(Self(folder)))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

//! A bad network between one phone and the office: real TCP, real HTTP, and faults drawn from a seed.
//!
//! It listens on loopback and passes requests on. What it does to one is decided when it has arrived whole: lose it,
//! lose its answer, send it twice, cut it or its answer in the middle. It can be down, and it can hold an answer back
//! until the phone that waits for it is dead.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Longest wait for either side: loopback answers in milliseconds, a blob in less than this.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest message passed on: above every limit of the protocol.
const MESSAGE_BYTES_MAX: usize = 8 << 20;

/// What happened to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// It never arrived.
    RequestLost,
    /// It arrived and was answered; the answer never came.
    AnswerLost,
    /// It arrived twice.
    Repeated,
    /// It broke off in the middle.
    RequestCut,
    /// Its answer broke off in the middle.
    AnswerCut,
}

impl Fault {
    const ALL: [Fault; 5] =
        [Fault::RequestLost, Fault::AnswerLost, Fault::Repeated, Fault::RequestCut, Fault::AnswerCut];

    /// The fault's name in the report.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::RequestLost => "request lost",
            Self::AnswerLost => "answer lost",
            Self::Repeated => "request repeated",
            Self::RequestCut => "request cut",
            Self::AnswerCut => "answer cut",
        }
    }
}

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Nothing gets through.
    Down,
    /// Everything gets through.
    Fair,
    /// So many of the next requests meet a fault each, in an order drawn from the seed.
    Bad(u32),
    /// The next request arrives; its answer is held back.
    Stall,
}

struct Inside {
    weather: Weather,
    chance: ChaCha8Rng,
    tally: BTreeMap<Fault, u32>,
    is_stalled: bool,
}

struct Shared {
    office: SocketAddr,
    inside: Mutex<Inside>,
    changed: Condvar,
}

/// The network of one phone.
pub(super) struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Network {
    /// Begins to listen on loopback, down.
    pub(super) fn between(office: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let inside = Inside {
            weather: Weather::Down,
            chance: ChaCha8Rng::seed_from_u64(seed),
            tally: BTreeMap::new(),
            is_stalled: false,
        };
        let shared = Arc::new(Shared { office, inside: Mutex::new(inside), changed: Condvar::new() });
        let inner = Arc::clone(&shared);
        std::thread::Builder::new().name("demo-network".into()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&inner);
                // A connection that cannot get a thread is one more that breaks.
                let _ = std::thread::Builder::new().name("demo-connection".into()).spawn(move || shared.carry(stream));
            }
        })?;
        Ok(Self { address, shared })
    }

    /// Where the phone finds the office.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the weather.
    pub(super) fn set(&self, weather: Weather) {
        let mut inside = self.shared.inside();
        inside.weather = weather;
        inside.is_stalled = false;
        self.shared.changed.notify_all();
    }

    /// Waits until a request has arrived whose answer is held back; `false` when none came in time.
    pub(super) fn wait_for_stall(&self) -> bool {
        let inside = self.shared.inside();
        let waited = self.shared.changed.wait_timeout_while(inside, PATIENCE, |inside| !inside.is_stalled);
        waited.is_ok_and(|(inside, _)| inside.is_stalled)
    }

    /// How often each fault happened.
    pub(super) fn tally(&self) -> BTreeMap<Fault, u32> {
        self.shared.inside().tally.clone()
    }
}

enum Fate {
    Refuse,
    Pass,
    Stall,
    Meet(Fault, f64),
}

impl Shared {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self) -> Fate {
        let mut inside = self.inside();
        match inside.weather {
            Weather::Down => Fate::Refuse,
            Weather::Fair => Fate::Pass,
            Weather::Stall => Fate::Stall,
            Weather::Bad(left) => {
                inside.weather = if left > 1 { Weather::Bad(left - 1) } else { Weather::Fair };
                // Now and then one gets through, so that there is progress to lose.
                if inside.chance.random_range(0..4) == 0 {
                    return Fate::Pass;
                }
                let fault = Fault::ALL[inside.chance.random_range(0..Fault::ALL.len())];
                let place = inside.chance.random_range(0.1..0.9);
                *inside.tally.entry(fault).or_insert(0) += 1;
                Fate::Meet(fault, place)
            }
        }
    }

    /// Carries one request; whatever fails on the way is a broken connection for the phone.
    fn carry(&self, mut phone: TcpStream) {
        let _ = self.try_carry(&mut phone);
        let _ = phone.shutdown(Shutdown::Both);
    }

    fn try_carry(&self, phone: &mut TcpStream) -> io::Result<()> {
        phone.set_read_timeout(Some(PATIENCE))?;
        if self.inside().weather == Weather::Down {
            return Ok(());
        }
        let request = read_request(phone)?;
        match self.fate() {
            Fate::Refuse | Fate::Meet(Fault::RequestLost, _) => Ok(()),
            Fate::Pass => phone.write_all(&self.ask(&request)?),
            Fate::Meet(Fault::AnswerLost, _) => self.ask(&request).map(drop),
            Fate::Meet(Fault::Repeated, _) => {
                self.ask(&request)?;
                phone.write_all(&self.ask(&request)?)
            }
            Fate::Meet(Fault::RequestCut, place) => {
                let mut office = TcpStream::connect(self.office)?;
                office.write_all(&request[..part(request.len(), place)])?;
                office.shutdown(Shutdown::Both)
            }
            Fate::Meet(Fault::AnswerCut, place) => {
                let answer = self.ask(&request)?;
                phone.write_all(&answer[..part(answer.len(), place)])
            }
            Fate::Stall => {
                self.ask(&request)?;
                let mut inside = self.inside();
                inside.is_stalled = true;
                self.changed.notify_all();
                let waiting = self.changed.wait_timeout_while(inside, PATIENCE, |inside| inside.is_stalled);
                drop(waiting);
                Ok(())
            }
        }
    }

    /// Sends a request to the office on a connection of its own and reads the whole answer.
    fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut office = TcpStream::connect(self.office)?;
        office.set_read_timeout(Some(PATIENCE))?;
        office.write_all(request)?;
        let mut answer = Vec::new();
        office.take(MESSAGE_BYTES_MAX as u64).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn part(length: usize, place: f64) -> usize {
    (length as f64 * place) as usize
}

/// Reads one request whole, and asks the office to close the connection after its answer, so that the answer's end is
/// the connection's.
fn read_request(phone: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 16_384];
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 2;
        }
        let read = phone.read(&mut chunk)?;
        if read == 0 || bytes.len() > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&chunk[..read]);
    };
    let body = bytes.split_off(head_end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let header = |line: &str, name: &str| {
        line.split_once(':').filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let length: usize =
        head.lines().find_map(|line| header(line, "content-length")).and_then(|text| text.parse().ok()).unwrap_or(0);
    let kept: String =
        head.lines().filter(|line| header(line, "connection").is_none()).map(|line| format!("{line}\r\n")).collect();
    let mut request = format!("{kept}connection: close\r\n").into_bytes();
    request.extend_from_slice(&body);
    let mut missing = (length + 2).saturating_sub(body.len());
    while missing > 0 {
        let read = phone.read(&mut chunk)?;
        if read == 0 || request.len() > MESSAGE_BYTES_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        request.extend_from_slice(&chunk[..read]);
        missing = missing.saturating_sub(read);
    }
    Ok(request)
}

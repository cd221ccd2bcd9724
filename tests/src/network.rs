//! A bad network for one phone: real HTTP to the real server, and faults in the order a test asks for.
//!
//! Each request takes the next fault of a list; when the list is empty everything gets through, unless the network is
//! down. Whatever comes back is kept, so that a test can look for what should never have been sent.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fieldsync::http::Sending;
use fieldsync::{Device, HttpTransport, Request, Response, Transport, TransportError};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What the network does to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The request never arrives.
    RequestLost,
    /// The request arrives and is answered; the answer never comes.
    AnswerLost,
    /// The request arrives twice; the second answer comes.
    Repeated,
    /// The connection breaks in the middle of the request's body.
    RequestCut,
    /// The answer comes with the second half of its body missing, as from a broken proxy.
    AnswerCut,
}

impl Fault {
    /// Every way to go wrong.
    pub const ALL: [Fault; 5] =
        [Fault::RequestLost, Fault::AnswerLost, Fault::Repeated, Fault::RequestCut, Fault::AnswerCut];
}

/// A phone's way to the office.
#[derive(Debug)]
pub struct Network {
    http: HttpTransport,
    address: String,
    is_down: AtomicBool,
    faults: Mutex<VecDeque<Fault>>,
    /// Requests whose path holds this always break in the middle.
    breaks: Mutex<Option<String>>,
    requests: AtomicU32,
    answers: Mutex<Vec<Response>>,
}

impl Network {
    /// The way from `device` to the office at `address` (host and port).
    ///
    /// # Errors
    /// When the device's configuration does not allow it.
    pub fn new(device: &Device, address: &str) -> anyhow::Result<Self> {
        Ok(Self {
            http: HttpTransport::new(&format!("http://{address}"), device)?,
            address: address.to_owned(),
            is_down: AtomicBool::new(false),
            faults: Mutex::default(),
            breaks: Mutex::default(),
            requests: AtomicU32::new(0),
            answers: Mutex::default(),
        })
    }

    /// Takes the network away, or brings it back.
    pub fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }

    /// What happens to the next requests, one each.
    pub fn meet(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.faults).extend(faults);
    }

    /// Forgets the faults that no request has met yet.
    pub fn calm(&self) {
        lock(&self.faults).clear();
    }

    /// From now on a request with a body breaks in the middle whenever its path holds `part`; `None` for none.
    pub fn break_on(&self, part: Option<String>) {
        *lock(&self.breaks) = part;
    }

    /// Requests made so far, whatever became of them.
    pub fn requests(&self) -> u32 {
        self.requests.load(Ordering::SeqCst)
    }

    /// Everything that came back so far, bodies unpacked where they were packed: headers and bodies as one list of
    /// byte strings.
    pub fn received(&self) -> Vec<Vec<u8>> {
        let answers = lock(&self.answers);
        let pieces = answers.iter().flat_map(|answer| {
            let headers = answer.headers.iter().map(|(name, value)| format!("{name}: {value}").into_bytes());
            let unpacked = zstd::stream::decode_all(answer.body.as_slice()).unwrap_or_default();
            headers.chain([answer.body.clone(), unpacked]).collect::<Vec<_>>()
        });
        pieces.collect()
    }

    async fn pass(&self, request: Request) -> Result<Response, TransportError> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(TransportError::Broken);
        }
        let breaks = lock(&self.breaks).as_ref().is_some_and(|part| request.path.contains(part));
        let fault = match breaks && !request.body.is_empty() {
            true => Fault::RequestCut,
            false => lock(&self.faults).pop_front().unwrap_or(Fault::None),
        };
        match fault {
            Fault::RequestLost => return Err(TransportError::Broken),
            Fault::RequestCut => {
                self.send_half(&request).await;
                return Err(TransportError::Broken);
            }
            Fault::Repeated => drop(self.send_whole(request.clone()).await?),
            Fault::None | Fault::AnswerLost | Fault::AnswerCut => {}
        }
        let mut answer = self.send_whole(request).await?;
        match fault {
            Fault::AnswerLost => return Err(TransportError::Broken),
            Fault::AnswerCut => answer.body.truncate(answer.body.len() / 2),
            _ => {}
        }
        Ok(answer)
    }

    async fn send_whole(&self, request: Request) -> Result<Response, TransportError> {
        let answer = self.http.send(request).await?;
        lock(&self.answers).push(answer.clone());
        Ok(answer)
    }

    /// Announces the whole request and hangs up half way through its body, or its head when it has none.
    async fn send_half(&self, request: &Request) {
        let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, request.path, self.address);
        for (name, value) in &request.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&request.body[..request.body.len() / 2]);
        if request.body.is_empty() {
            bytes.truncate(bytes.len() / 2);
        }
        // Whether the office minds is what the test is about; here nobody waits for it.
        if let Ok(mut stream) = TcpStream::connect(&self.address).await {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> Sending<'_> {
        Box::pin(self.pass(request))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

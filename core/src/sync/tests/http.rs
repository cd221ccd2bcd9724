//! The default transport on a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;

use super::office::Office;
use super::*;
use crate::http::{Cancel, HttpTransport, Sending, Transport};
use crate::{Ended, Error};

/// Serves the office on loopback until the listener's address is forgotten; one request a connection is enough.
fn serve(office: Arc<Mutex<Office>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            answer(stream, &office);
        }
    });
    format!("http://{address}/")
}

fn answer(mut stream: TcpStream, office: &Mutex<Office>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length")?.1.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let request = super::super::Request { method: "POST", path, headers, body };
    let response = office.lock().unwrap().respond(&request);
    let head = format!(
        "HTTP/1.1 {} OK\r\ncontent-length: {}\r\nfieldsync-nonce: n7\r\nconnection: close\r\n\r\n",
        response.status,
        response.body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&response.body).ok()
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[test]
fn a_device_syncs_over_http_on_its_own_runtime_and_tells_how_far_it_is() {
    let phone = Phone::new(1);
    let office = Arc::new(Mutex::new(Office::new()));
    let url = serve(Arc::clone(&office));
    phone.device.write(|tx, _| meta::set(tx, meta::SERVER_URL, &url)).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);

    // This runtime has neither timers nor sockets: everything runs on the engine's.
    let receipt =
        block_on(phone.device.sync(Cancel::new(), move |progress| listener.lock().unwrap().push(progress))).unwrap();

    assert!(receipt.is_complete(), "{receipt:?}");
    assert_eq!(receipt.received, 3);
    assert_eq!(phone.device.nonce().as_deref(), Some("n7"));
    assert_eq!(told.lock().unwrap().last().unwrap().received, 3);
    phone.enter(id(70), "finding", "over the wire");
    assert_eq!(block_on(phone.device.sync(Cancel::new(), |_| {})).unwrap().accepted, 1);
}

#[test]
fn an_office_that_is_not_there_costs_nothing_but_time() {
    let phone = Phone::new(1);
    let cancel = Cancel::new();
    let stop = cancel.clone();

    struct Nowhere(Cancel);
    impl Transport for Nowhere {
        fn send(&self, _: super::super::Request) -> Sending<'_> {
            self.0.cancel();
            Box::pin(std::future::pending())
        }
    }
    let receipt = block_on(phone.device.sync_over(Arc::new(Nowhere(stop)), cancel, |_| {})).unwrap();

    assert_eq!(receipt.ended, Ended::Cancelled, "a request that is never answered can be cancelled");
}

#[test]
fn plain_http_is_for_loopback_alone() {
    let phone = Phone::new(1);
    for address in ["http://office.example", "ftp://127.0.0.1", "office", "http://192.168.1.5:80"] {
        assert!(matches!(HttpTransport::new(address, &phone.device), Err(Error::BadAddress)), "{address}");
    }
    for address in ["http://127.0.0.1:9", "http://[::1]:9", "http://localhost", "https://office.example"] {
        assert!(HttpTransport::new(address, &phone.device).is_ok(), "{address}");
    }
}

//! Photos: after the records, in chunks, resumed where they were cut, never in anybody's way.

use fieldsync_protocol::fault::{Fault, FaultCode};
use fieldsync_protocol::limits::CHUNK_BYTES;
use fieldsync_protocol::request::OFFSET_HEADER;

use super::office::{ORDER, Office};
use super::*;
use crate::Ended;
use crate::blob::Fetch;
use crate::http::Machine;

/// Takes blobs at the office; `cut` says after how many chunks the wire breaks.
#[derive(Default)]
struct Lane {
    content: Vec<u8>,
    chunks: usize,
    cut: Option<usize>,
}

impl Lane {
    fn respond(&mut self, office: &mut Office, request: &super::super::Request) -> Option<Response> {
        let at = |offset: usize| vec![("Fieldsync-Offset".to_owned(), offset.to_string())];
        let answer = |status: u16, headers| Some(Response { status, headers, body: Vec::new() });
        match request.method {
            "HEAD" => answer(200, at(self.content.len())),
            "PUT" => {
                if self.cut == Some(self.chunks) {
                    return None;
                }
                let offset: usize = request.header(OFFSET_HEADER).unwrap().parse().unwrap();
                assert_eq!(offset, self.content.len(), "an upload goes on where it stands");
                assert!(request.body.len() <= CHUNK_BYTES);
                self.content.extend_from_slice(&request.body);
                self.chunks += 1;
                answer(204, at(self.content.len()))
            }
            _ => Some(office.respond(request)),
        }
    }
}

fn photo(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place % 251) as u8).collect()
}

#[test]
fn a_photo_is_resumed_where_it_was_cut_and_records_do_not_wait_for_it() {
    let (mut phone, mut office, mut lane) = (Phone::new(1), Office::new(), Lane::default());
    phone.sync(&mut office);
    let content = photo(CHUNK_BYTES * 2 + 100);
    let attachment = phone.device.add_attachment(id(ORDER), "image/jpeg", &content, Some("cylinder")).unwrap();
    lane.cut = Some(1);

    let receipt = phone.sync_over(|request| lane.respond(&mut office, request));

    assert!(matches!(receipt.ended, Ended::Offline { .. }));
    assert!(office.records.contains_key(&attachment), "the record is there already");
    assert_eq!((receipt.accepted, receipt.blobs_here), (1, 1));
    phone.kill();
    lane.cut = None;
    let receipt = phone.sync_over(|request| lane.respond(&mut office, request));
    assert!(receipt.is_complete());
    assert_eq!((receipt.blobs_sent, receipt.blobs_here), (1, 0));
    assert_eq!(lane.content, content);
    assert!(phone.device.attachment_file(attachment).unwrap().is_some());
}

#[test]
fn a_blob_the_office_does_not_take_blocks_neither_records_nor_other_blobs() {
    let (phone, mut office, mut lane) = (Phone::new(1), Office::new(), Lane::default());
    phone.sync(&mut office);
    let bad = phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(10), None).unwrap();
    phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(20), None).unwrap();

    let receipt = phone.sync_over(|request| {
        if request.path.ends_with(&bad.to_string()) {
            let fault = serde_json::to_vec(&Fault::new(FaultCode::TooLarge)).unwrap();
            return Some(Response { status: 413, headers: Vec::new(), body: fault });
        }
        lane.respond(&mut office, request)
    });

    assert!(receipt.is_complete());
    assert_eq!((receipt.blobs_sent, receipt.blobs_failed, receipt.blobs_here), (1, 1, 1));
    assert_eq!(lane.content, photo(20));
}

#[test]
fn a_download_goes_on_after_a_cut_and_shows_only_what_matches_its_hash() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    let content = photo(CHUNK_BYTES + 7);
    let blob = fields! {
        "work_order" => id(ORDER), "hash" => fieldsync_protocol::Hash::sha256(&content), "media_type" => "image/png",
        "size" => content.len() as i64,
    };
    office.write("attachment", id(80), "blob", blob);
    phone.sync(&mut office);
    let serve = |fetch: &mut Fetch, content: &[u8]| -> Result<bool, crate::Error> {
        match fetch.next()? {
            Step::Done(_) => return Ok(true),
            Step::Wait(_) => {}
            Step::Send(request) => {
                let range = request.header("range").unwrap().trim_start_matches("bytes=").to_owned();
                let (first, last) = range.split_once('-').unwrap();
                let body = content[first.parse().unwrap()..=last.parse().unwrap()].to_vec();
                fetch.answer(Response { status: 206, headers: Vec::new(), body })?;
            }
        }
        Ok(false)
    };

    let mut fetch = Fetch::begin(&phone.device, id(80)).unwrap();
    assert!(!serve(&mut fetch, &content).unwrap());
    drop(fetch);
    assert!(phone.device.attachment_file(id(80)).unwrap().is_none(), "half a photo is not shown");
    let mut damaged = content.clone();
    damaged[CHUNK_BYTES + 1] ^= 1;
    let mut fetch = Fetch::begin(&phone.device, id(80)).unwrap();
    assert!(!serve(&mut fetch, &damaged).unwrap());
    assert_eq!(serve(&mut fetch, &damaged).unwrap_err().code(), "file_damaged");

    let mut fetch = Fetch::begin(&phone.device, id(80)).unwrap();
    while !serve(&mut fetch, &content).unwrap() {}
    let file = phone.device.attachment_file(id(80)).unwrap().unwrap();
    assert_eq!(std::fs::read(file.path).unwrap(), content);
    office.take_away(id(80));
    phone.sync(&mut office);
    assert_eq!(std::fs::read_dir(phone.dir.join("blobs")).unwrap().count(), 0, "the photo leaves with its job");
}

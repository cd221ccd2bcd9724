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

    assert!(receipt.is_complete(), "the office is reached, by everything else");
    assert!(office.records.contains_key(&attachment), "the record is there already");
    assert_eq!((receipt.accepted, receipt.blobs_failed, receipt.blobs_here), (1, 1, 1));
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

/// An office for blobs that says where an upload stands, over a wire that breaks before or after a chunk arrives.
#[derive(Default)]
struct Cutting {
    stored: std::collections::BTreeMap<String, Vec<u8>>,
    puts: usize,
    sent: usize,
    cuts: usize,
    /// Every so many chunks one is cut.
    every: usize,
    /// Paths in the order in which they were asked for.
    order: Vec<(&'static str, String)>,
}

impl Cutting {
    fn respond(&mut self, office: &mut Office, request: &super::super::Request) -> Option<Response> {
        self.order.push((request.method, request.path.clone()));
        let at = |status: u16, offset: usize| {
            let headers = vec![("fieldsync-offset".to_owned(), offset.to_string())];
            Some(Response { status, headers, body: Vec::new() })
        };
        let stored = self.stored.entry(request.path.clone()).or_default();
        match request.method {
            "HEAD" => at(200, stored.len()),
            "PUT" => {
                self.puts += 1;
                self.sent += request.body.len();
                let is_cut = self.every > 0 && self.puts.is_multiple_of(self.every);
                self.cuts += usize::from(is_cut);
                if is_cut && self.cuts.is_multiple_of(2) {
                    return None;
                }
                let offset: usize = request.header(OFFSET_HEADER).unwrap().parse().unwrap();
                if offset != stored.len() {
                    let stands = Some(stored.len() as u64);
                    let fault = Fault { offset: stands, ..Fault::new(FaultCode::WrongOffset) };
                    let body = serde_json::to_vec(&fault).unwrap();
                    return Some(Response { status: 409, headers: Vec::new(), body });
                }
                stored.extend_from_slice(&request.body);
                let length = stored.len();
                if is_cut { None } else { at(204, length) }
            }
            _ => {
                self.stored.remove(&request.path);
                Some(office.respond(request))
            }
        }
    }
}

#[test]
fn so_many_cuts_cost_so_many_chunks_on_the_way_up() {
    let (mut phone, mut office) = (Phone::new(1), Office::new());
    let mut lane = Cutting { every: 3, ..Cutting::default() };
    phone.sync(&mut office);
    let content = photo(CHUNK_BYTES * 24 + 5);
    phone.device.add_attachment(id(ORDER), "image/jpeg", &content, None).unwrap();

    for _ in 0..100 {
        let receipt = phone.sync_over(|request| lane.respond(&mut office, request));
        phone.kill();
        if receipt.blobs_here == 0 {
            break;
        }
    }

    assert_eq!(lane.stored.values().next().unwrap(), &content);
    assert!(lane.cuts >= 8, "{} cuts", lane.cuts);
    let twice = lane.sent - content.len();
    assert!(twice <= lane.cuts * CHUNK_BYTES, "{} cuts and {twice} bytes sent twice", lane.cuts);
}

#[test]
fn so_many_cuts_cost_so_many_chunks_on_the_way_down() {
    let (mut phone, mut office) = (Phone::new(1), Office::new());
    let content = photo(CHUNK_BYTES * 20 + 7);
    let blob = fields! {
        "work_order" => id(ORDER), "hash" => fieldsync_protocol::Hash::sha256(&content), "media_type" => "image/png",
        "size" => content.len() as i64,
    };
    office.write("attachment", id(80), "blob", blob);
    phone.sync(&mut office);

    let (mut sent, mut cuts, mut requests, mut is_here) = (0, 0, 0_usize, false);
    while !is_here {
        let mut fetch = Fetch::begin(&phone.device, id(80)).unwrap();
        for _ in 0..5 {
            match fetch.next().unwrap() {
                Step::Done(_) => is_here = true,
                Step::Wait(_) => {}
                Step::Send(request) => {
                    let range = request.header("range").unwrap().trim_start_matches("bytes=").to_owned();
                    let (first, last) = range.split_once('-').unwrap();
                    let body = content[first.parse().unwrap()..=last.parse().unwrap()].to_vec();
                    requests += 1;
                    sent += body.len();
                    if requests.is_multiple_of(3) {
                        cuts += 1;
                        fetch.failed().unwrap();
                    } else {
                        fetch.answer(Response { status: 206, headers: Vec::new(), body }).unwrap();
                    }
                }
            }
        }
        drop(fetch);
        phone.kill();
        assert!(requests < 200, "it gets further every time");
    }

    assert!(cuts >= 8, "{cuts} cuts");
    assert!(sent - content.len() <= cuts * CHUNK_BYTES, "{cuts} cuts and {} bytes twice", sent - content.len());
    let file = phone.device.attachment_file(id(80)).unwrap().unwrap();
    assert_eq!(std::fs::read(file.path).unwrap(), content);
}

#[test]
fn what_is_entered_while_a_huge_photo_travels_goes_first_and_so_does_a_small_photo() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    let mut lane = Cutting::default();
    phone.sync(&mut office);
    let huge = phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(CHUNK_BYTES * 40), None).unwrap();
    let mut entered = None;

    let receipt = phone.sync_over(|request| {
        if request.method == "PUT" && entered.is_none() {
            phone.enter(id(70), "finding", "while it travels");
            let small = phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(900), None).unwrap();
            entered = Some((lane.order.len(), small));
        }
        lane.respond(&mut office, request)
    });

    assert!(receipt.is_complete());
    let (at, small) = entered.unwrap();
    assert_eq!(lane.order[at + 1].0, "POST", "records go at once: {:?}", &lane.order[at..at + 4]);
    assert_eq!(texts(office.records.get(&id(70)), "finding"), ["while it travels"]);
    let last = |id: RecordId| lane.order.iter().rposition(|(_, path)| path.ends_with(&id.to_string())).unwrap();
    assert!(last(small) < at + 8, "a small photo does not wait for the huge one");
    assert!(last(huge) > last(small));
    let longest = lane.order.split(|(method, _)| *method == "POST").map(<[_]>::len).max();
    assert!(longest <= Some(10), "the office's news are asked for now and then: {longest:?}");
}

#[test]
fn a_blob_at_which_the_office_fails_holds_up_no_other() {
    let (phone, mut office, mut lane) = (Phone::new(1), Office::new(), Cutting::default());
    phone.sync(&mut office);
    let bad = phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(10), None).unwrap();
    phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(20), None).unwrap();

    let receipt = phone.sync_over(|request| {
        if request.path.ends_with(&bad.to_string()) {
            let fault = serde_json::to_vec(&Fault::new(FaultCode::Internal)).unwrap();
            return Some(Response { status: 500, headers: Vec::new(), body: fault });
        }
        lane.respond(&mut office, request)
    });

    assert!(receipt.is_complete());
    assert_eq!((receipt.blobs_sent, receipt.blobs_failed, receipt.blobs_here), (1, 1, 1));
}

#[test]
fn beyond_the_quota_what_the_office_has_is_let_go_and_comes_again() {
    const SIZE: usize = 100_000;
    let (mut phone, mut office, mut lane) = (Phone::new(1), Office::new(), Cutting::default());
    phone.device.close();
    phone.device = open_within(&phone.dir, &None, 250_000);
    phone.sync(&mut office);
    let content = |n: u8| vec![n; SIZE];
    let add = |n: u8| phone.device.add_attachment(id(ORDER), "image/jpeg", &content(n), None).unwrap();
    let photos: Vec<RecordId> = (1..=4).map(add).collect();
    let here = |id: &RecordId| phone.device.attachment_file(*id).unwrap().is_some();
    assert!(photos.iter().all(here), "what only this phone has stays, whatever it takes");

    // Looked at in this order, so that the first two were not used for longest.
    let receipt = phone.sync_over(|request| lane.respond(&mut office, request));

    assert_eq!(receipt.blobs_here, 0);
    let left: Vec<&RecordId> = photos.iter().filter(|id| here(id)).collect();
    assert_eq!(left, [&photos[2], &photos[3]]);
    let files = std::fs::read_dir(phone.dir.join("blobs")).unwrap().count();
    assert_eq!(files, 2, "the files themselves are gone");

    let mut fetch = Fetch::begin(&phone.device, photos[0]).unwrap();
    while let Step::Send(request) = fetch.next().unwrap() {
        let range = request.header("range").unwrap().trim_start_matches("bytes=").to_owned();
        let (first, last) = range.split_once('-').unwrap();
        let body = content(1)[first.parse().unwrap()..=last.parse().unwrap()].to_vec();
        fetch.answer(Response { status: 206, headers: Vec::new(), body }).unwrap();
    }
    assert!(here(&photos[0]), "it comes when it is asked for");
    assert!(!here(&photos[2]) && here(&photos[3]), "in the place of the one not used for longest");
    assert_eq!(phone.device.attachment_file(photos[2]).unwrap(), None);
}

#[test]
fn a_line_on_which_everything_large_breaks_costs_a_few_attempts_and_no_record_waits_for_it() {
    let (phone, mut office) = (Phone::new(1), Office::new());
    phone.sync(&mut office);
    for size in 0..9 {
        phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(CHUNK_BYTES + size), None).unwrap();
    }
    let (mut puts, mut exchanges) = (Vec::new(), 0);

    let receipt = phone.sync_over(|request| match request.method {
        "HEAD" => {
            Some(Response { status: 200, headers: vec![("Fieldsync-Offset".into(), "0".into())], body: Vec::new() })
        }
        "PUT" => {
            if puts.is_empty() {
                phone.enter(id(70), "finding", "while it breaks");
            }
            puts.push(request.body.len());
            None
        }
        _ => {
            exchanges += 1;
            Some(office.respond(request))
        }
    });

    assert!(receipt.is_complete(), "{receipt}");
    assert_eq!((receipt.blobs_failed, receipt.blobs_here, receipt.still_here), (3, 9, 0));
    assert_eq!(texts(office.records.get(&id(70)), "finding"), ["while it breaks"]);
    assert_eq!(puts, [CHUNK_BYTES, CHUNK_BYTES / 4, CHUNK_BYTES / 16].repeat(3), "smaller pieces, then another photo");
    assert!(exchanges <= 6, "{exchanges} exchanges");
}

#[test]
fn an_office_that_is_out_of_reach_in_the_middle_of_a_photo_is_said_to_be() {
    let (phone, mut office, mut lane) = (Phone::new(1), Office::new(), Lane::default());
    phone.sync(&mut office);
    phone.device.add_attachment(id(ORDER), "image/jpeg", &photo(CHUNK_BYTES * 2), None).unwrap();
    let mut is_gone = false;

    let receipt = phone.sync_over(|request| {
        is_gone |= request.method == "PUT";
        if is_gone { None } else { lane.respond(&mut office, request) }
    });

    assert!(matches!(receipt.ended, Ended::Offline { .. }));
    assert_eq!(receipt.blobs_here, 1);
}

use super::*;
use crate::bundle::{CarriedRecord, Content, FORMAT, OfficeKey, Outline};
use crate::enrol::Certificate;
use crate::ids::{DeviceId, PersonId, RecordId};
use crate::{Dot, Edit, Stamp, Trust, Version, fields};

const BUNDLE: ReplicaId = ReplicaId([7; 16]);
const OFFICE: [u8; 32] = [3; 32];

fn root() -> SigningKey {
    SigningKey::from_bytes(&[5; 32])
}

fn device() -> SigningKey {
    SigningKey::from_bytes(&[6; 32])
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey(key.verifying_key().to_bytes())
}

fn parts() -> Vec<Part> {
    let (id, person) = (DeviceId::from_bytes([1; 16]), PersonId::from_bytes([2; 16]));
    let certificate = Certificate::issue(&root(), "acme", id, person, public(&device()), 7);
    let manifest = Manifest {
        certificate,
        replica: ReplicaId([9; 16]),
        number: 1,
        made_ms: 9,
        offset_ms: 0,
        table: 1,
        cursor: None,
        records: 1,
        edits: 1,
        blobs: Vec::new(),
    };
    let stamp = Stamp { person, device: Some(id), at_ms: 8, offset_ms: 0, trust: Trust::Compared };
    let edit = Edit {
        dot: Dot { replica: BUNDLE, counter: 1 },
        group: "text".into(),
        fields: fields! { "text" => "gate code 4711" },
        context: Version::new(),
        stamp,
    };
    let record = RecordId::from_bytes([4; 16]);
    vec![
        Part::Manifest(Box::new(manifest)),
        Part::Edits(CarriedRecord { kind: "note".into(), id: record, edits: vec![edit], sent: Vec::new() }),
        Part::Content(Content { attachment: record, offset: 0, bytes: vec![9; 300].into() }),
    ]
}

fn closed(parts: &[Part], key: &SigningKey) -> Vec<u8> {
    let mut file = Vec::new();
    let mut closer = Closer::begin(BUNDLE, public_half(OFFICE), [8; 32], &mut file);
    for part in parts {
        assert!(closer.part(part, &mut file));
    }
    closer.end(key, &mut file);
    file
}

fn opened(file: &[u8], piece: usize) -> Result<Vec<Part>, BundleError> {
    opened_by(OFFICE, file, piece)
}

fn opened_by(office: [u8; 32], file: &[u8], piece: usize) -> Result<Vec<Part>, BundleError> {
    let mut opener = Opener::new(office, public(&root()), "acme");
    let mut parts = Vec::new();
    for bytes in file.chunks(piece) {
        opener.feed(bytes);
        while let Some(part) = opener.part()? {
            parts.push(part);
        }
    }
    opener.finish()?;
    Ok(parts)
}

fn outlined(file: &[u8], piece: usize) -> Result<Header, BundleError> {
    let mut outline = Outline::default();
    file.chunks(piece).try_for_each(|bytes| outline.feed(bytes))?;
    outline.finish()
}

#[test]
fn the_office_reads_what_was_closed_in_pieces_of_any_size() {
    let file = closed(&parts(), &device());
    for piece in [1, 7, 90, 4_096] {
        assert_eq!(opened(&file, piece).as_ref(), Ok(&parts()));
        assert_eq!(outlined(&file, piece).map(|header| header.bundle), Ok(BUNDLE));
    }
    let clear = b"gate code 4711";
    assert!(!file.windows(clear.len()).any(|window| window == clear));
}

#[test]
fn every_changed_byte_is_noticed() {
    let file = closed(&parts(), &device());
    for at in 0..file.len() {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(opened(&changed, 64).is_err(), "byte {at}");
    }
}

#[test]
fn every_end_that_is_missing_is_noticed_also_by_a_courier() {
    let file = closed(&parts(), &device());
    for length in 0..file.len() {
        assert!(opened(&file[..length], 64).is_err(), "{length} bytes");
        assert!(outlined(&file[..length], 64).is_err(), "{length} bytes");
    }
    assert_eq!(opened(&file[..file.len() - 1], 64), Err(BundleError::Truncated));
    let longer = [file.as_slice(), b"more"].concat();
    assert_eq!(opened(&longer, 64), Err(BundleError::Damaged));
    assert_eq!(outlined(&longer, 64), Err(BundleError::Damaged));
}

#[test]
fn segments_cannot_be_left_out_or_moved() {
    let file = closed(&parts(), &device());
    let mut cuts = vec![HEADER_BYTES];
    while *cuts.last().unwrap() < file.len() {
        let at = *cuts.last().unwrap();
        let (size, _) = segment(file[at..at + 4].try_into().unwrap()).unwrap();
        cuts.push(at + 4 + size as usize);
    }
    let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &file[cut[0]..cut[1]]).collect();
    for left_out in 0..pieces.len() {
        let mut rest = file[..HEADER_BYTES].to_vec();
        pieces.iter().enumerate().filter(|(at, _)| *at != left_out).for_each(|(_, piece)| rest.extend(*piece));
        assert!(opened(&rest, 64).is_err());
    }
    let mut moved = file[..HEADER_BYTES].to_vec();
    [0, 2, 1, 3].iter().for_each(|at: &usize| moved.extend(pieces[*at]));
    assert_eq!(opened(&moved, 64), Err(BundleError::Damaged));
}

#[test]
fn another_office_another_device_and_another_tenant_are_told_apart() {
    let file = closed(&parts(), &device());
    assert_eq!(opened_by([4; 32], &file, 64), Err(BundleError::OtherOffice));
    let foreign = closed(&parts(), &SigningKey::from_bytes(&[16; 32]));
    assert_eq!(opened(&foreign, 64), Err(BundleError::Damaged));
    let mut other = Opener::new(OFFICE, public(&root()), "other");
    other.feed(&file);
    assert_eq!(other.part(), Err(BundleError::UnknownAuthor));
}

#[test]
fn a_file_of_another_kind_and_one_of_a_newer_app_are_told_apart() {
    let mut file = closed(&parts(), &device());
    file[9] = FORMAT as u8 + 1;
    assert_eq!(opened(&file, 64), Err(BundleError::TooNew(FORMAT + 1)));
    assert_eq!(opened(&[0; 200], 64), Err(BundleError::NoBundle));
    assert_eq!(opened(b"", 64), Err(BundleError::NoBundle));
}

#[test]
fn a_dot_of_another_replica_and_parts_out_of_order_are_refused() {
    let mut foreign = parts();
    let Part::Edits(record) = &mut foreign[1] else { panic!("the edits stand there") };
    record.edits[0].dot.replica = ReplicaId([1; 16]);
    assert_eq!(opened(&closed(&foreign, &device()), 64), Err(BundleError::Damaged));
    assert_eq!(opened(&closed(&parts()[1..], &device()), 64), Err(BundleError::Damaged));
    let twice = [parts(), parts()].concat();
    assert_eq!(opened(&closed(&twice, &device()), 64), Err(BundleError::Damaged));
}

#[test]
fn an_office_key_counts_for_its_tenant_only() {
    let key = OfficeKey::issue(&root(), "acme", public_half(OFFICE));
    assert!(key.is_valid(&public(&root()), "acme"));
    assert!(!key.is_valid(&public(&root()), "acmf"));
    assert!(!OfficeKey { key: public_half([4; 32]), ..key }.is_valid(&public(&root()), "acme"));
}

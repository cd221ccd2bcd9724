//! The content of a file: chunks shared between pictures and copied when they are written, and the writes since the last
//! sync.

use std::sync::Arc;

/// Bytes of a chunk: a page of a database.
const CHUNK: usize = 4_096;
/// Bytes a disk writes whole or not at all.
pub(crate) const SECTOR: usize = 512;

/// Bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Content {
    chunks: Vec<Arc<[u8; CHUNK]>>,
    length: usize,
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Fills `into` from `offset` on; how much there was.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) -> usize {
        let end = self.length.min(offset.saturating_add(into.len()));
        let mut at = offset;
        while at < end {
            let (chunk, start) = (at / CHUNK, at % CHUNK);
            let part = (CHUNK - start).min(end - at);
            into[at - offset..at - offset + part].copy_from_slice(&self.chunks[chunk][start..start + part]);
            at += part;
        }
        end.saturating_sub(offset)
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.grow(offset + bytes.len());
        let mut done = 0;
        while done < bytes.len() {
            let (chunk, start) = ((offset + done) / CHUNK, (offset + done) % CHUNK);
            let part = (CHUNK - start).min(bytes.len() - done);
            Arc::make_mut(&mut self.chunks[chunk])[start..start + part].copy_from_slice(&bytes[done..done + part]);
            done += part;
        }
    }

    /// Makes the file this long: cut off, or filled up with zeros.
    pub(crate) fn set_len(&mut self, length: usize) {
        if length < self.length {
            self.chunks.truncate(length.div_ceil(CHUNK));
            if !length.is_multiple_of(CHUNK)
                && let Some(last) = self.chunks.last_mut()
            {
                Arc::make_mut(last)[length % CHUNK..].fill(0);
            }
            self.length = length;
        } else {
            self.grow(length);
        }
    }

    fn grow(&mut self, length: usize) {
        if length > self.length {
            self.chunks.resize_with(length.div_ceil(CHUNK), || Arc::new([0; CHUNK]));
            self.length = length;
        }
    }

    /// Takes over from `other` the chunks that hold this range.
    fn share(&mut self, other: &Self, offset: usize, length: usize) {
        for chunk in offset / CHUNK..(offset + length).div_ceil(CHUNK) {
            self.chunks[chunk] = Arc::clone(&other.chunks[chunk]);
        }
    }
}

/// What was done to a file and not synced.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Write(usize, Arc<[u8]>),
    Length(usize),
}

/// A file: what processes see, what was synced, and what lies between.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    pub(crate) current: Content,
    pub(crate) durable: Content,
    pub(crate) changes: Vec<Change>,
}

impl File {
    /// A file that was found like this after a power cut.
    pub(crate) fn settled(content: Content) -> Self {
        Self { current: content.clone(), durable: content, changes: Vec::new() }
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.current.write(offset, bytes);
        self.changes.push(Change::Write(offset, bytes.into()));
    }

    pub(crate) fn set_len(&mut self, length: usize) {
        if self.current.len() != length {
            self.current.set_len(length);
            self.changes.push(Change::Length(length));
        }
    }

    pub(crate) fn sync(&mut self) {
        if self.changes.iter().any(|change| matches!(change, Change::Length(_))) {
            self.durable = self.current.clone();
            self.changes.clear();
        } else {
            self.durable.grow(self.current.len());
            for change in self.changes.drain(..) {
                if let Change::Write(offset, bytes) = change {
                    self.durable.share(&self.current, offset, bytes.len());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_synced_is_what_was_written() {
        let mut file = File::default();
        let mut plain: Vec<u8> = Vec::new();
        let mut state = 1_u64;
        for round in 0..2_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = (state >> 33) as usize % 20_000;
            if round % 17 == 0 {
                file.set_len(offset);
                plain.resize(offset, 0);
            } else {
                let bytes = vec![round as u8; (state >> 20) as usize % 9_000];
                file.write(offset, &bytes);
                if !bytes.is_empty() {
                    plain.resize(plain.len().max(offset + bytes.len()), 0);
                    plain[offset..offset + bytes.len()].copy_from_slice(&bytes);
                }
            }
            if round % 5 == 0 {
                file.sync();
                assert_eq!(file.durable, file.current);
            }
            let mut read = vec![0; 40_000];
            let length = file.current.read(0, &mut read);
            assert_eq!(&read[..length], plain, "round {round}");
        }
    }
}

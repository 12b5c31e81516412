//! Reading and writing the store's own binary files: numbers little-endian, byte strings with their length
//! before them, a hash of everything at the end of a file. Reading never trusts a length.

use super::entry::Digest32;

/// Puts values one after the other.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn with_mark(mark: &[u8]) -> Self {
        Self { bytes: mark.to_vec() }
    }

    pub(super) fn byte(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(super) fn number(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn small(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(super) fn hash(&mut self, value: &Digest32) {
        self.bytes.extend_from_slice(&value.0);
    }

    pub(super) fn text(&mut self, value: &[u8]) {
        self.small(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    /// The bytes with their hash behind them.
    pub(super) fn sealed(mut self) -> Vec<u8> {
        let seal = Digest32::of(&self.bytes);
        self.hash(&seal);
        self.bytes
    }
}

/// Takes values one after the other; `None` as soon as something is missing.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// For bytes that begin with `mark`.
    pub(super) fn after_mark(bytes: &'a [u8], mark: &[u8]) -> Option<Self> {
        bytes.strip_prefix(mark).map(|rest| Self { rest })
    }

    /// For bytes that end with their hash.
    pub(super) fn sealed(bytes: &'a [u8], mark: &[u8]) -> Option<Self> {
        let (body, seal) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
        if Digest32::of(body).0.as_slice() != seal {
            return None;
        }
        Self::after_mark(body, mark)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn small(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn hash(&mut self) -> Option<Digest32> {
        Some(Digest32(self.take(32)?.try_into().ok()?))
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.small()?).ok()?;
        self.take(length)
    }
}

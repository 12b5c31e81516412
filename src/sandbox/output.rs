//! A command's output as it is kept: its beginning and its end, and how much lies between.

use std::collections::VecDeque;

/// Kept output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The beginning; all of it when nothing was dropped.
    pub head: Vec<u8>,
    /// The end, where something was dropped in between.
    pub tail: Vec<u8>,
    /// Bytes between them that are gone.
    pub dropped: u64,
}

impl Kept {
    /// The output as text, with a line that tells what is missing.
    pub fn text(&self) -> String {
        let head = String::from_utf8_lossy(&self.head);
        if self.dropped == 0 {
            return format!("{head}{}", String::from_utf8_lossy(&self.tail));
        }
        let tail = String::from_utf8_lossy(&self.tail);
        let newline = if head.ends_with('\n') { "" } else { "\n" };
        format!("{head}{newline}[… {} bytes left out …]\n{tail}", self.dropped)
    }
}

/// Collects output within a limit.
#[derive(Debug)]
pub(super) struct Collector {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    dropped: u64,
}

impl Collector {
    /// Keeps at most so many bytes.
    pub(super) fn keeping(limit: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: limit / 2, dropped: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(first);
        // Of a chunk longer than the tail only its end matters.
        let skipped = rest.len().saturating_sub(self.half);
        self.tail.extend(rest.iter().skip(skipped));
        let excess = self.tail.len().saturating_sub(self.half);
        self.tail.drain(..excess);
        self.dropped += (skipped + excess) as u64;
    }

    pub(super) fn finish(self) -> Kept {
        Kept { head: self.head, tail: self.tail.into(), dropped: self.dropped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_output_is_whole() {
        let mut collector = Collector::keeping(100);
        collector.push(b"hello ");
        collector.push(&b"world ".repeat(10));
        let kept = collector.finish();
        assert_eq!(kept.dropped, 0);
        assert_eq!(kept.text(), format!("hello {}", "world ".repeat(10)));
    }

    #[test]
    fn long_output_keeps_both_ends_and_counts_the_rest() {
        let all: Vec<u8> = (0..100_000u32).map(|n| b'a' + u8::try_from(n % 26).unwrap()).collect();
        for chunk in [1, 7, 64, 5000, 100_000] {
            let mut collector = Collector::keeping(1000);
            for part in all.chunks(chunk) {
                collector.push(part);
            }
            let kept = collector.finish();
            assert_eq!(kept.head, all[..500], "chunks of {chunk}");
            assert_eq!(kept.tail, all[99_500..], "chunks of {chunk}");
            assert_eq!(kept.dropped, 99_000);
        }
    }
}

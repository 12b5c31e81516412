//! When a request that failed is sent again, and after how long. Pure decisions, no waiting.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use crate::providers::ProviderError;

/// Attempts in all, the first included.
pub const ATTEMPTS: u32 = 4;
/// A provider that asks for more patience than this is not waited for: the person decides.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The waits between attempts: half a second, doubled each time, with full jitter.
pub struct Waits {
    delays: backon::ExponentialBackoff,
    attempt: u32,
}

impl Default for Waits {
    fn default() -> Self {
        let delays = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(Duration::from_secs(15))
            .with_max_times(ATTEMPTS as usize)
            .with_jitter()
            .build();
        Self { delays, attempt: 0 }
    }
}

impl Waits {
    /// How long to wait before the next attempt; `None` when there is none.
    ///
    /// Only failures that time may mend are tried again, and a wait that the provider asked for is
    /// kept to the second.
    pub fn next(&mut self, error: &ProviderError) -> Option<Duration> {
        self.attempt += 1;
        let attempts = match error {
            // Who says when to come back means it: once more then, and no more.
            ProviderError::RateLimited { after: Some(_), .. } => 2,
            _ => ATTEMPTS,
        };
        if !error.is_transient() || self.attempt >= attempts {
            return None;
        }
        let own = self.delays.next()?;
        match error.retry_after() {
            Some(asked) if asked > LONGEST_WAIT => None,
            Some(asked) => Some(asked),
            None => Some(own),
        }
    }

    /// Failures so far.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(after: Option<u64>) -> ProviderError {
        ProviderError::RateLimited { message: String::new(), after: after.map(Duration::from_secs) }
    }

    #[test]
    fn the_wait_asked_for_is_kept_and_too_long_a_one_ends_it() {
        assert_eq!(Waits::default().next(&limited(Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(Waits::default().next(&limited(Some(3600))), None);
    }

    #[test]
    fn a_limit_that_names_its_end_is_waited_for_once() {
        let mut waits = Waits::default();
        assert!(waits.next(&limited(Some(1))).is_some());
        assert_eq!(waits.next(&limited(Some(1))), None);
    }

    #[test]
    fn only_what_time_may_mend_is_tried_again_and_not_for_ever() {
        assert_eq!(Waits::default().next(&ProviderError::Auth { message: String::new() }), None);
        let mut waits = Waits::default();
        let tries = (0..10).take_while(|_| waits.next(&limited(None)).is_some()).count();
        assert_eq!(tries, ATTEMPTS as usize - 1);
    }
}

//! Times of packets.

use std::fmt;
use std::time::Duration;

/// Time since 1970, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Time(pub u64);

impl Time {
    /// Returns the time from seconds and parts of a second since 1970.
    #[must_use]
    pub fn new(seconds: u64, nanoseconds: u64) -> Self {
        Time(seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds))
    }

    /// Returns the time between.
    #[must_use]
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// As RFC 3339 writes it, with microseconds, in UTC.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000 / 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = date(days);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{micros:06}+0000", second % 60)
    }
}

/// Returns the date from days since 1970-01-01. A year begins in March here, so the leap day is its last day.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // from 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::Time;

    #[test]
    fn a_time_is_written_as_a_date() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000000+0000"),
            (951_782_400, "2000-02-29T00:00:00.000000+0000"),
            (1_709_251_199, "2024-02-29T23:59:59.000000+0000"),
            (4_102_444_800, "2100-01-01T00:00:00.000000+0000"),
            (4_107_542_400, "2100-03-01T00:00:00.000000+0000"),
        ] {
            assert_eq!(Time::new(seconds, 0).to_string(), expected);
        }
        assert_eq!(Time::new(1, 2_345_999).to_string(), "1970-01-01T00:00:01.002345+0000");
        let _ = Time(u64::MAX).to_string();
    }
}

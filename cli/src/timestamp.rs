//! Times of the wall clock as text: UTC, since the time zone is the C library's knowledge.

use rawipc::time::Time;

const SECONDS_A_DAY: i64 = 24 * 60 * 60;
const DAYS_IN_400_YEARS: i64 = 146_097;

/// As ISO 8601 has it, to the second: `2026-01-31T23:59:59Z`.
pub(crate) fn seconds(time: Time) -> String {
    format!("{}Z", date_and_time(time.seconds()))
}

/// As ISO 8601 has it, to the millisecond: `2026-01-31T23:59:59.123Z`.
pub(crate) fn milliseconds(time: Time) -> String {
    format!("{}.{:03}Z", date_and_time(time.seconds()), time.nanoseconds() / 1_000_000)
}

fn date_and_time(seconds: i64) -> String {
    let (year, month, day) = date(seconds.div_euclid(SECONDS_A_DAY));
    let second = seconds.rem_euclid(SECONDS_A_DAY);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)
}

/// The date `days` days after 1970-01-01, by the rules of the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Counted from a 1st of March that begins 400 years, so that the leap day is the last day of a year.
    let days = days + 719_468;
    let era = days.div_euclid(DAYS_IN_400_YEARS);
    let day_of_era = days.rem_euclid(DAYS_IN_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Five months from March on have 153 days together.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_their_date() {
        for (second, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (4_107_456_000, "2100-02-28T00:00:00Z"),
        ] {
            assert_eq!(seconds(Time::new(second, 999_999_999).unwrap()), text);
        }
        assert_eq!(milliseconds(Time::new(59, 7_999_999).unwrap()), "1970-01-01T00:00:59.007Z");
    }
}

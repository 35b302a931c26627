//! Numbers as people read them. Integer arithmetic only: floating-point formatting would cost more than all of this.

use updock_types::pieces;

/// Appends a whole number.
pub fn push_number(text: &mut String, number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut left = number;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    text.extend(digits[at..].iter().map(|digit| char::from(*digit)));
}

/// A whole number.
pub fn number(number: u64) -> String {
    let mut text = String::new();
    push_number(&mut text, number);
    text
}

/// How far a waterline stands from the end, for so many thousandths: `-87.7%`.
pub fn level(permille: u64) -> String {
    let rest = 1000_u64.saturating_sub(permille);
    let mut text = String::from("-");
    push_number(&mut text, rest / 10);
    text.push('.');
    push_number(&mut text, rest % 10);
    text.push('%');
    text
}

/// `120px`.
pub fn pixels(count: u64) -> String {
    let mut text = number(count);
    text.push_str("px");
    text
}

const UNITS: [&str; 5] = ["B", "KB", "MB", "GB", "TB"];

/// Which unit a number of bytes is told in: powers of 1000.
fn unit(bytes: u64) -> usize {
    let (mut unit, mut limit) = (0, 1000);
    while bytes >= limit && unit < UNITS.len() - 1 {
        unit += 1;
        limit *= 1000;
    }
    unit
}

/// In that unit, with one decimal below a hundred, without `.0`.
fn push_in_unit(text: &mut String, bytes: u64, unit: usize) {
    let scale = 1000_u64.pow(u32::try_from(unit).unwrap_or(0));
    let whole = bytes / scale;
    if unit == 0 || whole >= 100 {
        push_number(text, whole);
        return;
    }
    // Rounded down: what has not left yet must not look as if it had.
    let tenths = (bytes % scale) / (scale / 10);
    push_number(text, whole);
    if tenths > 0 {
        text.push('.');
        push_number(text, tenths);
    }
}

/// `12.4 MB`.
pub fn bytes(bytes: u64) -> String {
    let unit = unit(bytes);
    let mut text = String::new();
    push_in_unit(&mut text, bytes, unit);
    text.push(' ');
    text.push_str(UNITS[unit]);
    text
}

/// `12.4 of 80 MB`, in one unit.
pub fn bytes_of(part: u64, whole: u64) -> String {
    let unit = unit(whole);
    let mut text = String::new();
    push_in_unit(&mut text, part, unit);
    text.push_str(" of ");
    push_in_unit(&mut text, whole, unit);
    text.push(' ');
    text.push_str(UNITS[unit]);
    text
}

/// `22 s`, `2 min`, `1 h 5 min`.
pub fn duration(seconds: u64) -> String {
    let mut text = String::new();
    if seconds < 60 {
        push_number(&mut text, seconds);
        text.push_str(" s");
    } else if seconds < 3600 {
        push_number(&mut text, (seconds + 30) / 60);
        text.push_str(" min");
    } else {
        push_number(&mut text, seconds / 3600);
        text.push_str(" h ");
        push_number(&mut text, seconds % 3600 / 60);
        text.push_str(" min");
    }
    text
}

/// How fast bytes move, smoothed; silent until it is worth saying.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rate {
    begun_ms: u64,
    at_ms: u64,
    sent: u64,
    per_second: u64,
}

impl Rate {
    /// Notes how much has been sent by now. Call it a few times a second while something moves.
    pub fn note(&mut self, now_ms: u64, sent: u64) {
        let (passed, moved) = (now_ms.saturating_sub(self.at_ms), sent.saturating_sub(self.sent));
        if self.begun_ms == 0 || passed > 5_000 {
            // The first note, or after a pause: nothing is known yet.
            *self = Self { begun_ms: now_ms, at_ms: now_ms, sent, per_second: 0 };
        } else if passed >= 200 {
            let latest = moved * 1000 / passed;
            self.per_second = if self.per_second == 0 { latest } else { (self.per_second * 7 + latest) / 8 };
            (self.at_ms, self.sent) = (now_ms, sent);
        }
    }

    /// Bytes a second, after a second of moving.
    pub fn per_second(&self) -> Option<u64> {
        (self.per_second > 0 && self.at_ms.saturating_sub(self.begun_ms) >= 1_000).then_some(self.per_second)
    }

    /// Seconds left for so many bytes, after three seconds of moving; what is over a day is guesswork.
    pub fn seconds_left(&self, bytes: u64) -> Option<u64> {
        if self.at_ms.saturating_sub(self.begun_ms) < 3_000 {
            return None;
        }
        let seconds = bytes / self.per_second()?;
        (1..86_400).contains(&seconds).then_some(seconds)
    }
}

/// A name in two halves, so that the end with the extension stays when the rest is cut: `holiday-pho…` `.jpeg`.
pub fn split_name(name: &str) -> (&str, &str) {
    match pieces::cut_last(name, b'.') {
        Some((begin, kind))
            if !begin.is_empty() && kind.len() <= 8 && kind.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            (begin, &name[begin.len()..])
        }
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_people_write_them() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1 KB"),
            (12_480_000, "12.4 MB"),
            (80_000_000, "80 MB"),
            (210_900_000, "210 MB"),
            (1_240_000_000, "1.2 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(bytes_of(400_000, 80_000_000), "0.4 of 80 MB");
        assert_eq!(bytes_of(79_999_999, 80_000_000), "79.9 of 80 MB");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, text) in [(1, "1 s"), (59, "59 s"), (95, "2 min"), (3900, "1 h 5 min")] {
            assert_eq!(duration(seconds), text);
        }
    }

    #[test]
    fn the_rate_is_silent_until_it_is_worth_saying() {
        let mut rate = Rate::default();
        for step in 0..20 {
            rate.note(1_000 + step * 250, step * 250_000);
            if step < 4 {
                assert_eq!(rate.per_second(), None);
            }
            if step < 12 {
                assert_eq!(rate.seconds_left(1), None);
            }
        }
        assert_eq!(rate.per_second(), Some(1_000_000));
        assert_eq!(rate.seconds_left(9_000_000), Some(9));
    }

    #[test]
    fn the_extension_stays() {
        for (name, halves) in [
            ("holiday.jpeg", ("holiday", ".jpeg")),
            (".htaccess", (".htaccess", "")),
            ("notes", ("notes", "")),
            ("v1.2 final version", ("v1.2 final version", "")),
            ("🌍.png", ("🌍", ".png")),
        ] {
            assert_eq!(split_name(name), halves);
        }
    }
}

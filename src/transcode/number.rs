//! JSON number texts: their grammar and their exact values.
//!
//! Integers are read digit by digit, so that `1e3` and `12.0` are integers, `1.5` is not, and no exponent
//! costs more than its text. Floats are read straight into their own width, so they are rounded once.

use std::ops::Neg;

use fast_float2::FastFloat;

/// How many bytes at the start of `text` are one JSON number (RFC 8259, section 6).
pub(super) fn prefix(text: &[u8]) -> Option<usize> {
    let mut at = usize::from(text.first() == Some(&b'-'));
    match text.get(at)? {
        b'0' => at += 1,
        b'1'..=b'9' => at += digits(text, at),
        _ => return None,
    }
    if text.get(at) == Some(&b'.') {
        let fraction = digits(text, at + 1);
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(text, at + 1 + sign);
        if exponent == 0 {
            return None;
        }
        at += 1 + sign + exponent;
    }
    Some(at)
}

/// Whether the whole text is one JSON number.
pub(super) fn is_number(text: &str) -> bool {
    prefix(text.as_bytes()) == Some(text.len())
}

/// The value of a JSON number that is an integer of at most [`MOST_DIGITS`] digits; `None` for any other.
pub(super) fn integer(number: &str) -> Option<i128> {
    let (negative, number) = match number.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, number),
    };
    let (mantissa, exponent) = match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, saturating(exponent)),
        None => (number, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let point = i64::try_from(whole.len()).ok()?.saturating_add(exponent);
    let magnitude = shifted(whole.bytes().chain(fraction.bytes()), point)?;
    Some(if negative { -magnitude } else { magnitude })
}

/// The integer at the start of `text` and how many bytes it takes, when it is written plainly and is not long.
#[inline]
pub(super) fn plain_integer(text: &[u8]) -> Option<(i64, usize)> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let (mut value, mut len) = (0_i64, 0);
    for digit in digits.iter().take(PLAIN_DIGITS + 1).take_while(|digit| digit.is_ascii_digit()) {
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit & 0xf));
        len += 1;
    }
    let leading_zero = len > 1 && digits.first() == Some(&b'0');
    let goes_on = matches!(digits.get(len), Some(b'.' | b'e' | b'E'));
    if len == 0 || len > PLAIN_DIGITS || leading_zero || goes_on {
        return None;
    }
    Some(if negative { (-value, len + 1) } else { (value, len) })
}

/// So many digits always fit.
const PLAIN_DIGITS: usize = 18;

/// A width of floating point numbers.
pub(super) trait Float: FastFloat + Neg<Output = Self> {
    const NOT_A_NUMBER: Self;
    const WITHOUT_END: Self;

    fn is_finite(self) -> bool;

    /// The number at the start of `text` and its length, when there is a quicker way to it than the usual one.
    fn short(text: &[u8]) -> Option<(Self, usize)>;
}

impl Float for f32 {
    const NOT_A_NUMBER: Self = Self::NAN;
    const WITHOUT_END: Self = Self::INFINITY;

    fn is_finite(self) -> bool {
        self.is_finite()
    }

    /// By way of the nearest `f64`, unless that lies exactly between two: the text may be on either side of it.
    #[allow(clippy::cast_possible_truncation, reason = "the magnitude is in range")]
    #[inline]
    fn short(text: &[u8]) -> Option<(Self, usize)> {
        const BEYOND: u64 = (1 << 29) - 1;
        let (nearest, len) = short_decimal(text)?;
        let between = nearest.to_bits() & BEYOND == 1 << 28;
        let normal = nearest == 0.0 || nearest.abs() >= f64::from(Self::MIN_POSITIVE);
        (normal && !between).then_some((nearest as Self, len))
    }
}

impl Float for f64 {
    const NOT_A_NUMBER: Self = Self::NAN;
    const WITHOUT_END: Self = Self::INFINITY;

    fn is_finite(self) -> bool {
        self.is_finite()
    }

    #[inline]
    fn short(text: &[u8]) -> Option<(Self, usize)> {
        // Most that are longer than short have a digit there.
        if text.get(SHORT).is_some_and(u8::is_ascii_digit) { None } else { short_decimal(text) }
    }
}

/// The nearest float to the JSON number at the start of `text`, rounded once, and how many bytes that number takes;
/// `None` when there is none, or it is out of range.
#[inline]
pub(super) fn leading_float<T: Float>(text: &[u8]) -> Option<(T, usize)> {
    if let Some(short) = T::short(text) {
        return Some(short);
    }
    let (number, len) = if begins_soundly(text) {
        fast_float2::parse_partial(text).ok()?
    } else {
        let len = prefix(text)?;
        (fast_float2::parse(text.get(..len)?).ok()?, len)
    };
    // An exponent without digits was left out.
    let goes_on = matches!(text.get(len), Some(b'e' | b'E'));
    (!goes_on && T::is_finite(number)).then_some((number, len))
}

/// Whether a number begins as in JSON; what follows then is the same for other readers of numbers.
#[inline]
fn begins_soundly(text: &[u8]) -> bool {
    let start = usize::from(text.first() == Some(&b'-'));
    let whole = digits(text, start);
    let leading_zero = whole > 1 && text.get(start) == Some(&b'0');
    let ended = || text.get(start + whole + 1).is_some_and(u8::is_ascii_digit);
    whole > 0 && !leading_zero && (text.get(start + whole) != Some(&b'.') || ended())
}

/// The nearest `f64` to a short number without an exponent: two numbers that floats hold exactly make a quotient that is
/// rounded once (Clinger's fast path).
#[inline]
#[allow(clippy::cast_precision_loss, reason = "so few digits are exact")]
fn short_decimal(text: &[u8]) -> Option<(f64, usize)> {
    let start = usize::from(text.first() == Some(&b'-'));
    let (mut len, mut point, mut mantissa) = (start, None, 0_u64);
    loop {
        match text.get(len) {
            Some(digit @ b'0'..=b'9') => mantissa = mantissa * 10 + u64::from(digit & 0xf),
            Some(b'.') if point.is_none() => point = Some(len),
            Some(b'e' | b'E' | b'.') => return None,
            _ => break,
        }
        len += 1;
        if len > SHORT {
            return None;
        }
    }
    let whole = point.unwrap_or(len) - start;
    let fraction = point.map_or(0, |point| len - point - 1);
    let leading_zero = whole > 1 && text.get(start) == Some(&b'0');
    if whole == 0 || leading_zero || (fraction == 0 && point.is_some()) {
        return None;
    }
    let number = mantissa as f64 / POWERS_OF_TEN.get(fraction)?;
    Some((if start > 0 { -number } else { number }, len))
}

/// How long a number may be to be looked at as a short one: to look at long ones twice costs more than it gains.
const SHORT: usize = 12;

/// Those that so short a number may need; an `f64` holds them exactly.
const POWERS_OF_TEN: [f64; SHORT] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11];

/// The nearest float, rounded once; `None` when it is out of range.
pub(super) fn finite<T: Float>(number: &str) -> Option<T> {
    leading_float(number.as_bytes()).filter(|(_, len)| *len == number.len()).map(|(number, _)| number)
}

/// The nearest `f32`.
#[cfg(test)]
pub(super) fn float(number: &str) -> Option<f32> {
    finite(number)
}

/// The nearest `f64`.
#[cfg(test)]
pub(super) fn double(number: &str) -> Option<f64> {
    finite(number)
}

/// More digits than any 64-bit integer has.
const MOST_DIGITS: i64 = 20;

fn digits(text: &[u8], from: usize) -> usize {
    text.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count()
}

/// An exponent, held within bounds that no text can make up for.
fn saturating(exponent: &str) -> i64 {
    let (negative, digits) = match exponent.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, exponent.strip_prefix('+').unwrap_or(exponent)),
    };
    let bound = i64::MAX / 4;
    let value = digits.bytes().fold(0_i64, |value, digit| {
        value.saturating_mul(10).saturating_add(i64::from(digit & 0xf)).min(bound)
    });
    if negative { -value } else { value }
}

/// The integer that the digits make with the decimal point after `point` of them.
fn shifted(digits: impl Iterator<Item = u8>, point: i64) -> Option<i128> {
    let mut value = 0_i128;
    let mut position = 0_i64;
    // Counted from the first digit that is not zero: leading zeros weigh nothing.
    let mut significant = 0_i64;
    for digit in digits {
        let digit = i128::from(digit & 0xf);
        if digit != 0 && position >= point {
            return None;
        }
        if significant > 0 || digit != 0 {
            significant += 1;
        }
        if position < point {
            if significant > MOST_DIGITS {
                return None;
            }
            value = value * 10 + digit;
        }
        position += 1;
    }
    if value == 0 {
        return Some(0);
    }
    let zeros = point.saturating_sub(position).max(0);
    if significant.saturating_add(zeros) > MOST_DIGITS && zeros > 0 {
        return None;
    }
    Some((0..zeros).fold(value, |value, _| value * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_that_of_json() {
        for good in ["0", "-0", "12", "-1.5", "1e3", "1E+3", "0.0e-10", "123.456e7"] {
            assert!(is_number(good), "{good}");
        }
        for bad in
            ["", "-", "+1", "01", "1.", ".5", "1e", "1e+", " 1", "1 ", "0x1", "1_0", "NaN", "--1", "1.e1"]
        {
            assert!(!is_number(bad), "{bad}");
        }
    }

    #[test]
    fn integers_are_exact() {
        let cases = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1e3", Some(1000)),
            ("1.0", Some(1)),
            ("1.50e1", Some(15)),
            ("100e-2", Some(1)),
            ("0e99999999999999999999", Some(0)),
            ("0.000e5", Some(0)),
            ("-12.000", Some(-12)),
            ("18446744073709551615", Some(18_446_744_073_709_551_615)),
            ("1.8446744073709551615e19", Some(18_446_744_073_709_551_615)),
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("0.00000000000000000000000000001e30", Some(10)),
            ("1.5", None),
            ("1e-1", None),
            ("1e99999999999999999999", None),
            ("1e-99999999999999999999", None),
            ("100000000000000000000000", None),
            ("1e21", None),
        ];
        for (text, value) in cases {
            assert_eq!(integer(text), value, "{text}");
        }
        let long = format!("1{}e-1000000", "0".repeat(1_000_000));
        assert_eq!(integer(&long), Some(1));
    }

    #[test]
    fn plain_integers_are_those_of_the_slow_way() {
        for text in [
            "0",
            "-0",
            "7",
            "-12",
            "100",
            "123456789012345678",
            "1234567890123456789",
            "01",
            "-",
            "",
            "1.0",
            "1e2",
        ] {
            if let Some((integer, len)) = plain_integer(text.as_bytes()) {
                assert_eq!((Some(i128::from(integer)), len), (super::integer(text), text.len()), "{text}");
            }
        }
        assert_eq!(plain_integer(b"-12}"), Some((-12, 3)));
    }

    #[test]
    fn a_float_ends_where_the_number_does() {
        assert_eq!(leading_float(b"61.4,"), Some((61.4_f64, 4)));
        assert_eq!(leading_float(b"-1.5e3]"), Some((-1500.0_f32, 6)));
        assert_eq!(leading_float(b"12.5.3"), Some((12.5_f64, 4)));
        for bad in ["", "-", ".5", "1.", "1.e5", "1e", "1.5e+", "-.5", "inf", "-nan", "nan", "+1", "1e400"] {
            assert_eq!(leading_float::<f64>(bad.as_bytes()), None, "{bad}");
        }
        assert_eq!(leading_float(b"01"), Some((0.0_f64, 1)));
    }

    #[test]
    fn short_decimals_are_those_of_the_library() {
        let mut decimals = 0_u32;
        for mantissa in (0..64).flat_map(|shift| {
            [(1_u64 << shift) - 1, 1 << shift, 3 << shift >> 1, 0x9e37_79b9_7f4a_7c15 >> shift]
        }) {
            let digits = mantissa.to_string();
            for point in 0..=digits.len() {
                let (whole, fraction) = digits.split_at(point);
                let text = format!("{}.{fraction}", if whole.is_empty() { "0" } else { whole });
                let text = text.trim_end_matches('.');
                for text in [text.to_owned(), format!("-{text}")] {
                    decimals += u32::from(f32::short(text.as_bytes()).is_some());
                    let [double, single] = [
                        text.parse::<f64>().map(f64::to_bits),
                        text.parse::<f32>().map(|float| u64::from(float.to_bits())),
                    ];
                    assert_eq!(super::double(&text).map(f64::to_bits), double.ok(), "{text}");
                    assert_eq!(float(&text).map(|float| u64::from(float.to_bits())), single.ok(), "{text}");
                }
            }
        }
        assert!(decimals > 500, "{decimals}");
        // Exactly between two floats, and what only its last digit moves from there.
        for text in ["16777217", "16777217.0000001", "16777216.9999999", "0.00390625023283064365386962890625"]
        {
            assert_eq!(float(text), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn floats_are_rounded_once() {
        // Through an f64 this would round up to 1.0000002.
        assert_eq!(float("1.00000017881393432617187499"), Some(1.000_000_1));
        assert_eq!(double("1e400"), None);
        assert_eq!(float("1e39"), None);
        assert_eq!(float("-1e-60").map(f32::to_bits), Some((-0.0_f32).to_bits()));
    }
}

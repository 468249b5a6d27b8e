//! Rules on numbers of any kind.

use std::fmt::Write as _;

use prost_reflect::Value;

/// A number in one of the three forms that rules look at.
pub(in super::super) trait Number: Copy + PartialOrd {
    /// The number that a rule message holds.
    fn of(value: &Value) -> Option<Self>;
    /// The number of a message, as [`Kind::number`](super::super::kind::Kind::number) has it.
    fn of_bits(bits: u64) -> Self;
    /// How texts show it.
    fn text(self) -> String;

    fn is_finite(self) -> bool {
        true
    }

    fn is_nan(self) -> bool {
        false
    }
}

impl Number for i64 {
    fn of(value: &Value) -> Option<Self> {
        value.as_i64().or_else(|| value.as_i32().map(Self::from))
    }

    fn of_bits(bits: u64) -> Self {
        bits.cast_signed()
    }

    fn text(self) -> String {
        self.to_string()
    }
}

impl Number for u64 {
    fn of(value: &Value) -> Option<Self> {
        value.as_u64().or_else(|| value.as_u32().map(Self::from))
    }

    fn of_bits(bits: u64) -> Self {
        bits
    }

    fn text(self) -> String {
        self.to_string()
    }
}

impl Number for f64 {
    fn of(value: &Value) -> Option<Self> {
        value.as_f64().or_else(|| value.as_f32().map(Self::from))
    }

    fn of_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }

    fn text(self) -> String {
        if self.is_infinite() {
            return if self > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
        }
        self.to_string()
    }

    fn is_finite(self) -> bool {
        self.is_finite()
    }

    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

/// One end of a range.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Bound<N> {
    pub(in super::super) at: N,
    /// Whether the number itself is inside.
    pub(in super::super) inclusive: bool,
}

/// A range, or what lies outside of one: that is what a lower end above the upper one means.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Range<N> {
    pub(in super::super) lower: Option<Bound<N>>,
    pub(in super::super) upper: Option<Bound<N>>,
}

impl<N: Copy + PartialOrd> Range<N> {
    pub(in super::super) fn holds(&self, number: N) -> bool {
        let above = self.lower.is_none_or(|low| number > low.at || low.inclusive && number == low.at);
        let below = self.upper.is_none_or(|high| number < high.at || high.inclusive && number == high.at);
        if self.excludes() { above || below } else { above && below }
    }

    fn excludes(&self) -> bool {
        matches!((self.lower, self.upper), (Some(low), Some(high)) if high.at < low.at)
    }

    /// The last word of the rule's id, such as `gt_lte_exclusive`.
    pub(in super::super) fn id(&self) -> String {
        let lower = self.lower.map(|low| if low.inclusive { "gte" } else { "gt" });
        let upper = self.upper.map(|high| if high.inclusive { "lte" } else { "lt" });
        let words = [lower, upper, self.excludes().then_some("exclusive")];
        words.into_iter().flatten().collect::<Vec<_>>().join("_")
    }

    /// What the rule asks for, with `show` for its numbers.
    pub(in super::super) fn text(&self, show: impl Fn(N) -> String) -> String {
        let mut text = "must be ".to_owned();
        if let Some(low) = self.lower {
            let or = if low.inclusive { " or equal to" } else { "" };
            let _ = write!(text, "greater than{or} {}", show(low.at));
        }
        if self.lower.is_some() && self.upper.is_some() {
            text.push_str(if self.excludes() { " or " } else { " and " });
        }
        if let Some(high) = self.upper {
            let or = if high.inclusive { " or equal to" } else { "" };
            let _ = write!(text, "less than{or} {}", show(high.at));
        }
        text
    }
}

/// What a number has to be.
#[derive(Debug, Clone)]
pub(in super::super) enum NumberTest<N> {
    Const(N),
    In(Box<[N]>),
    NotIn(Box<[N]>),
    Finite,
    Range(Range<N>),
}

impl<N: Number> NumberTest<N> {
    pub(in super::super) fn holds(&self, number: N) -> bool {
        match self {
            Self::Const(one) => number == *one,
            Self::In(numbers) => numbers.contains(&number),
            Self::NotIn(numbers) => !numbers.contains(&number),
            Self::Finite => number.is_finite(),
            Self::Range(range) => range.holds(number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(lower: Option<(i64, bool)>, upper: Option<(i64, bool)>) -> Range<i64> {
        let bound = |(at, inclusive)| Bound { at, inclusive };
        Range { lower: lower.map(bound), upper: upper.map(bound) }
    }

    #[test]
    fn ranges_have_two_directions() {
        let inside = range(Some((1, false)), Some((5, true)));
        assert_eq!((1..=6).filter(|n| inside.holds(*n)).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(inside.id(), "gt_lte");
        assert_eq!(inside.text(i64::text), "must be greater than 1 and less than or equal to 5");
        let outside = range(Some((5, true)), Some((1, false)));
        assert_eq!((0..=6).filter(|n| outside.holds(*n)).collect::<Vec<_>>(), [0, 5, 6]);
        assert_eq!(outside.id(), "gte_lt_exclusive");
        assert_eq!(outside.text(i64::text), "must be greater than or equal to 5 or less than 1");
        assert_eq!(range(None, Some((3, false))).text(i64::text), "must be less than 3");
    }

    #[test]
    fn no_range_holds_what_is_no_number() {
        let bound = Some(Bound { at: 1.0, inclusive: true });
        assert!(!Range { lower: bound, upper: None }.holds(f64::NAN));
        assert!(!Range { lower: Some(Bound { at: 2.0, inclusive: true }), upper: bound }.holds(f64::NAN));
        assert!(!NumberTest::Finite.holds(f64::NEG_INFINITY) && NumberTest::Finite.holds(0.0));
    }

    #[test]
    fn numbers_are_shown_without_exponents() {
        assert_eq!(1e21_f64.text(), "1000000000000000000000");
        assert_eq!(f64::NAN.text(), "NaN");
        assert_eq!(f64::NEG_INFINITY.text(), "-Infinity");
    }
}

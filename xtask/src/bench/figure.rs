//! A figure: what we take, what the machine itself takes, and what was promised.

use serde_json::{Value, json};

/// What a figure must not go beyond.
#[derive(Clone, Copy)]
pub(super) enum Bound {
    /// So many times the floor of the same run.
    Floors(f64),
    /// At most so much.
    Most(f64),
    /// At least so much.
    Least(f64),
    /// Shown only.
    None,
}

/// One line of the table.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) ours: f64,
    pub(super) floor: Option<f64>,
    pub(super) bound: Bound,
    pub(super) note: String,
}

impl Figure {
    pub(super) fn new(name: &'static str, unit: &'static str, ours: f64, bound: Bound) -> Self {
        Self { name, unit, ours, floor: None, bound, note: String::new() }
    }

    pub(super) fn floor(mut self, floor: f64) -> Self {
        self.floor = Some(floor);
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// How many times the floor; for rates, which share of it.
    fn ratio(&self) -> Option<f64> {
        self.floor.filter(|floor| *floor > 0.0).map(|floor| self.ours / floor)
    }

    pub(super) fn is_over(&self) -> bool {
        match self.bound {
            // Without a floor there is nothing to hold it against: that is no pass.
            Bound::Floors(times) => self.ratio().is_none_or(|ratio| ratio > times),
            Bound::Most(most) => self.ours > most,
            Bound::Least(least) => self.ours < least,
            Bound::None => false,
        }
    }

    fn bound_in_words(&self) -> String {
        match self.bound {
            Bound::Floors(times) => format!("<= {times} x floor"),
            Bound::Most(most) => format!("<= {}", number(most)),
            Bound::Least(least) => format!(">= {}", number(least)),
            Bound::None => "-".to_owned(),
        }
    }

    fn verdict(&self) -> &'static str {
        match (self.bound, self.is_over()) {
            (Bound::None, _) => "-",
            (_, true) => "OVER",
            (_, false) => "ok",
        }
    }

    pub(super) fn json(&self) -> Value {
        json!({"figure": self.name, "unit": self.unit, "ours": self.ours, "floor": self.floor,
            "ratio": self.ratio(), "bound": self.bound_in_words(), "ok": !self.is_over(),
            "note": self.note})
    }

    pub(super) fn heading() -> String {
        format!(
            "{:<38} {:>10} {:>10} {:>7}  {:<14} {:<5} note",
            "figure", "ours", "floor", "ratio", "bound", ""
        )
    }

    pub(super) fn line(&self) -> String {
        let floor = self.floor.map_or_else(|| "-".to_owned(), number);
        let ratio = self.ratio().map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
        let name = format!("{} [{}]", self.name, self.unit);
        format!(
            "{name:<38} {:>10} {floor:>10} {ratio:>7}  {:<14} {:<5} {}",
            number(self.ours),
            self.bound_in_words(),
            self.verdict(),
            self.note
        )
        .trim_end()
        .to_owned()
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100_000.0 => format!("{:.2}M", value / 1e6),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The value below which this share of all lies.
pub(super) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::{Bound, Figure, quantile};

    #[test]
    fn a_figure_without_its_floor_is_no_pass() {
        let figure = |bound| Figure::new("x", "ms", 3.0, bound);
        assert!(figure(Bound::Floors(4.0)).is_over());
        assert!(!figure(Bound::Floors(4.0)).floor(1.0).is_over());
        assert!(figure(Bound::Floors(2.9)).floor(1.0).is_over());
        assert!(figure(Bound::Most(2.0)).is_over() && !figure(Bound::Most(3.0)).is_over());
        assert!(figure(Bound::Least(3.1)).is_over() && !figure(Bound::None).is_over());
        assert!(Figure::new("x", "ms", f64::NAN, Bound::Floors(4.0)).floor(1.0).ratio().is_some());
    }

    #[test]
    fn quantiles_are_values_that_were_seen() {
        let values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert!((quantile(&values, 0.5) - 3.0).abs() < f64::EPSILON);
        assert!((quantile(&values, 0.95) - 5.0).abs() < f64::EPSILON);
        assert!(quantile(&[], 0.5).is_nan());
    }
}

//! Figures as they are printed: the median and the spread of rounds, and what they must be.

/// The median of some figures, the least and the most.
#[derive(Clone, Copy)]
pub struct Figure {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Figure {
    pub fn of(figures: &[f64]) -> Figure {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Figure {
            median,
            least: sorted[0],
            most: sorted[sorted.len() - 1],
        }
    }

    /// Of what two servers had in the same rounds.
    pub fn ratio(over: &[f64], under: &[f64]) -> Figure {
        let ratios: Vec<f64> = over.iter().zip(under).map(|(a, b)| a / b).collect();
        Figure::of(&ratios)
    }

    /// With three digits.
    pub fn show(&self) -> String {
        digits(self.median)
    }

    pub fn show_spread(&self) -> String {
        format!("{}-{}", digits(self.least), digits(self.most))
    }
}

pub fn digits(x: f64) -> String {
    match x.abs() {
        100.0.. => format!("{x:.0}"),
        10.0.. => format!("{x:.1}"),
        _ => format!("{x:.2}"),
    }
}

/// What is asked of a ratio.
#[derive(Clone, Copy)]
pub struct Goal {
    pub must: f64,
    pub aim: f64,
}

impl Goal {
    pub fn judge(goal: Option<Goal>, ratio: f64) -> &'static str {
        match goal {
            None => "",
            Some(goal) if ratio >= goal.aim => "OK, aim reached",
            Some(goal) if ratio >= goal.must => "OK",
            Some(_) => "MISSED",
        }
    }
}

/// Whether a figure is small enough.
pub fn at_most(figure: f64, must: f64) -> &'static str {
    match figure <= must {
        true => "OK",
        false => "MISSED",
    }
}

/// Print a row of a table.
pub fn row<C: AsRef<str>>(cells: &[C]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    println!("| {} |", cells.join(" | "));
}

pub fn head(title: &str, columns: &[&str]) {
    println!("\n{title}\n");
    row(columns);
    println!("|{}", "---|".repeat(columns.len()));
}

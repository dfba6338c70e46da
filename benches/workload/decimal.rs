//! Floats as text of so many significant digits, as pipelines print them.

/// From here on the shortest text that reads back to the same number.
const DIGITS_EXACT: usize = 17;

pub fn text(x: f64, digits: usize) -> String {
    if digits >= DIGITS_EXACT {
        return x.to_string();
    }
    let rounded = format!("{x:.*e}", digits - 1);
    let (mantissa, exponent) = rounded.split_once('e').expect("an exponent");
    let exponent: i32 = exponent.parse().expect("a number");
    let all = mantissa.replace('.', "");
    let all = all.trim_end_matches('0');
    if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        return format!("0.{zeros}{all}");
    }
    let whole = exponent as usize + 1;
    match all.split_at_checked(whole) {
        Some((whole, "")) => whole.to_owned(),
        Some((whole, rest)) => format!("{whole}.{rest}"),
        None => format!("{all:0<whole$}"),
    }
}

//! Values of settings as text: Redis's forms and, where clients may see them, its error texts.

use crate::checkpoint::Rule;
use crate::instance::{Class, OutputLimit};
use std::fmt::Display;

pub type Result<T> = std::result::Result<T, String>;

/// Classes of `client-output-buffer-limit`, in the order in which they are shown.
pub const CLASSES: [(&str, Class); 3] = [
    ("normal", Class::Normal),
    ("slave", Class::Replica),
    ("pubsub", Class::PubSub),
];

pub fn integer<T>(text: &str, min: T, max: T) -> Result<T>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    let number: i64 = text
        .parse()
        .map_err(|_| "argument couldn't be parsed into an integer".to_owned())?;
    match T::try_from(number) {
        Ok(number) if number >= min && number <= max => Ok(number),
        _ => Err(format!(
            "argument must be between {min} and {max} inclusive"
        )),
    }
}

/// `save`: pairs of seconds and changes; nothing, or an empty word: none.
pub fn rules(words: &[String]) -> Result<Vec<Rule>> {
    let wrong = || "Invalid save parameters".to_owned();
    let words: Vec<&str> = words
        .iter()
        .flat_map(|word| word.split_ascii_whitespace())
        .collect();
    let (pairs, rest) = words.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    let number = |word: &str| word.parse().map_err(|_| wrong());
    let rule = |[seconds, changes]: &[&str; 2]| {
        let (seconds, changes) = (number(seconds)?, number(changes)?);
        match seconds {
            0 => Err(wrong()),
            seconds => Ok(Rule { seconds, changes }),
        }
    };
    pairs.iter().map(rule).collect()
}

pub fn rules_text(rules: &[Rule]) -> String {
    let text = |rule: &Rule| format!("{} {}", rule.seconds, rule.changes);
    rules.iter().map(text).collect::<Vec<_>>().join(" ")
}

pub fn flag(text: &str) -> Result<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

pub fn flag_text(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

/// Bytes, with a unit or without: `100mb` is 100 * 1024 * 1024, `100m` is 100 000 000.
pub fn bytes(text: &str) -> Result<u64> {
    let wrong = || "argument must be a memory value".to_owned();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

pub fn bytes_within(text: &str, min: u64, max: u64) -> Result<u64> {
    let bytes = bytes(text)?;
    if bytes < min || bytes > max {
        return Err(format!(
            "argument must be between {min} and {max} inclusive"
        ));
    }
    Ok(bytes)
}

pub fn one_of(text: &str, choices: &[&str]) -> Result<String> {
    let choice = choices
        .iter()
        .find(|choice| choice.eq_ignore_ascii_case(text));
    choice.map(|choice| (*choice).to_owned()).ok_or_else(|| {
        let choices = choices.join(", ");
        format!("argument(s) must be one of the following: {choices}")
    })
}

/// A setting that can have one value only, said with the reason.
pub fn only(text: &str, value: &str, reason: &str) -> Result<()> {
    if text.eq_ignore_ascii_case(value) {
        return Ok(());
    }
    Err(reason.to_owned())
}

pub fn permissions(text: &str) -> Result<u32> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("argument must be between 0 and 777 inclusive, octal".to_owned()),
    }
}

/// `<class> <hard> <soft> <seconds>`, repeated. All or nothing.
pub fn output_limits(words: &[String], limits: &mut [OutputLimit; 3]) -> Result<()> {
    let mut changed = *limits;
    if words.is_empty() || !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    for part in words.chunks_exact(4) {
        let [name, hard, soft, seconds] = part else {
            continue;
        };
        let name = match name.to_ascii_lowercase().as_str() {
            "replica" => "slave".to_owned(),
            other => other.to_owned(),
        };
        let class = CLASSES.iter().find(|(class, _)| *class == name);
        let Some((_, class)) = class else {
            return Err("Invalid client class specified in buffer limit configuration.".to_owned());
        };
        let wrong =
            |_| "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
        changed[*class as usize] = OutputLimit {
            hard_bytes: bytes(hard).map_err(wrong)? as usize,
            soft_bytes: bytes(soft).map_err(wrong)? as usize,
            soft_seconds: seconds.parse().map_err(|_| wrong(String::new()))?,
        };
    }
    *limits = changed;
    Ok(())
}

/// One `<class> <hard> <soft> <seconds>` a class.
pub fn output_limits_text(limits: &[OutputLimit; 3]) -> Vec<String> {
    let text = |(name, class): &(&str, Class)| {
        let limit = limits[*class as usize];
        let (hard, soft) = (limit.hard_bytes, limit.soft_bytes);
        format!("{name} {hard} {soft} {}", limit.soft_seconds)
    };
    CLASSES.iter().map(text).collect()
}

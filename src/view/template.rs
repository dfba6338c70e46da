//! The template of a key: `A:plane:{tailnum}`.
//!
//! `{name}` stands for the value of the column `name`; `{{` and `}}` are the braces themselves,
//! which a Redis Cluster hash tag needs: `user:{{{user_id}}}`.
//!
//! A key is matched without going back: what stands for a column is never empty and ends before the
//! first byte that the text behind it begins with; at the end it takes the rest.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(Vec<u8>),
    Column(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
    /// Of no key.
    pub(super) fn none() -> Template {
        Template { parts: Vec::new() }
    }

    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut literal = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            literal.extend_from_slice(before.as_bytes());
            if let Some(after) = brace.strip_prefix("{{") {
                literal.push(b'{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                literal.push(b'}');
                rest = after;
            } else {
                let named = brace.strip_prefix('{').and_then(|s| s.split_once('}'));
                let Some((name, after)) = named else {
                    return Err(format!("{text:?}: a brace without its partner"));
                };
                if name.is_empty() || name.contains('{') {
                    return Err(format!("{text:?}: {{{name}}} does not name a column"));
                }
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Column(name.to_owned()));
                rest = after;
            }
        }
        literal.extend_from_slice(rest.as_bytes());
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        if !parts.iter().any(|part| matches!(part, Part::Column(_))) {
            return Err(format!(
                "{text:?} names no column: every row would get one key"
            ));
        }
        Ok(Template { parts })
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The columns, in the order of the key.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether two columns follow each other without a text that says where the first one ends.
    pub fn is_ambiguous(&self) -> bool {
        let is_column = |part: &Part| matches!(part, Part::Column(_));
        self.parts.windows(2).any(|pair| pair.iter().all(is_column))
    }

    /// Whether the key may have been made from this template.
    pub fn matches(&self, key: &[u8]) -> bool {
        let mut rest = key;
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            let end = match (part, parts.peek()) {
                (Part::Text(text), _) => match rest.starts_with(text) {
                    true => text.len(),
                    false => return false,
                },
                (Part::Column(_), None) => rest.len().max(1),
                (Part::Column(_), Some(Part::Column(_))) => 1,
                (Part::Column(_), Some(Part::Text(text))) => {
                    let first = text.first().copied().unwrap_or_default();
                    match memchr::memchr(first, rest) {
                        Some(at) if at > 0 => at,
                        _ => return false,
                    }
                }
            };
            match rest.get(end..) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// Whether all keys of this template are keys of the other: so are those of
    /// [`Template::fixed`].
    pub fn is_within(&self, other: &Template) -> bool {
        // A byte that is in no text stands for each column.
        let is_free = |byte: &u8| {
            let mut parts = self.parts.iter().chain(&other.parts);
            parts.all(|part| !matches!(part, Part::Text(text) if text.contains(byte)))
        };
        let Some(stand_in) = (0..=u8::MAX).find(is_free) else {
            return self == other;
        };
        let sample: Vec<u8> = self
            .parts
            .iter()
            .flat_map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Column(_) => vec![stand_in],
            })
            .collect();
        other.matches(&sample)
    }

    /// This template with the values of some columns.
    pub fn fixed(&self, values: &[(String, String)]) -> Template {
        let mut parts: Vec<Part> = Vec::new();
        for part in &self.parts {
            let text = match part {
                Part::Text(text) => Some(text.as_slice()),
                Part::Column(name) => {
                    let value = values.iter().find(|(column, _)| column == name);
                    value.map(|(_, value)| value.as_bytes())
                }
            };
            match (text, parts.last_mut()) {
                (Some(text), Some(Part::Text(before))) => before.extend_from_slice(text),
                (Some(text), _) => parts.push(Part::Text(text.to_vec())),
                (None, _) => parts.push(part.clone()),
            }
        }
        Template { parts }
    }

    /// Whether some key matches both.
    pub fn overlaps(&self, other: &Template) -> bool {
        // Most differ in the text that they begin with.
        if let (Some(Part::Text(a)), Some(Part::Text(b))) =
            (self.parts.first(), other.parts.first())
            && !a.iter().zip(b).all(|(a, b)| a == b)
        {
            return false;
        }
        let (ours, theirs) = (self.elements(), other.elements());
        // Whether the first i elements and the first j of the other can have taken the same bytes;
        // what follows from a place lies behind it.
        let width = theirs.len() + 1;
        let mut reached = vec![false; (ours.len() + 1) * width];
        let mut reach = |i: usize, j: usize, from: Option<(usize, usize)>| {
            let is = from.is_none_or(|(i, j)| reached.get(i * width + j) == Some(&true));
            if let Some(place) = reached.get_mut(i * width + j) {
                *place |= is;
            }
        };
        reach(0, 0, None);
        for i in 0..=ours.len() {
            for j in 0..=theirs.len() {
                let (a, b) = (ours.get(i), theirs.get(j));
                if a.is_some_and(|a| a.repeats) {
                    reach(i + 1, j, Some((i, j)));
                }
                if b.is_some_and(|b| b.repeats) {
                    reach(i, j + 1, Some((i, j)));
                }
                if let (Some(a), Some(b)) = (a, b)
                    && a.bytes.meets(b.bytes)
                {
                    let (i_next, j_next) =
                        (i + usize::from(!a.repeats), j + usize::from(!b.repeats));
                    reach(i_next, j_next, Some((i, j)));
                }
            }
        }
        reached.last() == Some(&true)
    }

    /// The template as a pattern over single bytes: a column is one byte and then any number.
    fn elements(&self) -> Vec<Element> {
        let mut elements = Vec::new();
        let mut parts = self.parts.iter().peekable();
        while let Some(part) = parts.next() {
            let Part::Text(text) = part else {
                let bytes = match parts.peek() {
                    Some(Part::Text(text)) => Bytes::Not(text.first().copied().unwrap_or_default()),
                    _ => Bytes::Any,
                };
                let one = |repeats| Element { bytes, repeats };
                elements.push(one(false));
                if !matches!(parts.peek(), Some(Part::Column(_))) {
                    elements.push(one(true));
                }
                continue;
            };
            elements.extend(text.iter().map(|byte| Element {
                bytes: Bytes::Is(*byte),
                repeats: false,
            }));
        }
        elements
    }
}

/// One byte of a key, or any number.
struct Element {
    bytes: Bytes,
    repeats: bool,
}

#[derive(Clone, Copy)]
enum Bytes {
    Is(u8),
    Not(u8),
    Any,
}

impl Bytes {
    /// Whether a byte is of both.
    fn meets(self, other: Bytes) -> bool {
        match (self, other) {
            (Bytes::Is(a), Bytes::Is(b)) => a == b,
            (Bytes::Is(a), Bytes::Not(b)) | (Bytes::Not(b), Bytes::Is(a)) => a != b,
            _ => true,
        }
    }
}

/// As it is written, with doubled braces.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => {
                    let text = String::from_utf8_lossy(text);
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Part::Column(name) => write!(f, "{{{name}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_and_braces() {
        let t = Template::parse("A:{{{tenant}}}:{user id}").unwrap();
        let want = [
            Part::Text(b"A:{".to_vec()),
            Part::Column("tenant".to_owned()),
            Part::Text(b"}:".to_vec()),
            Part::Column("user id".to_owned()),
        ];
        assert_eq!(t.parts(), want);
    }

    #[test]
    fn what_is_refused() {
        for bad in [
            "", "plane", "a{{b}}", "a:{}", "a:{b", "a:b}", "{a}}", "{a{b}",
        ] {
            assert!(Template::parse(bad).is_err(), "{bad}");
        }
    }

    fn template(text: &str) -> Template {
        let template = Template::parse(text).unwrap();
        assert_eq!(template.to_string(), text);
        template
    }

    #[test]
    fn which_keys_match() {
        for (text, matching, others) in [
            (
                "{tenant}:user:{id}",
                vec!["A:user:1", "A:user:user:1", "A:user::"],
                vec!["", ":user:1", "A:user:", "A:B:user:1", "A:users:1", "A"],
            ),
            (
                "u:{{{id}}}",
                vec!["u:{1}", "u:{{}"],
                vec!["u:{}", "u:{1}2", "u:{1", "u:1", "u:{1}}"],
            ),
            ("{a}{b}", vec!["xy", "xyz"], vec!["x", ""]),
            ("{a}", vec!["x", "x:y"], vec![""]),
        ] {
            let template = template(text);
            for key in matching {
                assert!(template.matches(key.as_bytes()), "{text} {key}");
            }
            for key in others {
                assert!(!template.matches(key.as_bytes()), "{text} {key}");
            }
        }
    }

    #[test]
    fn which_templates_are_within_others() {
        for (a, b, within) in [
            ("A:user:{id}", "{tenant}:user:{id}", true),
            ("{x}:user:{y}", "{tenant}:user:{id}", true),
            ("{tenant}:user:{id}", "A:user:{id}", false),
            ("A:merchant:{id}", "{tenant}:user:{id}", false),
            ("{all}", "{tenant}:user:{id}", false),
            ("u:{{{id}}}", "u:{{{user}}}", true),
            ("u:{id}", "u:{{{user}}}", false),
            ("{a}:{b}", "{k}", true),
        ] {
            assert_eq!(template(a).is_within(&template(b)), within, "{a} {b}");
        }
        // As loads fix columns.
        let all = template("{tenant}:user:{id}");
        let some = all.fixed(&[("tenant".to_owned(), "A".to_owned())]);
        assert!(some.is_within(&all) && all.is_within(&all));
    }

    #[test]
    fn which_templates_overlap() {
        for (a, b, overlap) in [
            ("{t}:user:{id}", "{tenant}:user:{user_id}", true),
            ("{t}:user:{id}", "{t}:merchant:{id}", false),
            ("{t}:user:{id}", "A:user:{id}", true),
            ("B:user:{id}", "A:user:{id}", false),
            ("user:{id}", "{t}:{rest}", true),
            ("user:{id}", "user:{{{id}}}", true),
            ("user:{id}:x", "user:{id}:y", false),
            ("user:{id}:x", "user:{a}", true),
            ("user:{id}", "users:{id}", false),
            ("{a}-{b}", "{a}:{b}", true),
            ("a{x}", "{x}b", true),
        ] {
            assert_eq!(template(a).overlaps(&template(b)), overlap, "{a} {b}");
            assert_eq!(template(b).overlaps(&template(a)), overlap, "{b} {a}");
        }
    }

    #[test]
    fn columns_can_be_fixed() {
        let fix = |text: &str, column: &str| {
            let values = [(column.to_owned(), "{A".to_owned())];
            template(text).fixed(&values)
        };
        let fixed = fix("{tenant}:user:{id}", "tenant");
        assert_eq!(fixed, template("{{A:user:{id}"));
        assert_eq!(fix("x{id}y", "id").parts(), [Part::Text(b"x{Ay".to_vec())]);
        assert_eq!(fix("x{id}y", "other"), template("x{id}y"));
        assert!(template("{a}{b}").is_ambiguous() && !template("{a}:{b}").is_ambiguous());
    }
}

//! The template of a key: `A:plane:{tailnum}`.
//!
//! `{name}` stands for the value of the column `name`; `{{` and `}}` are the braces themselves,
//! which a Redis Cluster hash tag needs: `user:{{{user_id}}}`.

#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Text(Vec<u8>),
    Column(String),
}

#[derive(Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

impl Template {
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
}

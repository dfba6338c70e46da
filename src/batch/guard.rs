//! What a batch may take from a view without being asked: an export that came out empty, or half as
//! large as the last one, is a mistake more often than a wish.
//!
//! Invariant: a batch that leaves a view with nothing, or with fewer than half of the entities that
//! the version before it had, counts only if that was allowed.

/// A batch that is to be published.
#[derive(Clone, Copy, Debug)]
pub struct Coming {
    pub entities: u64,
    /// Of them, those of which something is alive when it comes.
    pub live: u64,
    /// It takes the view from entities that it does not have.
    pub replaces: bool,
    /// Entities of the version before it, of the same keys.
    pub before: Option<u64>,
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    pub empty: bool,
    pub shrink: bool,
}

/// An error says what would be lost, and what allows it.
pub fn guard(coming: &Coming, allowed: Allowed) -> Result<(), String> {
    const EMPTY: &str = "ALLOW-EMPTY (--allow-empty) publishes it";
    let Coming {
        entities,
        live,
        replaces,
        before,
    } = *coming;
    if live == 0 && !allowed.empty {
        let what = match entities {
            0 => "the batch has no entities".to_owned(),
            _ => format!("all {entities} entities of the batch have expired already"),
        };
        let takes = match before.filter(|_| replaces) {
            Some(before) => format!(", and would take the view from all {before}"),
            None => String::new(),
        };
        return Err(format!("{what}{takes}; {EMPTY}"));
    }
    match before.filter(|before| replaces && live < before.div_ceil(2)) {
        Some(before) if live > 0 && !allowed.shrink => Err(format!(
            "the batch has {live} live entities, fewer than half of the {before} of the version \
             before it; ALLOW-SHRINK (--allow-shrink) publishes it"
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coming(entities: u64, live: u64, replaces: bool, before: Option<u64>) -> Coming {
        Coming {
            entities,
            live,
            replaces,
            before,
        }
    }

    #[test]
    fn what_empties_or_halves_a_view_is_refused_unless_allowed() {
        let none = Allowed::default();
        let empty = Allowed {
            empty: true,
            ..none
        };
        let shrink = Allowed {
            shrink: true,
            ..none
        };
        for (coming, refused_without, allowed) in [
            (coming(0, 0, true, Some(1000)), Some("from all 1000"), empty),
            (coming(0, 0, true, None), Some("has no entities"), empty),
            (coming(0, 0, false, Some(9)), Some("has no entities"), empty),
            (coming(7, 0, true, Some(7)), Some("all 7 entities"), empty),
            (
                coming(499, 499, true, Some(1000)),
                Some("fewer than half of the 1000"),
                shrink,
            ),
            (
                coming(900, 499, true, Some(1000)),
                Some("has 499 live"),
                shrink,
            ),
            (coming(1, 1, true, Some(3)), Some("fewer than half"), shrink),
            (coming(500, 500, true, Some(1000)), None, none),
            (coming(1, 1, true, Some(2)), None, none),
            (coming(1, 1, true, None), None, none),
            (coming(1, 1, false, Some(1000)), None, none),
        ] {
            match (guard(&coming, none), refused_without) {
                (Ok(()), None) => {}
                (Err(reason), Some(want)) => {
                    assert!(reason.contains(want), "{coming:?}: {reason}");
                    assert_eq!(guard(&coming, allowed), Ok(()), "{coming:?}");
                }
                (got, want) => panic!("{coming:?}: {got:?}, {want:?}"),
            }
        }
    }
}

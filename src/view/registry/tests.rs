//! Versions come and go; what is kept makes the same registry again.

use super::*;

const BY: By<'_> = By {
    author: "ann",
    time: 5,
};

fn view(name: &str, key: &str, features: &str) -> Vec<View> {
    let features: String = features
        .split_whitespace()
        .map(|name| format!("{name} = {{ type = 'int64' }}\n"))
        .collect();
    let head = format!("[view.{name}]\nentity = 'user'\nkey = '{key}'\nttl = '1s'\n");
    read(&format!("{head}[view.{name}.feature]\n{features}")).unwrap()
}

/// Hashes as they are kept.
#[derive(Default)]
struct Kept(BTreeMap<String, BTreeMap<String, String>>);

impl Kept {
    fn keep(&mut self, records: &[Record]) {
        for record in records {
            let hash = self.0.entry(record.key.clone()).or_default();
            let old = hash.insert(record.field.clone(), record.value.clone());
            assert_eq!(old, None, "a version is never changed");
            match record.current {
                Some(number) => hash.insert("current".to_owned(), number.to_string()),
                None => hash.remove("current"),
            };
        }
    }

    fn load(&self) -> Result<Registry, String> {
        Registry::load(self.0.iter().map(|(key, hash)| {
            let mut hash = hash.clone();
            let current = hash.remove("current").map(|number| number.parse().unwrap());
            let bytes = |(a, b): (String, String)| (a.into_bytes(), b.into_bytes());
            Stored {
                name: key.strip_prefix("view:").unwrap().to_owned(),
                current,
                fields: hash.into_iter().map(bytes).collect(),
            }
        }))
    }
}

fn shown(registry: &Registry) -> Vec<String> {
    let all = registry.all();
    all.map(|(name, view)| {
        let in_force = view.view.as_deref().map(write);
        format!(
            "{name} {in_force:?} {:?} {:?}",
            view.versions, view.features_ever
        )
    })
    .collect()
}

#[test]
fn versions_are_kept_and_come_back() {
    let mut kept = Kept::default();
    let mut registry = Registry::default();
    assert!(registry.is_empty());
    for (declared, lines) in [
        (view("a", "u:{id}", "x y"), vec!["+ view.a"]),
        (view("a", "u:{id}", "x y"), vec![]),
        (
            view("a", "u:{id}", "x z"),
            vec!["+ view.a.feature.z", "- view.a.feature.y"],
        ),
        (view("b", "u:{id}", "w"), vec!["+ view.b"]),
    ] {
        let change = registry.apply(declared, BY).unwrap();
        assert_eq!(change.lines, lines);
        assert_eq!(change.records.len(), usize::from(!lines.is_empty()));
        kept.keep(&change.records);
        registry = change.registry;
    }
    let change = registry.without("b", BY).unwrap();
    assert_eq!(change.lines, ["- view.b"]);
    kept.keep(&change.records);
    let registry = change.registry;
    assert!(registry.without("b", BY).is_none() && registry.without("c", BY).is_none());
    let a = registry.get("a").unwrap();
    assert_eq!(a.versions.len(), 2);
    assert!(a.features_ever.iter().eq(["x", "y", "z"]));
    assert!(registry.get("b").unwrap().view.is_none() && !registry.is_empty());
    assert_eq!(shown(&kept.load().unwrap()), shown(&registry));
    let again = registry.apply(view("b", "u:{id}", "y"), BY).unwrap();
    kept.keep(&again.records);
    assert_eq!(again.registry.get("b").unwrap().last().unwrap().number, 3);
    assert_eq!(shown(&kept.load().unwrap()), shown(&again.registry));
}

#[test]
fn what_cannot_be_read_is_said() {
    let mut kept = Kept::default();
    let change = Registry::default().apply(view("a", "u:{id}", "x"), BY);
    kept.keep(&change.unwrap().records);
    let damaged = |field: &str, value: Option<&str>| {
        let mut hash = kept.0["view:a"].clone();
        match value {
            Some(value) => hash.insert(field.to_owned(), value.to_owned()),
            None => hash.remove(field),
        };
        let damaged = Kept([("view:a".to_owned(), hash)].into());
        damaged.load().err().unwrap()
    };
    let disagree = "view a: its versions and the one in force do not agree";
    assert_eq!(damaged("current", None), disagree);
    assert_eq!(damaged("current", Some("2")), disagree);
    assert_eq!(damaged("v1", None), disagree);
    assert_eq!(damaged("v1", Some("{}")), "view a: field v1 is no version");
    let other = r#"{"time":1,"author":"a","text":null}"#;
    assert_eq!(damaged("v3", Some(other)), "view a: a version is missing");
    assert_eq!(damaged("v2", Some(other)), disagree);
    let other = r#"{"time":1,"author":"a","text":"x"}"#;
    assert!(damaged("v1", Some(other)).starts_with("view a: line 1: "));
}

#[test]
fn a_field_of_a_key_is_declared_once() {
    let registry = Registry::default();
    let both = |a: Vec<View>, b: Vec<View>| {
        let change = registry.apply([a, b].concat(), BY);
        change.err()
    };
    let a = || view("a", "{t}:u:{id}", "x y");
    assert_eq!(both(a(), view("b", "{t}:u:{id}", "z")), None);
    assert_eq!(both(a(), view("b", "{t}:m:{id}", "x")), None);
    let error = both(a(), view("b", "A:{id}", "z x")).unwrap();
    assert_eq!(
        error,
        "feature \"x\" is in view.a (key {t}:u:{id}) and in view.b (key A:{id}), which may have \
         the same keys"
    );
    // A feature may move from view to view in one step.
    let first = registry.apply([a(), view("b", "A:{id}", "z")].concat(), BY);
    let moved = [view("a", "{t}:u:{id}", "y"), view("b", "A:{id}", "z x")].concat();
    assert!(first.unwrap().registry.apply(moved, BY).is_ok());
}

#[test]
fn fields_are_found_by_key_and_name() {
    let declared = [
        view("a", "{t}:u:{id}", "x"),
        view("b", "{t}:u:{id}", "y"),
        view("c", "A:{rest}", "z"),
    ];
    let registry = Registry::default()
        .apply(declared.concat(), BY)
        .unwrap()
        .registry;
    let declarations = registry.declarations();
    assert_eq!(declarations.patterns(), 2);
    let found = |key: &str, field: &str| {
        let of_key = declarations.of_key(key.as_bytes())?;
        let declared = of_key.field(field.as_bytes())?;
        assert_eq!(declared.ttl, Some(1000));
        Some(declared.check(b"no").unwrap_err())
    };
    assert_eq!(
        found("A:u:1", "x").as_deref(),
        Some("a.x: \"no\" is not an int64")
    );
    assert!(found("A:u:1", "y").is_some() && found("A:u:1", "z").is_some());
    assert!(found("B:u:1", "z").is_none() && found("B:u:1", "x").is_some());
    assert!(found("u:1", "x").is_none() && found("A:u:1", "w").is_none());
}

#[test]
fn a_hundred_views_are_compared_with_as_many_keys_as_there_are_templates() {
    let entities = ["user", "merchant", "card", "device"];
    let views: Vec<View> = (0..100)
        .flat_map(|n: usize| {
            let (entity, feature) = (entities[n % 4], format!("f{n} g{n}"));
            view(
                &format!("v{n}"),
                &format!("{{t}}:{entity}:{{id}}"),
                &feature,
            )
        })
        .collect();
    let registry = Registry::default().apply(views, BY).unwrap().registry;
    assert_eq!(registry.declarations().patterns(), entities.len());
    let of_key = registry.declarations().of_key(b"A:card:1").unwrap();
    let declared = (0..100).filter(|n| of_key.field(format!("f{n}").as_bytes()).is_some());
    assert_eq!(declared.count(), 25);
}

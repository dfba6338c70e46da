//! Files, arguments, values, and what is said of wrong ones.

use super::*;
use std::io::ErrorKind;

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn no_env(_: &str) -> Option<String> {
    None
}

fn no_files(_: &Path) -> std::io::Result<String> {
    Err(ErrorKind::NotFound.into())
}

fn from_line(line: &str) -> Result<Config, ConfigErrors> {
    Config::assemble(&words(line), &no_env, &no_files)
}

fn from_file(text: &'static str) -> Result<Config, ConfigErrors> {
    let read = |path: &Path| match path.to_str() {
        Some("a.conf") => Ok(text.to_owned()),
        Some("more.conf") => Ok("port 7001\ntimeout 9\n".to_owned()),
        Some("circle.conf") => Ok("include circle.conf".to_owned()),
        _ => Err(ErrorKind::NotFound.into()),
    };
    Config::assemble(&words("a.conf"), &no_env, &read)
}

#[test]
fn the_defaults_are_valid_values() {
    let mut config = Config::default();
    for setting in settings() {
        let text = setting.get(&config);
        setting
            .set_text(&mut config, &text)
            .unwrap_or_else(|e| panic!("{}: {e}", setting.name));
        assert_eq!(setting.get(&config), text);
        assert_eq!(setting.name, setting.name.to_ascii_lowercase());
    }
    // What is usual depends on another setting; what is said does not.
    assert_eq!(config.save.take().map(|rules| rules.len()), Some(1));
    assert_eq!(config, Config::default());
}

#[test]
fn the_command_line_is_stronger_than_the_environment_and_that_than_the_file() {
    let env = |name: &str| match name {
        "FIELDSTONE_PORT" => Some("2".to_owned()),
        "FIELDSTONE_TIMEOUT" => Some("2".to_owned()),
        "FIELDSTONE_MAXCLIENTS" => Some("tcp://10.0.0.1:6379".to_owned()),
        _ => None,
    };
    let read = |_: &Path| Ok("port 1\ntimeout 1\nhz 11\n".to_owned());
    let config = Config::assemble(&words("a.conf --port 3"), &env, &read).unwrap();
    assert_eq!((config.port, config.timeout, config.hz), (3, 2, 11));
}

#[test]
fn settings_of_many_words() {
    let config = from_line("--bind 127.0.0.1 -::1 --port 7000 --MAXMEMORY 2gb").unwrap();
    assert_eq!(config.bind, ["127.0.0.1", "-::1"]);
    let quoted = from_file("bind \"127.0.0.1 ::1\" '' \" -::1 \"\n").unwrap();
    assert_eq!(quoted.bind, ["127.0.0.1", "::1", "-::1"]);
    assert_eq!((config.port, config.maxmemory), (7000, 2 << 30));
    let limits = "--client-output-buffer-limit normal 10mb 5m 7 replica 1 2 3";
    let config = from_line(limits).unwrap();
    let normal = config.output_limit(Class::Normal);
    assert_eq!(
        (normal.hard_bytes, normal.soft_bytes, normal.soft_seconds),
        (10 << 20, 5_000_000, 7)
    );
    assert_eq!(config.output_limit(Class::Replica).hard_bytes, 1);
    assert_eq!(config.output_limit(Class::PubSub).hard_bytes, 32 << 20);
    assert!(from_line("--client-output-buffer-limit normal 1 2").is_err());
    assert!(from_line("--client-output-buffer-limit nobody 1 2 3").is_err());
}

#[test]
fn a_file_is_read_with_comments_quotes_and_includes() {
    let config = from_file("# port 1\n\n  requirepass \"a b\\x41\"\ninclude more.conf\n").unwrap();
    assert_eq!(
        (config.requirepass.as_str(), config.port, config.timeout),
        ("a bA", 7001, 9)
    );
}

#[test]
fn an_error_says_what_and_where() {
    let cases = [
        (
            from_file("port 1\nprot 2\n"),
            "a.conf:2: 'prot' is not a setting; did you mean port?",
        ),
        (
            from_file("port x\n"),
            "a.conf:1: port: argument couldn't be parsed into an integer",
        ),
        (
            from_file("port\n"),
            "a.conf:1: port: wrong number of arguments",
        ),
        (
            from_file("requirepass \"x\n"),
            "a.conf:1: unbalanced quotes, or not UTF-8",
        ),
        (
            from_file("include none.conf\n"),
            "none.conf: entity not found",
        ),
        (
            from_file("include circle.conf\n"),
            "circle.conf:1: files include each other too deeply",
        ),
        (
            from_line("--port 65536"),
            "command line: port: argument must be between 0 and 65535 inclusive",
        ),
        (
            from_line("--save 60"),
            "command line: save: Invalid save parameters",
        ),
        (
            from_line("--nonsense 1"),
            "command line: 'nonsense' is not a setting",
        ),
        (from_line("none.conf"), "none.conf: entity not found"),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err().to_string(), expected);
    }
    let stray = Config::assemble(&words("a.conf 12"), &no_env, &|_| Ok(String::new()));
    assert_eq!(
        stray.unwrap_err().to_string(),
        "'12': a setting is given as --name value, a configuration file comes first"
    );
}

#[test]
fn memory_has_redis_units() {
    let cases = [
        ("0", 0),
        ("1k", 1000),
        ("1kb", 1024),
        ("3GB", 3 << 30),
        ("12b", 12),
    ];
    for (text, bytes) in cases {
        assert_eq!(value::bytes(text), Ok(bytes), "{text}");
    }
    for text in ["", "k", "1x", "-1", "1.5gb", "99999999999gb"] {
        assert!(value::bytes(text).is_err(), "{text}");
    }
}

#[test]
fn a_rewritten_file_gives_the_settings_of_now() {
    let text = "# mine\nport 7001\n\nport 7002\nmaxmemory 1gb\nbind 127.0.0.1 -::1\n";
    let mut config = Config::assemble(&words("a.conf"), &no_env, &|_| Ok(text.to_owned())).unwrap();
    config.requirepass = "two \"words\"\n".to_owned();
    config.output_limits[0].hard_bytes = 5;
    let rewritten = config.rewritten(text, &no_files).unwrap();
    assert!(rewritten.starts_with(
        "# mine\nport 7002\n\nmaxmemory 1gb\nbind 127.0.0.1 -::1\n# Generated by CONFIG REWRITE\n"
    ));
    let again = Config::assemble(&words("a.conf"), &no_env, &|_| Ok(rewritten.clone())).unwrap();
    assert_eq!(again, config);
    assert_eq!(
        config.rewritten(&rewritten, &no_files).unwrap(),
        rewritten,
        "written again, it stays the same"
    );
}

/// Where Redis 8.2 leaves the line before the include, and starts with the old value.
#[test]
fn what_an_included_file_would_take_back_is_appended() {
    let text = "port 7000\ntimeout 5\nmaxclients 100\ninclude more.conf\n# tail\nsave 300 1\n";
    let files = |path: &Path, text: &str| match path.to_str() {
        Some("a.conf") => Ok(text.to_owned()),
        Some("more.conf") => Ok("timeout 9\nhz 20\nsave 60 1000\nappendonly no\n".to_owned()),
        _ => Err(ErrorKind::NotFound.into()),
    };
    let read = |text: &str| {
        let read = |path: &Path| files(path, text);
        Config::assemble(&words("a.conf"), &no_env, &read).unwrap()
    };
    let mut config = read(text);
    // As it was read; then changed, also to what is the default.
    let same = config.rewritten(text, &|path| files(path, text)).unwrap();
    assert_eq!(read(&same), config);
    (config.timeout, config.hz, config.maxclients) = (33, 10, 200);
    config.set("save", &words("77 7"), String::new()).unwrap();
    let rewritten = config.rewritten(text, &|path| files(path, text)).unwrap();
    assert_eq!(
        rewritten,
        "port 7000\nmaxclients 200\ninclude more.conf\n# tail\n# Generated by CONFIG REWRITE\n\
         appendonly no\ntimeout 33\nhz 10\nsave \"\"\nsave \"77 7\"\n"
    );
    assert_eq!(read(&rewritten), config);
    let read_again = |path: &Path| files(path, &rewritten);
    let again = config.rewritten(&rewritten, &read_again).unwrap();
    assert_eq!(again, rewritten, "written again, it stays the same");
    // What a start could not read is not written.
    let gone = config.rewritten(text, &no_files).unwrap_err();
    assert_eq!(gone.to_string(), "more.conf: entity not found");
}

#[test]
fn checkpoints_are_usual_with_a_log_unless_said_otherwise() {
    let rules = |text| {
        let config = from_file(text).unwrap();
        let text = settings().find(|s| s.name == "save").unwrap().get(&config);
        (text, config.saves_without_log())
    };
    let is = |rules: &str, refused| (rules.to_owned(), refused);
    assert_eq!(rules("appendonly no\n"), is("", false));
    assert_eq!(rules(""), is("3600 1", false));
    assert_eq!(rules("save \"\"\nappendonly yes\n"), is("", false));
    let lines = "save 60 1000\nsave 300 10\nappendonly yes\n";
    assert_eq!(rules(lines), is("60 1000 300 10", false));
    assert_eq!(
        rules("save 60 1000\nappendonly no\n"),
        is("60 1000", true),
        "there is no log"
    );
}

/// Everything that is wrong is told in one run, whatever it is and wherever.
#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = "prot 7000\nport x\ntls-port 6380\nrename-command FLUSHALL \"\"\nappendfilename a\n";
    let read = |_: &Path| Ok(text.to_owned());
    let env = |name: &str| (name == "FIELDSTONE_HZ").then(|| "0".to_owned());
    let line = words("a.conf -p 1 --timout 5 --loglevel loud port 7");
    let errors = Config::assemble(&line, &env, &read).unwrap_err();
    let told: Vec<String> = errors.to_string().lines().map(str::to_owned).collect();
    let want = [
        "a.conf:1: 'prot' is not a setting; did you mean port?",
        "a.conf:2: port: argument couldn't be parsed",
        "a.conf:3: tls-port: there is no TLS",
        "a.conf:4: rename-command: commands keep their names",
        "environment: FIELDSTONE_HZ: argument must be between 1 and 500",
        "'-p': a setting is given as --name value, a configuration file comes first; did you mean \
         --port?",
        "command line: 'timout' is not a setting; did you mean timeout?",
        "command line: loglevel: wrong number of arguments",
    ];
    assert_eq!(told.len(), want.len(), "{errors}");
    for (told, want) in told.iter().zip(want) {
        assert!(told.starts_with(want), "{told}");
    }
}

/// What a file for Redis has is in one of the tables: Debian's starts, but for what it relies on.
#[test]
fn settings_of_redis_without_meaning_are_remembered() {
    let text =
        "appendfilename a.aof\nlist-compress-depth 0\nreplica-priority 50\nlfu-log-factor 7\n";
    let mut config = from_file(text).unwrap();
    assert_eq!(config.foreign.len(), 4);
    let priority = find_foreign("replica-priority").unwrap();
    assert_eq!(config.foreign(priority), "50");
    assert_eq!(config.foreign(find_foreign("rdbchecksum").unwrap()), "yes");
    config.set_foreign(priority, "60").unwrap();
    config
        .set_foreign(find_foreign("activedefrag").unwrap(), "yes")
        .unwrap();
    let rewritten = config.rewritten(text, &no_files).unwrap();
    assert_eq!(
        rewritten,
        "appendfilename a.aof\nlist-compress-depth 0\nreplica-priority 60\nlfu-log-factor 7\n\
         # Generated by CONFIG REWRITE\nactivedefrag yes\n"
    );
    let read = |_: &Path| Ok(rewritten.clone());
    let again = Config::assemble(&words("a.conf"), &no_env, &read).unwrap();
    assert_eq!(again.foreign, config.foreign);
}

//! AUTH HELLO.

use super::args::{is, parse_integer};
use super::connection::{ALWAYS, CONNECTION};
use super::error::printable;
use super::table::Command;
use super::{CommandError, Context, client};
use crate::instance::Instance;
use crate::resp::{Args, Protocol};

/// The only user there is.
pub const USER: &str = "default";

/// The Redis whose commands and replies these are; clients look at it to learn what they may use.
pub const REDIS_VERSION: &str = "7.4.2";

pub const COMMANDS: &[Command] = &[
    Command {
        name: "auth",
        arity: -2,
        flags: ALWAYS,
        since: "1.0.0",
        summary: "Authenticates the connection.",
        complexity: "O(N) where N is the number of passwords defined for the user",
        handler: auth,
        ..CONNECTION
    },
    Command {
        name: "hello",
        arity: -1,
        flags: ALWAYS,
        since: "6.0.0",
        summary: "Handshakes with the Redis server.",
        handler: hello,
        ..CONNECTION
    },
];

/// Whether new connections must give a password.
pub fn is_required(instance: &Instance) -> bool {
    !instance.config.read().requirepass.is_empty()
}

fn auth(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    if args.len() > 3 {
        return Err(CommandError::Syntax);
    }
    if args.len() == 2 && !is_required(ctx.instance) {
        return Err(
            "ERR AUTH <password> called without any password configured for the default user. \
                    Are you sure your configuration is correct?"
                .into(),
        );
    }
    let (user, password) = match args.len() {
        2 => (USER.as_bytes(), args.at(1)),
        _ => (args.at(1), args.at(2)),
    };
    authenticate(ctx, user, password)?;
    ctx.out.simple("OK");
    Ok(())
}

fn authenticate(ctx: &mut Context<'_>, user: &[u8], password: &[u8]) -> Result<(), CommandError> {
    let right = {
        let config = ctx.instance.config.read();
        let secret = config.requirepass.as_bytes();
        user == USER.as_bytes() && (secret.is_empty() || is_equal(password, secret))
    };
    if !right {
        ctx.instance.stats.auth_failures.add(1);
        return Err("WRONGPASS invalid username-password pair or user is disabled.".into());
    }
    ctx.session.authenticated = true;
    Ok(())
}

/// Compare in a time that depends on the guess only, not on where it differs.
fn is_equal(guess: &[u8], secret: &[u8]) -> bool {
    let pairs = guess.iter().zip(secret.iter().cycle());
    let differences = pairs.fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differences) == 0 && guess.len() == secret.len()
}

fn hello(ctx: &mut Context<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let mut protocol = None;
    if let Some(version) = args.get(1) {
        let version = parse_integer(version);
        let version = version.ok_or("ERR Protocol version is not an integer or out of range")?;
        protocol = match version {
            2 => Some(Protocol::Resp2),
            3 => Some(Protocol::Resp3),
            _ => return Err("NOPROTO unsupported protocol version".into()),
        };
    }
    let options = hello_options(args.from(2))?;
    if let Some((user, password)) = options.credentials {
        authenticate(ctx, user, password)?;
    }
    if !ctx.session.authenticated {
        return Err(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise \
                    the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the \
                    client and select the RESP protocol version at the same time"
                .into(),
        );
    }
    if let Some(name) = options.name {
        ctx.session.client.labels.lock().name = name;
    }
    if let Some(protocol) = protocol {
        ctx.out.protocol = protocol;
    }
    greet(ctx);
    Ok(())
}

#[derive(Default)]
struct Options<'a> {
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<String>,
}

fn hello_options(args: Args<'_>) -> Result<Options<'_>, CommandError> {
    let mut options = Options::default();
    let mut i = 0;
    while let Some(option) = args.get(i) {
        if is(option, "auth") && args.len() > i + 2 {
            options.credentials = Some((args.at(i + 1), args.at(i + 2)));
            i += 3;
        } else if is(option, "setname") && args.len() > i + 1 {
            options.name = Some(client::name_of(args.at(i + 1))?);
            i += 2;
        } else {
            let option = printable(option, 128);
            return Err(format!("ERR Syntax error in HELLO option '{option}'").into());
        }
    }
    Ok(options)
}

fn greet(ctx: &mut Context<'_>) {
    let out = &mut *ctx.out;
    out.map(7);
    out.bulk(b"server");
    out.bulk(b"redis");
    out.bulk(b"version");
    out.bulk(REDIS_VERSION.as_bytes());
    out.bulk(b"proto");
    out.integer(if out.protocol == Protocol::Resp3 {
        3
    } else {
        2
    });
    out.bulk(b"id");
    out.integer(ctx.session.client.id as i64);
    out.bulk(b"mode");
    out.bulk(b"standalone");
    out.bulk(b"role");
    out.bulk(b"master");
    out.bulk(b"modules");
    out.array(0);
}

#[cfg(test)]
mod tests {
    use super::is_equal;

    #[test]
    fn only_the_same_password_is_equal() {
        assert!(is_equal(b"secret", b"secret"));
        for guess in [
            &b""[..],
            b"s",
            b"secre",
            b"secretsecret",
            b"Secret",
            b"secret\0",
        ] {
            assert!(!is_equal(guess, b"secret"), "{guess:?}");
        }
    }
}

//! The address of the server to load into: `HOST:PORT` or `redis://[user:pass@]host:port/db`.

/// Where to connect and who to be there. Holds a password: no `Debug`.
#[derive(Default)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: Option<u32>,
}

const PORT_DEFAULT: u16 = 6379;

impl Server {
    pub fn parse(text: &str) -> Result<Server, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("redis", text));
        match scheme {
            "redis" => {}
            "rediss" => return Err("rediss:// (TLS) is not supported".to_owned()),
            other => return Err(format!("{other}:// is not a server's address")),
        }
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = host_and_port(address)?;
        let mut server = Server {
            host,
            port,
            ..Server::default()
        };
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            server.user = percent_decoded(user)?;
            server.password = percent_decoded(password)?;
        }
        if !path.is_empty() {
            let number = path
                .parse()
                .map_err(|_| format!("database {path:?} is not a number"))?;
            server.database = Some(number);
        }
        Ok(server)
    }
}

fn host_and_port(address: &str) -> Result<(String, u16), String> {
    let wrong = || format!("{address:?} is not HOST:PORT");
    // An IPv6 address has colons of its own and is written in brackets.
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(wrong)?;
            (
                host,
                (!rest.is_empty()).then_some(rest.strip_prefix(':').ok_or_else(wrong)),
            )
        }
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(Ok(port))),
            None => (address, None),
        },
    };
    if host.is_empty() {
        return Err(wrong());
    }
    let port = match port {
        Some(port) => port?.parse().map_err(|_| wrong())?,
        None => PORT_DEFAULT,
    };
    Ok((host.to_owned(), port))
}

/// Undo `%40`; an empty text is `None`.
fn percent_decoded(text: &str) -> Result<Option<String>, String> {
    let wrong = || "a % in the user or password that is not %XX".to_owned();
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let value = digit().and_then(|high| digit().map(|low| high * 16 + low));
        let value = value.and_then(|v| u8::try_from(v).ok());
        out.push(value.ok_or_else(wrong)?);
    }
    let text = String::from_utf8(out).map_err(|_| wrong())?;
    Ok((!text.is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("localhost:7000", "localhost", 7000),
            ("10.0.0.1", "10.0.0.1", 6379),
            ("[::1]:7000", "::1", 7000),
            ("redis://[::1]", "::1", 6379),
            ("redis://h:1/", "h", 1),
        ] {
            let server = Server::parse(text).unwrap();
            assert_eq!((server.host.as_str(), server.port), (host, port), "{text}");
            assert_eq!(server.password, None);
        }
    }

    #[test]
    fn login_and_database() {
        let server = Server::parse("redis://ann:p%40ss%3A@w@h:1/3").unwrap();
        assert_eq!(server.user.as_deref(), Some("ann"));
        assert_eq!(server.password.as_deref(), Some("p@ss:@w"));
        assert_eq!(server.database, Some(3));
        let server = Server::parse("redis://:secret@h").unwrap();
        assert_eq!(
            (server.user, server.password.as_deref()),
            (None, Some("secret"))
        );
    }

    #[test]
    fn what_is_refused() {
        for bad in [
            "",
            ":6379",
            "h:",
            "h:x",
            "h:70000",
            "[::1",
            "[::1]7",
            "h:1/x",
            "rediss://h",
            "http://h",
            "redis://a:%4@h",
            "redis://a:%zz@h",
            "redis://a:%ff@h",
        ] {
            assert!(Server::parse(bad).is_err(), "{bad}");
        }
    }
}

//! Addresses of servers: `HOST:PORT`, `redis://[user:pass@]host:port/db`, `rediss://` for TLS,
//! `unix:///path?db=1` (also `redis+unix://`) or the path of a socket.

use std::fmt;
use std::path::PathBuf;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Tcp { host: String, port: u16 },
    Unix(PathBuf),
}

/// Where to connect and who to be there. Holds a password: no `Debug`.
#[derive(Clone)]
pub struct Address {
    pub endpoint: Endpoint,
    pub tls: bool,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: Option<u32>,
}

const PORT_DEFAULT: u16 = 6379;

impl Address {
    pub fn parse(text: &str) -> Result<Address, String> {
        if text.starts_with('/') {
            return Address::unix(text);
        }
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme, rest),
            None => match text.strip_prefix("unix:") {
                Some(rest) => ("unix", rest),
                None => ("redis", text),
            },
        };
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let mut address = match scheme {
            "redis" | "rediss" => Address::tcp(rest, scheme == "rediss")?,
            "unix" | "redis+unix" => Address::unix(rest)?,
            other => return Err(format!("{other}:// is not a server's address")),
        };
        if let Some(login) = login {
            let (user, password) = login.split_once(':').unwrap_or((login, ""));
            address.user = percent_decoded(user)?;
            address.password = percent_decoded(password)?;
        }
        Ok(address)
    }

    fn tcp(text: &str, tls: bool) -> Result<Address, String> {
        let (place, database) = text.split_once('/').unwrap_or((text, ""));
        let (host, port) = host_and_port(place)?;
        Ok(Address {
            endpoint: Endpoint::Tcp { host, port },
            tls,
            user: None,
            password: None,
            database: database_number(database)?,
        })
    }

    fn unix(text: &str) -> Result<Address, String> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        if !path.starts_with('/') {
            return Err(format!("{path:?} is not the absolute path of a socket"));
        }
        let database = match query {
            "" => "",
            query => query
                .strip_prefix("db=")
                .ok_or_else(|| format!("?{query}: only ?db=NUMBER may follow the path"))?,
        };
        Ok(Address {
            endpoint: Endpoint::Unix(PathBuf::from(path)),
            tls: false,
            user: None,
            password: None,
            database: database_number(database)?,
        })
    }
}

/// Without the login: fit for messages.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.endpoint {
            Endpoint::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Endpoint::Tcp { host, port } => write!(f, "{host}:{port}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

fn database_number(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = text.parse();
    number
        .map(Some)
        .map_err(|_| format!("database {text:?} is not a number"))
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
    let text = super::percent_decode(text).ok_or_else(wrong)?;
    Ok((!text.is_empty()).then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Address::parse(text).unwrap().to_string()
    }

    #[test]
    fn addresses() {
        for (text, want) in [
            ("localhost:7000", "localhost:7000"),
            ("10.0.0.1", "10.0.0.1:6379"),
            ("[::1]:7000", "[::1]:7000"),
            ("redis://[::1]", "[::1]:6379"),
            ("redis://h:1/", "h:1"),
            ("rediss://h:1/", "h:1"),
            ("/run/s.sock", "/run/s.sock"),
            ("unix:/run/s.sock", "/run/s.sock"),
            ("unix:///run/s.sock?db=3", "/run/s.sock"),
            ("redis+unix://u:p@/run/s.sock", "/run/s.sock"),
        ] {
            assert_eq!(shown(text), want, "{text}");
        }
    }

    #[test]
    fn login_database_and_tls() {
        let address = Address::parse("rediss://ann:p%40ss%3A@w@h:1/3").unwrap();
        assert_eq!(address.user.as_deref(), Some("ann"));
        assert_eq!(address.password.as_deref(), Some("p@ss:@w"));
        assert_eq!((address.database, address.tls), (Some(3), true));
        let address = Address::parse("unix://:secret@/s?db=2").unwrap();
        assert_eq!(
            (address.user, address.password.as_deref(), address.database),
            (None, Some("secret"), Some(2))
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
            "http://h",
            "redis://a:%4@h",
            "redis://a:%zz@h",
            "redis://a:%ff@h",
            "unix:s.sock",
            "unix:///s?x=1",
            "unix:///s?db=x",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }
}

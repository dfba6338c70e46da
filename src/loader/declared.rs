//! The declaration of the view that is loaded: of a file, or as the server has it.

use super::LoadArgs;
use crate::client::Failure;
use crate::io;
use crate::resp::Reply;
use crate::view::View;
use crate::words::did_you_mean;

pub fn find(args: &LoadArgs, name: &str) -> Result<View, Failure> {
    let (text, of) = match &args.views {
        Some(path) => {
            let text = io::read_to_string(path);
            let text = text.map_err(|e| Failure::lasting(format!("{}: {e}", path.display())))?;
            (text, path.display().to_string())
        }
        None => ask(args, name)?,
    };
    let views = crate::view::read(&text);
    let mut views = views.map_err(|e| Failure::lasting(format!("{of}: {e}")))?;
    match views.iter().position(|view| view.name == name) {
        Some(at) => Ok(views.swap_remove(at)),
        None => {
            let names = views.iter().map(|view| view.name.as_str());
            let hint = did_you_mean(name, names);
            Err(Failure::lasting(format!("{of}: no view {name}{hint}")))
        }
    }
}

/// The text of the declaration, and the server that has it.
fn ask(args: &LoadArgs, name: &str) -> Result<(String, String), Failure> {
    let address = args.server.address().map_err(Failure::lasting)?;
    let connection = args.server.connect(&address);
    let reply = connection.and_then(|mut server| {
        let request: [&[u8]; 3] = [b"FS.VIEW", b"GET", name.as_bytes()];
        server.call(&request)
    });
    let reply = reply?;
    let server = address.to_string();
    match text_of(&reply) {
        Some(text) => Ok((String::from_utf8_lossy(text).into_owned(), server)),
        None => Err(Failure::lasting(format!(
            "{server}: FS.VIEW GET without a text"
        ))),
    }
}

/// Names and values in turn.
fn text_of(reply: &Reply) -> Option<&[u8]> {
    let Reply::Array(items) = reply else {
        return None;
    };
    items.chunks(2).find_map(|pair| match pair {
        [Reply::Bulk(name), Reply::Bulk(text)] if name == b"text" => Some(text.as_slice()),
        _ => None,
    })
}

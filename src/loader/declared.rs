//! The declaration of the view that is loaded: of a file, or as the server has it.

use super::{Failure, LoadArgs};
use crate::io;
use crate::resp::Reply;
use crate::view::View;

pub fn find(args: &LoadArgs, name: &str) -> Result<View, Failure> {
    let (text, of) = match &args.views {
        Some(path) => {
            let text = io::read_to_string(path);
            let text = text.map_err(|e| Failure::Failed(format!("{}: {e}", path.display())))?;
            (text, path.display().to_string())
        }
        None => ask(args, name)?,
    };
    let views = crate::view::read(&text);
    let views = views.map_err(|e| Failure::Failed(format!("{of}: {e}")))?;
    let found = views.into_iter().find(|view| view.name == name);
    found.ok_or_else(|| Failure::Usage(format!("{of}: no view {name}")))
}

/// The text of the declaration, and the server that has it.
fn ask(args: &LoadArgs, name: &str) -> Result<(String, String), Failure> {
    let address = args.server.address().map_err(Failure::Usage)?;
    let connection = args.server.connect(&address);
    let reply = connection.and_then(|mut server| {
        let request: [&[u8]; 3] = [b"FS.VIEW", b"GET", name.as_bytes()];
        server.call(&request)
    });
    let reply = reply.map_err(|e| Failure::Failed(e.to_string()))?;
    let server = address.to_string();
    match text_of(&reply) {
        Some(text) => Ok((String::from_utf8_lossy(text).into_owned(), server)),
        None => Err(Failure::Failed(format!(
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

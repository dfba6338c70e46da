//! TLS of a client: the system's certificates, or those of a file.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

/// Speak TLS on `stream`, to a server that shows a certificate for `host`.
pub fn start(stream: TcpStream, host: &str, cacert: Option<&Path>) -> Result<TlsStream, String> {
    let roots = match cacert {
        Some(path) => of_file(path).map_err(|e| format!("{}: {e}", path.display()))?,
        None => of_the_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(|e| e.to_string())?;
    let session = ClientConnection::new(Arc::new(config), name).map_err(|e| e.to_string())?;
    let mut stream = StreamOwned::new(session, stream);
    // Now rather than with the first request: a certificate that is refused is no lost connection.
    stream
        .conn
        .complete_io(&mut stream.sock)
        .map_err(|e| match e.kind() {
            // What a socket's timeout looks like.
            ErrorKind::WouldBlock => "TLS: no answer (a server without TLS?)".to_owned(),
            _ => format!("TLS: {e}"),
        })?;
    Ok(stream)
}

fn of_file(path: &Path) -> Result<RootCertStore, String> {
    let text = crate::io::read_to_string(path).map_err(|e| e.to_string())?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(text.as_bytes()) {
        let certificate = certificate.map_err(|e| e.to_string())?;
        roots.add(certificate).map_err(|e| e.to_string())?;
    }
    if roots.is_empty() {
        return Err("no certificate in it".to_owned());
    }
    Ok(roots)
}

fn of_the_system() -> Result<RootCertStore, String> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        return Err("the system has no certificates to trust; name some with --cacert".to_owned());
    }
    Ok(roots)
}

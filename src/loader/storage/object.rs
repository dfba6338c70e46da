//! Object stores: Amazon S3 and what speaks its protocol, Google Cloud Storage, Azure Blob Storage.
//!
//! Who we are and where the store is come from the environment variables that each store's own
//! tools know (`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_SERVICE_ACCOUNT`,
//! `AZURE_STORAGE_ACCOUNT_NAME` ...).

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use super::{Blob, Entry, Listing, Store};

/// After failures that may pass, such as a lost connection.
const RETRIES_MAX: usize = 5;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// The variables that name an endpoint, which is trusted without TLS if it is on this machine.
const ENDPOINTS: [&str; 4] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT",
    "AWS_ENDPOINT_URL_S3",
    "AZURE_STORAGE_ENDPOINT",
];

/// Asynchronous inside, driven by whoever waits for it.
struct Remote {
    store: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
    /// `s3://bucket`
    root: String,
}

/// The store that `source` names, and the path in it.
pub fn open(scheme: &str, source: &str) -> Result<(impl Store + use<>, String), String> {
    let (_, rest) = source.split_once("://").unwrap_or_default();
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("no bucket in it".to_owned());
    }
    let root = format!("{scheme}://{bucket}");
    // The provider that all TLS of this program uses; it is the same if it is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let store = build(scheme, &root).map_err(|e| e.to_string())?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let remote = Remote {
        store,
        runtime: Arc::new(runtime.map_err(|e| e.to_string())?),
        root,
    };
    Ok((remote, path.trim_end_matches('/').to_owned()))
}

fn build(scheme: &str, root: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    let retry = RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    let local = ENDPOINTS
        .iter()
        .filter_map(|name| std::env::var(name).ok())
        .any(|endpoint| is_loopback(&endpoint));
    Ok(match scheme {
        "s3" => {
            let builder = AmazonS3Builder::from_env().with_url(root).with_retry(retry);
            let builder = if local {
                builder.with_allow_http(true)
            } else {
                builder
            };
            Arc::new(builder.build()?)
        }
        "gs" => {
            let builder = GoogleCloudStorageBuilder::from_env().with_url(root);
            Arc::new(builder.with_retry(retry).build()?)
        }
        _ => {
            let builder = MicrosoftAzureBuilder::from_env()
                .with_url(root)
                .with_retry(retry);
            let builder = if local {
                builder.with_allow_http(true)
            } else {
                builder
            };
            Arc::new(builder.build()?)
        }
    })
}

fn is_loopback(endpoint: &str) -> bool {
    let Some(rest) = endpoint.strip_prefix("http://") else {
        return false;
    };
    let host = rest.split('/').next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name == "[::1]" || {
        let ip: Result<std::net::Ipv4Addr, _> = name.parse();
        ip.is_ok_and(|ip| ip.is_loopback())
    }
}

impl Store for Remote {
    fn list(&self, folder: &str) -> io::Result<Listing> {
        let prefix = parse(folder)?;
        let listed = self.store.list_with_delimiter(Some(&prefix));
        let listed = self.runtime.block_on(listed).map_err(failed)?;
        let name = |path: &Path| path.filename().unwrap_or_default().to_owned();
        Ok(Listing {
            folders: listed.common_prefixes.iter().map(name).collect(),
            files: listed.objects.iter().map(entry).collect(),
        })
    }

    fn find(&self, path: &str) -> io::Result<Option<Entry>> {
        if path.is_empty() {
            return Ok(None);
        }
        match self.runtime.block_on(self.store.head(&parse(path)?)) {
            Ok(meta) => Ok(Some(entry(&meta))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(failed(e)),
        }
    }

    fn open(&self, path: &str, bytes: u64) -> io::Result<Arc<dyn Blob>> {
        Ok(Arc::new(RemoteBlob {
            store: self.store.clone(),
            runtime: self.runtime.clone(),
            path: parse(path)?,
            bytes,
        }))
    }

    fn show(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }
}

/// A path as it is: what looks like an escape in it (`%20`) is part of the name.
fn parse(path: &str) -> io::Result<Path> {
    Path::parse(path).map_err(|e| io::Error::other(e.to_string()))
}

fn entry(meta: &ObjectMeta) -> Entry {
    let tag = meta.e_tag.clone();
    Entry {
        name: meta.location.filename().unwrap_or_default().to_owned(),
        bytes: meta.size,
        version: tag.unwrap_or_else(|| meta.last_modified.to_rfc3339()),
    }
}

fn failed(e: Error) -> io::Error {
    io::Error::other(e.to_string())
}

struct RemoteBlob {
    store: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
    path: Path,
    bytes: u64,
}

impl Blob for RemoteBlob {
    fn len(&self) -> u64 {
        self.bytes
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let read = self.read_all(std::slice::from_ref(&range))?;
        read.into_iter()
            .next()
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn read_all(&self, ranges: &[Range<u64>]) -> io::Result<Vec<Bytes>> {
        let mut lengths = Vec::with_capacity(ranges.len());
        for range in ranges {
            lengths.push(super::length_within(range, self.bytes)?);
        }
        if lengths.iter().all(|length| *length == 0) {
            return Ok(vec![Bytes::new(); ranges.len()]);
        }
        let read = self.store.get_ranges(&self.path, ranges);
        let read = self.runtime.block_on(read).map_err(failed)?;
        // A store that sends less than it was asked for.
        match read.iter().map(Bytes::len).eq(lengths) {
            true => Ok(read),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for (endpoint, want) in [
            ("http://127.0.0.1:5000", true),
            ("http://localhost/x", true),
            ("http://[::1]:5000/", true),
            ("http://10.0.0.1:5000", false),
            ("http://localhost.example.com", false),
            ("https://127.0.0.1", false),
        ] {
            assert_eq!(is_loopback(endpoint), want, "{endpoint}");
        }
    }
}

//! The options that say where the data of a site is.

use crate::Result;
use crate::database::Database;
use crate::objects::Objects;
use crate::operations::Ages;
use crate::site::{Clock, Site};
use clap::Args;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, RetryConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

/// How long a connection to the database may take, and how long a session may wait for a free one.
const CONNECT: Duration = Duration::from_secs(2);
const WAIT: Duration = Duration::from_secs(3);

/// How long the object store may be silent, and for how long a request that failed is tried again.
const SILENCE: &str = "20 s";
const RETRY: Duration = Duration::from_secs(10);

/// How long a request to the object store may take as a whole.
const NO_LIMIT: &str = "1 year";

/// Where a site keeps its data. Each option can come from the environment. Passwords come from there only.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// The database: postgres://USER@HOST/NAME. Its password is in PGPASSWORD, or in the URL if that is in SITE_STORE. TLS is required if it is on
    /// another machine; ?sslmode=disable and ?sslmode=require decide otherwise
    #[arg(long, value_name = "URL", env = "SITE_STORE", hide_env_values = true)]
    pub store: String,
    /// The bodies: file:///FOLDER, or s3://BUCKET/PREFIX with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT
    #[arg(long, value_name = "URL", env = "SITE_BODIES")]
    pub bodies: String,
    /// The certificates to trust for the database [default: those of the system]
    #[arg(long, value_name = "PEM", env = "SITE_STORE_CA")]
    pub store_ca: Option<PathBuf>,
    /// The maximum number of connections to the database
    #[arg(long, value_name = "COUNT", env = "SITE_STORE_CONNECTIONS", default_value_t = 8)]
    pub store_connections: usize,
    /// Prepare statements once for each connection. Faster, but a pooler must support it (pgbouncer since 1.21)
    #[arg(long, env = "SITE_NAMED_STATEMENTS")]
    pub named_statements: bool,
    /// How many seconds a maildrop stays locked after the node that served it has died
    #[arg(long, value_name = "SECONDS", env = "SITE_LEASE", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub lease: u64,
}

/// When the nodes delete bodies without a message.
#[derive(Args, Clone, Copy, Debug)]
pub struct Collection {
    /// For how many days to keep the bodies of removed messages. A backup of the database that is not older can be restored
    #[arg(long, value_name = "DAYS", env = "SITE_KEEP_DAYS", default_value_t = 7)]
    pub keep_days: u32,
    /// How many hours a delivery may take
    #[arg(long, value_name = "HOURS", env = "SITE_DELIVERY_HOURS", default_value_t = 24)]
    pub delivery_hours: u32,
}

impl Options {
    /// Returns the site that these options describe. Connects to nothing yet.
    ///
    /// # Errors
    /// Returns an error that names the wrong option. It never shows a URL, which may have a password.
    pub fn site(&self) -> Result<Site<Database, Objects>> {
        let database = Database::new(self.pool()?, self.lease(), self.named_statements);
        Ok(Site { rows: database, bodies: self.objects()?, clock: Clock })
    }

    /// Returns how long a lease lasts.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease)
    }

    fn pool(&self) -> Result<Pool> {
        let mut config: Config =
            self.store.parse().map_err(|_| "--store is not postgres://USER@HOST/NAME")?;
        let is_from_environment = std::env::var("SITE_STORE").is_ok_and(|url| url == self.store);
        if config.get_password().is_some() && !is_from_environment {
            return Err("--store has a password, which every user can read: put it in PGPASSWORD".into());
        }
        if let (None, Ok(password)) = (config.get_password(), std::env::var("PGPASSWORD")) {
            config.password(password);
        }
        config.connect_timeout(CONNECT);
        if config.get_application_name().is_none() {
            config.application_name("pop3-proto site");
        }
        let settings = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match wants_tls(&config) {
            false => Manager::from_config(config.ssl_mode(SslMode::Disable).clone(), NoTls, settings),
            true => {
                let tls = MakeRustlsConnect::new(self.tls()?);
                Manager::from_config(config.ssl_mode(SslMode::Require).clone(), tls, settings)
            }
        };
        let pool = Pool::builder(manager).max_size(self.store_connections.max(1)).runtime(Runtime::Tokio1);
        Ok(pool.wait_timeout(Some(WAIT)).create_timeout(Some(WAIT)).build()?)
    }

    fn tls(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        match &self.store_ca {
            Some(path) => {
                let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
                for certificate in CertificateDer::pem_file_iter(path).map_err(|error| told(&error))? {
                    roots.add(certificate.map_err(|error| told(&error))?).map_err(|error| told(&error))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }

    fn objects(&self) -> Result<Objects> {
        let url = Url::parse(&self.bodies).map_err(|error| format!("--bodies is not a URL: {error}"))?;
        match url.scheme() {
            "file" => {
                let folder = url.to_file_path().map_err(|()| "--bodies is not file:///FOLDER")?;
                std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
                Objects::in_folder(&folder)
            }
            "s3" => {
                // The HTTP client of object_store needs a provider that is set for the whole program.
                rustls::crypto::ring::default_provider().install_default().ok();
                let bucket = url.host_str().ok_or("--bodies is not s3://BUCKET/PREFIX")?;
                let store = s3(bucket).build()?;
                match url.path().trim_matches('/') {
                    "" => Ok(Objects::new(store)),
                    prefix => Ok(Objects::new(PrefixStore::new(store, prefix))),
                }
            }
            _ => Err("--bodies is neither file:///FOLDER nor s3://BUCKET/PREFIX".into()),
        }
    }
}

/// Returns how to reach a bucket.
///
/// A body is read as fast as its client takes it, and a client may be slow. So only waiting for the store has a limit, and the whole request has
/// none. A client that waits gets an answer soon, because it gives up after a minute or two.
fn s3(bucket: &str) -> AmazonS3Builder {
    let backoff = BackoffConfig { max_backoff: Duration::from_secs(2), ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: 5, retry_timeout: RETRY };
    AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_allow_http(true) // used only if AWS_ENDPOINT asks for it
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), NO_LIMIT)
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::ReadTimeout), SILENCE)
        .with_retry(retry)
}

/// Returns whether to speak TLS: always, unless the URL says no, or the database is on this machine and the URL says nothing. Packages of PostgreSQL
/// offer TLS with a certificate that nobody signed, so an offer alone means nothing.
fn wants_tls(config: &Config) -> bool {
    let is_loopback = |address: &IpAddr| address.is_loopback();
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address| is_loopback(&address)),
        Host::Unix(_) => true,
    };
    match config.get_ssl_mode() {
        SslMode::Disable => false,
        SslMode::Prefer => {
            let addresses = config.get_hostaddrs();
            !(config.get_hosts().iter().all(is_here) && addresses.iter().all(is_loopback))
        }
        _ => true,
    }
}

impl Collection {
    /// Returns the ages of bodies to collect.
    #[must_use]
    pub fn ages(self) -> Ages {
        let hours = |hours: u64| hours.saturating_mul(60 * 60 * 1000);
        Ages { coming: hours(self.delivery_hours.into()), going: hours(u64::from(self.keep_days) * 24) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_database_on_this_machine_or_a_url_that_asks_for_it_does_without_tls() {
        let cases = [
            ("postgres://site@127.0.0.1/site", false),
            ("postgres://site@localhost/site", false),
            ("postgres://site@[::1]/site", false),
            ("postgres:///site?host=/run/postgresql", false),
            ("postgres://site@10.0.0.1/site?sslmode=disable", false),
            ("postgres://site@10.0.0.1/site", true),
            ("postgres://site@db.example.org/site?sslmode=prefer", true),
            ("postgres://site@localhost/site?sslmode=require", true),
            ("postgres://site@localhost,db.example.org/site", true),
            ("postgres://site@localhost/site?hostaddr=10.0.0.1", true),
        ];
        for (url, tls) in cases {
            assert_eq!(wants_tls(&url.parse().unwrap()), tls, "{url}");
        }
    }
}

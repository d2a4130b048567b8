//! What the mail fetcher and the server share: TLS, SCRAM, and the drivers under tokio.

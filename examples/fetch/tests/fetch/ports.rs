//! Wrong ports, untrusted certificates, and addresses that do not answer.

use crate::kit::GREETING;
use crate::scripted::{Scripted, listen, program, run, self_signed, server_config, usual};
use pop3_proto_fetch::tls::{self, Fingerprint};
use pop3_proto_fetch::{Exit, Options, Tls};
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, ServerConfig};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::tempdir;

const SOON: Duration = Duration::from_secs(15);

/// Returns an error and how long it took.
fn failed(url: &str, change: impl FnOnce(&mut Options)) -> (String, Duration) {
    let start = Instant::now();
    let run = run(url, change);
    assert_eq!(run.done.as_ref().unwrap_err().exit, Exit::Connection);
    (run.error(), start.elapsed())
}

fn usual_tls(config: ServerConfig) -> Scripted {
    Scripted::tls(config, || Box::new(|command| usual(command).map(String::from)))
}

fn pinned(fingerprint: Fingerprint) -> impl FnOnce(&mut Options) {
    move |options| options.connector = Some(tls::pinned(fingerprint).unwrap())
}

#[test]
fn a_server_of_another_protocol_is_shown_and_named() {
    for (greeting, named) in [
        ("* OK \x1b[2JIMAP4rev1 ready\r\n", "IMAP"),
        ("220 mail.example.com ESMTP\r\n", "SMTP"),
        ("HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        ("SSH-2.0-x\r\n", "SSH"),
    ] {
        let server = Scripted::cleartext(move || Box::new(move |_| Some(greeting.into())));
        let (error, _) = failed(&server.url("pop3"), |_| {});
        let shown = greeting.trim_end().as_bytes().escape_ascii().to_string();
        assert!(error.contains(&shown) && error.contains(named), "{error}");
    }
}

#[test]
fn the_line_that_broke_the_session_is_shown() {
    let server =
        Scripted::answering(|command| if command == "LIST" { Some("?\x07what\r\n") } else { usual(command) });
    let (error, _) = failed(&server.url("pop3"), |_| {});
    assert!(error.contains(r"'?\x07what'"), "{error}");
}

#[test]
fn pop3_to_a_tls_port_is_named_within_seconds() {
    let (certificate, key) = self_signed(false, &["localhost"]);
    let server = usual_tls(server_config(certificate, &key, ALL_VERSIONS));
    let (error, passed) = failed(&server.url("pop3"), |_| {});
    assert!(error.contains("TLS") && error.contains("pop3s://"), "{error}");
    assert!(passed < SOON, "{passed:?}");
}

#[test]
fn a_server_that_waits_for_a_request_is_named_within_seconds() {
    let address = listen(|mut stream| {
        std::thread::spawn(move || {
            let _ = stream.read(&mut [0; 600]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
        });
    });
    let (error, passed) = failed(&format!("pop3://mrose@{address}"), |_| {});
    assert!(error.contains("'HTTP/1.1 400 Bad Request'") && error.contains("check the port"), "{error}");
    assert!(passed < SOON, "{passed:?}");
}

#[test]
fn a_server_that_is_only_slow_is_waited_for() {
    let server = Scripted::cleartext(|| {
        Box::new(|command| {
            if command == GREETING {
                std::thread::sleep(Duration::from_secs(7));
            }
            usual(command).map(String::from)
        })
    });
    assert_eq!(run(&server.url("pop3"), |_| {}).tally.stored, 1);
}

#[test]
fn pop3s_to_a_port_without_tls_is_named() {
    let nobody = || pinned(Fingerprint::of(b""));
    for (greeting, cause) in [("+OK ready\r\n", "use pop3://"), ("* OK IMAP4rev1 \x1b[2J\r\n", "IMAP")] {
        let server = Scripted::cleartext(move || Box::new(move |_| Some(greeting.into())));
        let (error, _) = failed(&server.url("pop3s"), nobody());
        let shown = greeting.trim_end().as_bytes().escape_ascii().to_string();
        assert!(error.contains(&shown) && error.contains(cause), "{error}");
    }
}

#[test]
fn the_trace_shows_lines_of_other_protocols() {
    let server = Scripted::cleartext(|| Box::new(|_| Some("* OK \x1b[2J IMAP4rev1\r\n".into())));
    let (output, trace) = program(&tempdir().unwrap(), &[&server.url("pop3"), "--trace"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(trace.contains("S: * OK \u{fffd}[2J IMAP4rev1\n") && !trace.contains('\x1b'), "{trace}");

    let server = Scripted::cleartext(|| Box::new(|_| Some("+OK plain words\r\n".into())));
    let fingerprint = Fingerprint::of(b"").to_string();
    let arguments = [&server.url("pop3s"), "--trace", "--fingerprint", &fingerprint];
    let (_, trace) = program(&tempdir().unwrap(), &arguments);
    assert!(trace.contains("S: +OK plain words\n"), "{trace}");
}

#[test]
fn the_trace_hides_a_password_that_the_server_repeats() {
    let server = Scripted::answering(|command| match command {
        "PASS tanstaaf" => Some("-ERR what is tanstaaf?\r\n"),
        other => usual(other),
    });
    let (_, trace) = program(&tempdir().unwrap(), &[&server.url("pop3"), "--trace"]);
    assert!(trace.contains("what is ********?") && !trace.contains("tanstaaf"), "{trace}");
}

#[test]
fn a_certificate_that_issued_itself_is_explained() {
    let (certificate, key) = self_signed(true, &["127.0.0.1"]);
    let folder = tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    pem(&ca, &certificate);
    let server = usual_tls(server_config(certificate.clone(), &key, ALL_VERSIONS));
    let trusting = |options: &mut Options| options.connector = Some(tls::connector(Some(&ca)).unwrap());
    let (error, _) = failed(&server.url("pop3s"), trusting);
    let fingerprint = Fingerprint::of(&certificate);
    assert!(
        error.contains("self-signed") && error.contains(&format!("--fingerprint {fingerprint}")),
        "{error}"
    );
    assert!(!error.contains("CaUsedAsEndEntity"), "{error}");
}

#[test]
fn other_certificates_are_explained_too() {
    let (certificate, key) = self_signed(false, &["mail.example.com"]);
    let folder = tempdir().unwrap();
    let (own, other) = (folder.path().join("own.pem"), folder.path().join("other.pem"));
    pem(&own, &certificate);
    pem(&other, &self_signed(true, &["x"]).0);
    for (ca, why) in [(&own, "for another name"), (&other, "--ca")] {
        let server = usual_tls(server_config(certificate.clone(), &key, ALL_VERSIONS));
        let trusting = |options: &mut Options| options.connector = Some(tls::connector(Some(ca)).unwrap());
        let (error, _) = failed(&server.url("pop3s"), trusting);
        assert!(error.contains(why) && error.contains("--fingerprint sha256:"), "{error}");
    }
}

#[test]
fn a_fingerprint_replaces_chain_and_name() {
    for is_ca in [true, false] {
        let (certificate, key) = self_signed(is_ca, &["mail.example.com"]);
        for versions in [&[&TLS12][..], &[&TLS13]] {
            let server = usual_tls(server_config(certificate.clone(), &key, versions));
            let run = run(&server.url("pop3s"), pinned(Fingerprint::of(&certificate)));
            run.done.unwrap();
            assert_eq!(run.tally.stored, 1);
        }
    }
}

#[test]
fn another_certificate_than_that_of_the_fingerprint_is_refused() {
    let (certificate, key) = self_signed(false, &["127.0.0.1"]);
    let server = usual_tls(server_config(certificate.clone(), &key, ALL_VERSIONS));
    let (error, _) = failed(&server.url("pop3s"), pinned(Fingerprint::of(b"another")));
    assert!(error.contains(&Fingerprint::of(&certificate).to_string()), "{error}");
    assert!(server.heard("").is_empty());
}

#[test]
fn a_certificate_without_its_key_is_refused_whatever_the_fingerprint_is() {
    let (certificate, _) = self_signed(false, &["127.0.0.1"]);
    let (_, stolen) = self_signed(false, &["127.0.0.1"]);
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let server = usual_tls(server_config(certificate.clone(), &stolen, versions));
        failed(&server.url("pop3s"), pinned(Fingerprint::of(&certificate)));
        assert!(server.heard("").is_empty());
    }
}

#[test]
fn a_refused_stls_is_explained() {
    let server =
        Scripted::answering(
            |command| if command == "STLS" { Some("-ERR no \x1b[2J\r\n") } else { usual(command) },
        );
    let (error, _) = failed(&server.url("pop3"), |options| {
        options.account.tls = Tls::Stls;
        pinned(Fingerprint::of(b""))(options);
    });
    assert!(error.contains("pop3s://") && !error.contains('\x1b'), "{error}");
}

fn pem(path: &Path, certificate: &[u8]) {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<_> =
        encoded.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    std::fs::write(path, pem).unwrap();
}

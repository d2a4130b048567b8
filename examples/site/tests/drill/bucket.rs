//! An object store that speaks as much S3 as a site needs, and fails as a test wants.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{park, spawn};

/// What happens to the next requests for an object.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Fault {
    #[default]
    None,
    /// The connection breaks after this many octets.
    Cut(usize),
    /// The connection breaks at this place of a body.
    Stop(usize),
    /// No response arrives.
    Silent,
    /// The store is busy: status 503.
    Busy,
}

/// A bucket in memory. It works until the process ends.
pub(crate) struct Bucket {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    objects: HashMap<String, Vec<u8>>,
    fault: Fault,
    gets: u32,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let bucket = Bucket { port, state: Arc::clone(&state) };
        spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&state);
                // An error is a connection that was closed.
                spawn(move || stream.and_then(|stream| serve(stream, &state)));
            }
        });
        bucket
    }

    /// Makes a program keep its bodies here.
    pub(crate) fn give_to(&self, mut program: Command) -> Command {
        program
            .env("SITE_BODIES", "s3://mail/bodies")
            .env("AWS_ENDPOINT", format!("http://127.0.0.1:{}", self.port));
        program
            .env("AWS_ACCESS_KEY_ID", "key")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_REGION", "us-east-1");
        program
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.lock().fault = fault;
    }

    /// Returns how many requests for an object there were.
    pub(crate) fn gets(&self) -> u32 {
        self.lock().gets
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut input = BufReader::new(stream.try_clone()?);
    let mut output = stream;
    loop {
        let (mut request, mut length, mut range) = (String::new(), 0, (0, 0));
        if input.read_line(&mut request)? == 0 {
            return Ok(());
        }
        loop {
            let mut line = String::new();
            input.read_line(&mut line)?;
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                None => break,
                Some(("content-length", value)) => length = value.parse().unwrap(),
                Some(("range", value)) => {
                    let (first, last) =
                        value.strip_prefix("bytes=").and_then(|range| range.split_once('-')).unwrap();
                    range = (first.parse().unwrap(), last.parse::<usize>().unwrap() + 1);
                }
                Some(_) => {}
            }
        }
        let mut body = vec![0; length];
        input.read_exact(&mut body)?;
        let mut words = request.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap().to_owned());
        if method == "PUT" {
            state.lock().unwrap().objects.insert(path, body);
            output.write_all(b"HTTP/1.1 200 OK\r\nETag: \"1\"\r\nContent-Length: 0\r\n\r\n")?;
            continue;
        }
        assert_eq!(method, "GET", "{request}");
        let (object, fault) = {
            let mut state = state.lock().unwrap();
            state.gets += 1;
            (state.objects[&path].clone(), state.fault)
        };
        let part = &object[range.0..range.1.min(object.len())];
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nETag: \"1\"\r\nLast-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
            Content-Range: bytes {}-{}/{}\r\nContent-Length: {}\r\n\r\n",
            range.0,
            range.0 + part.len() - 1,
            object.len(),
            part.len()
        );
        match fault {
            Fault::None => output.write_all(&[head.as_bytes(), part].concat())?,
            Fault::Cut(octets) => {
                return output.write_all(&[head.as_bytes(), &part[..octets.min(part.len())]].concat());
            }
            Fault::Stop(at) => {
                let octets = at.saturating_sub(range.0).min(part.len());
                return output.write_all(&[head.as_bytes(), &part[..octets]].concat());
            }
            Fault::Busy => output.write_all(b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n\r\n")?,
            Fault::Silent => loop {
                park();
            },
        }
    }
}

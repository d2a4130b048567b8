//! The health of a node over HTTP, for the load balancer: `/live` and `/ready`.

use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// How long one request may take, with its connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers on this address until the future is dropped: `/live` with 200, and `/ready` with 200 or 503.
pub async fn serve(listener: TcpListener, is_ready: impl Fn() -> bool + Send + Sync + 'static) {
    let is_ready = Arc::new(is_ready);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            sleep(Duration::from_millis(100)).await; // no file descriptor is free
            continue;
        };
        let is_ready = Arc::clone(&is_ready);
        let answer = service_fn(move |request: Request<Incoming>| {
            let status = status(request.method(), request.uri().path(), &*is_ready);
            async move {
                let mut response = Response::new(Empty::<Bytes>::new());
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
        tokio::spawn(timeout(PATIENCE, http.serve_connection(TokioIo::new(stream), answer)));
    }
}

fn status(method: &Method, path: &str, is_ready: impl Fn() -> bool) -> StatusCode {
    match path {
        "/live" | "/ready" if !matches!(*method, Method::GET | Method::HEAD) => {
            StatusCode::METHOD_NOT_ALLOWED
        }
        "/live" => StatusCode::OK,
        "/ready" if is_ready() => StatusCode::OK,
        "/ready" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::NOT_FOUND,
    }
}

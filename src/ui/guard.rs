//! What keeps other pages out of ours: a random token in the address, and checks of where a request comes from.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The page's own scripts and styles, and nothing from anywhere else.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// 128 random bits as hexadecimal digits.
///
/// # Errors
/// The system has no random numbers.
pub(super) fn token() -> io::Result<String> {
    let mut bytes = [0u8; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

/// The address that opens the page of a server: `http://127.0.0.1:9000/3f.../`.
pub(super) fn link(mut address: SocketAddr, token: &str) -> String {
    // "Every address" is none that a browser can open.
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("http://{address}/{token}/")
}

/// Only a page of our own can send the header: others would have to ask first, and are refused.
pub(super) fn is_ours(headers: &HeaderMap) -> bool {
    headers.contains_key("x-vrseg")
}

/// Refuses what another page asks for, and tells the browser to be strict.
pub(super) async fn refuse_foreign_origin(request: Request<Body>, next: Next) -> Response {
    let headers = request.headers();
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let value = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    // A link may be followed from anywhere: it has the token in it.
    let link = request.method() == Method::GET && value("sec-fetch-mode") == Some("navigate");
    let foreign = text(header::ORIGIN).is_some_and(|origin| origin != format!("http://{host}"))
        || value("sec-fetch-site").is_some_and(|site| !link && site != "same-origin" && site != "none");
    if foreign {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

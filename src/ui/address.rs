//! Addresses on which the program listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// `9000`, `127.0.0.1:9000`, `[::1]:9000`, `localhost:9000`; without a host only this machine is
/// served. Port 0 is any free one.
///
/// # Errors
/// A sentence with the expected form.
pub(crate) fn parse(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    address.parse().map_err(|_| "expected PORT or IP:PORT, such as 9000, 127.0.0.1:9000 or [::1]:9000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_without_a_host_is_loopback() {
        assert!(parse("9000").expect("a port").ip().is_loopback());
        assert_eq!(parse("localhost:80"), parse("127.0.0.1:80"));
        assert_eq!(parse("0.0.0.0:1").expect("an address").port(), 1);
        assert!(parse("[::1]:0").expect("an address").is_ipv6());
        for bad in ["", "host:80", "127.0.0.1", "70000", ":80"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}

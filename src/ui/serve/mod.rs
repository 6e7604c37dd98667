//! `--serve`: a web page that shows the run and can stop it. Everything is under a random token in the address;
//! nothing is loaded from elsewhere.

use crate::ui::guard;
use crate::ui::http::Server;
use crate::ui::picture::{Image, Picture};
use crate::ui::status::{HistoryPoint, LogMessage, Phase, RunStatus, Snapshot, StopFn};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use vrseg_engine::telemetry::SHOWN_ON_CONSOLE;

/// Between two events.
const EVENT_INTERVAL: Duration = Duration::from_millis(500);
/// How long a page waits for a fresh preview.
const FIRST_PREVIEW: Duration = Duration::from_millis(1200);
/// Size of the preview's pictures at most.
const PREVIEW_SIZE: (usize, usize) = (960, 480);

const PAGE: &str = include_str!("page.html");
#[derive(Clone)]
struct ServeState {
    status: Arc<RunStatus>,
    stop: StopFn,
}

/// The server and the address that opens its page.
#[derive(Debug)]
pub(crate) struct StatusServer {
    _server: Server,
    /// `http://127.0.0.1:9000/3f.../`.
    pub link: String,
}

/// Serves the page at `address`.
///
/// # Errors
/// When the address can't be listened at.
pub(crate) fn serve(status: &Arc<RunStatus>, address: SocketAddr, stop: StopFn) -> io::Result<StatusServer> {
    let token = guard::token()?;
    let state = ServeState { status: Arc::clone(status), stop };
    let server = Server::start("vrseg-serve", address, pages(&token, state))?;
    let link = guard::link(server.address(), &token);
    Ok(StatusServer { _server: server, link })
}

fn pages(token: &str, state: ServeState) -> Router {
    let inside = Router::new()
        .route("/", get(page))
        .route("/events", get(events))
        .route("/history", get(history))
        .route("/source.png", get(|s: State<ServeState>, q: RawQuery| png(s, q, |p| &p.source)))
        .route("/matte.png", get(|s: State<ServeState>, q: RawQuery| png(s, q, |p| &p.matte)))
        .route("/composite.png", get(|s: State<ServeState>, q: RawQuery| png(s, q, |p| &p.composite)))
        .route("/stop", post(stop))
        .layer(middleware::from_fn(guard::refuse_foreign_origin))
        .with_state(state);
    // Nested, the page would lose the slash at its end, on which its links rest.
    Router::new().nest_service(&format!("/{token}"), inside)
}

/// The page with the present status in it, so that it is complete at once.
async fn page(State(state): State<ServeState>) -> Response {
    let before = state.status.picture().map(|p| p.frame);
    if state.status.snapshot().frames > 0 {
        // A fresh preview comes within a moment of the first request for one.
        let until = tokio::time::Instant::now() + FIRST_PREVIEW;
        while state.status.picture().map(|p| p.frame) == before && tokio::time::Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    let (event, _) = status_event(&state, 0);
    // Nothing in it may end the script's element.
    let json = serde_json::to_string(&event).unwrap_or_else(|_| "null".to_owned()).replace('<', "\\u003c");
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE.replace("INITIAL_STATUS", &json)).into_response()
}

/// The status with the messages after number `after`, and the number of the last one.
fn status_event(state: &ServeState, after: u64) -> (StatusEvent, u64) {
    let messages = state.status.messages(after);
    let after = messages.last().map_or(after, |m| m.number);
    let picture = state.status.picture().map(|p| (p.frame, p.seconds));
    (StatusEvent { snapshot: state.status.snapshot(), picture, messages }, after)
}

/// One event: the status, and the messages since the event before.
#[derive(Serialize)]
struct StatusEvent {
    #[serde(flatten)]
    snapshot: Snapshot,
    /// The newest picture's frame and its time.
    picture: Option<(u64, f64)>,
    messages: Vec<LogMessage>,
}

async fn events(State(state): State<ServeState>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let next = |(state, after, wait): (ServeState, u64, Duration)| async move {
        tokio::time::sleep(wait).await;
        let (event, after) = status_event(&state, after);
        let ended = event.snapshot.phase == Phase::Ended;
        let event = serde_json::to_string(&event);
        let event = event.map_or_else(|_| Event::default().comment("not JSON"), |json| Event::default().data(json));
        // The last event stays the last: a browser that lost the stream would come again.
        let wait = if ended { Duration::from_secs(3600) } else { EVENT_INTERVAL };
        Some((Ok(event), (state, after, wait)))
    };
    Sse::new(stream::unfold((state, 0, Duration::ZERO), next))
}

async fn history(State(state): State<ServeState>) -> Response {
    let points: Vec<HistoryPoint> = state.status.history();
    match serde_json::to_vec(&points) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// A picture that fits into the page, or with `?full` every pixel of it.
async fn png(State(state): State<ServeState>, RawQuery(query): RawQuery, which: fn(&Picture) -> &Image) -> Response {
    let full = query.is_some_and(|q| q.split('&').any(|word| word == "full"));
    let (width, height) = if full { (usize::MAX, usize::MAX) } else { PREVIEW_SIZE };
    let picture = state.status.picture();
    // Elsewhere: other requests are not to wait for it.
    let make = move || picture.and_then(|p| which(&p).fitted(width, height).png().ok());
    match tokio::task::spawn_blocking(make).await.unwrap_or_default() {
        Some(file) => ([(header::CONTENT_TYPE, "image/png")], file).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn stop(State(state): State<ServeState>, headers: HeaderMap) -> StatusCode {
    if !guard::is_ours(&headers) {
        return StatusCode::FORBIDDEN;
    }
    tracing::info!(target: SHOWN_ON_CONSOLE, "a stop was requested on the web page");
    (state.stop)();
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::start_event;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicU32, Ordering};
    use vrseg_hardware::Machine;

    /// Status, headers and the beginning of the body.
    fn ask(page: &StatusServer, request: &str, more: &str) -> String {
        let host = page.link.split('/').nth(2).expect("a host");
        let mut stream = TcpStream::connect(host).expect("a server");
        stream.set_read_timeout(Some(Duration::from_millis(500))).expect("a time limit");
        write!(stream, "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n").expect("sent");
        // A stream of events has no end: what came until then is enough.
        let (mut answer, mut part, begun) = (Vec::new(), [0; 4096], std::time::Instant::now());
        while begun.elapsed() < Duration::from_secs(1) {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => break,
                Ok(n) => answer.extend_from_slice(&part[..n]),
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn token_is_required_and_only_our_own_page_may_stop() {
        let status = RunStatus::new(&Machine::default(), None);
        status.event(&start_event());
        status.add_message("a line");
        let stops = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&stops);
        let stop: StopFn = Arc::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        status.add_message("</script><b>");
        let page = serve(&status, "127.0.0.1:0".parse().expect("an address"), stop).expect("a server");
        let path = format!("/{}", page.link.splitn(4, '/').nth(3).expect("a path"));
        assert!(path.len() == 34, "{path}");

        let whole = ask(&page, &format!("GET {path}"), "");
        assert!(whole.starts_with("HTTP/1.1 200") && whole.contains("<title>"), "{whole}");
        // The status is in the page, and nothing of it is read as HTML.
        assert!(whole.contains("clip_LR.mp4") && whole.contains("\\u003c/script>\\u003cb>"), "{whole}");
        assert!(whole.contains("default-src 'none'") && !whole.contains("access-control"), "{whole}");
        assert!(ask(&page, "GET /", "").starts_with("HTTP/1.1 404"));
        assert!(ask(&page, &format!("GET /{}/", "0".repeat(32)), "").starts_with("HTTP/1.1 404"));
        for foreign in
            ["Origin: http://elsewhere.example\r\n", "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: no-cors\r\n"]
        {
            assert!(ask(&page, &format!("GET {path}"), foreign).starts_with("HTTP/1.1 403"), "{foreign}");
        }
        let link = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
        assert!(ask(&page, &format!("GET {path}"), link).starts_with("HTTP/1.1 200"));

        let events = ask(&page, &format!("GET {path}events"), "");
        assert!(events.contains("text/event-stream") && events.contains("clip_LR.mp4"), "{events}");
        assert!(events.contains("\"text\":\"a line\""), "{events}");
        assert!(ask(&page, &format!("GET {path}history"), "").ends_with("[]"));
        assert!(ask(&page, &format!("GET {path}matte.png"), "").starts_with("HTTP/1.1 404"));

        assert!(ask(&page, &format!("GET {path}stop"), "X-Vrseg: 1\r\n").starts_with("HTTP/1.1 405"));
        for wrong in ["", "X-Vrseg: 1\r\nOrigin: http://elsewhere.example\r\n"] {
            let refused = ask(&page, &format!("POST {path}stop"), wrong);
            assert!(refused.starts_with("HTTP/1.1 403"), "{refused}");
        }
        assert_eq!(stops.load(Ordering::SeqCst), 0);
        assert!(ask(&page, &format!("POST {path}stop"), "X-Vrseg: 1\r\n").starts_with("HTTP/1.1 204"));
        assert_eq!(stops.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn page_loads_nothing_from_elsewhere_and_tokens_differ() {
        let word = PAGE.split_whitespace().find(|w| w.contains("//") && w.contains("http"));
        // The name space of SVG is no address.
        assert!(word.is_none_or(|w| w.contains("www.w3.org")), "{word:?}");
        assert_ne!(guard::token().expect("random"), guard::token().expect("random"));
    }
}

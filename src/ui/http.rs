//! A small web server in a thread of its own: no runtime of it reaches the pipeline, and no client
//! can take more of the process than a few connections and a thread.

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, Sleep, sleep};

/// What clients may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at once; more wait in the system's queue.
    connections: usize,
    /// So long a connection may be without an answer that goes out: it sends no whole request, it
    /// doesn't take what it is sent, or it has nothing to ask.
    patience: Duration,
}

const LIMITS: Limits = Limits { connections: 32, patience: Duration::from_secs(10) };

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at `address`; `name` is the thread's.
    ///
    /// # Errors
    /// When the address is taken or is not this machine's.
    pub fn start(name: &str, address: SocketAddr, pages: Router) -> io::Result<Self> {
        Self::limited(name, address, pages, LIMITS)
    }

    fn limited(name: &str, address: SocketAddr, pages: Router, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let pages = if address.ip().is_loopback() { pages.layer(middleware::from_fn(no_foreign_name)) } else { pages };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_io().enable_time().max_blocking_threads(1).build()?;
        let (stop, stopped) = oneshot::channel();
        let body = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let door = Door { listener, free: Arc::new(Semaphore::new(limits.connections)), limits };
                let serving = tokio::spawn(axum::serve(door, pages).into_future());
                let _ = stopped.await;
                // Streams of events have no end of their own.
                serving.abort();
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is for this machine alone is asked for by its number or as localhost. Another name that leads
/// here is a trick by which pages of that name would become pages of ours (DNS rebinding).
async fn no_foreign_name(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let own = name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if own { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() }
}

/// Lets clients in, not too many at once.
struct Door {
    listener: tokio::net::TcpListener,
    free: Arc<Semaphore>,
    limits: Limits,
}

impl Listener for Door {
    type Io = Client;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Client, SocketAddr) {
        // The semaphore is never closed.
        let place = Arc::clone(&self.free).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let patience = self.limits.patience;
        (Client { stream, patience, limit: Box::pin(sleep(patience)), _place: place }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing goes out for long.
struct Client {
    stream: TcpStream,
    patience: Duration,
    limit: Pin<Box<Sleep>>,
    _place: Option<OwnedSemaphorePermit>,
}

impl Client {
    /// What comes of something that can't be done yet.
    fn wait<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.limit.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn wrote(&mut self, context: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Pending => self.wait(context),
            ready => {
                let until = Instant::now() + self.patience;
                self.limit.as_mut().reset(until);
                ready
            }
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Pending => self.wait(context),
            ready => ready,
        }
    }
}

impl AsyncWrite for Client {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use axum::routing::get;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn server(limits: Limits) -> Server {
        let large = || async { Bytes::from(vec![0u8; 64 << 20]) };
        let pages = Router::new().route("/", get(|| async { "here" })).route("/large", get(large));
        Server::limited("test", "127.0.0.1:0".parse().expect("an address"), pages, limits).expect("a server")
    }

    fn ask(server: &Server, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(server.address()).expect("a server");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn clients_that_hang_on_make_room_for_others() {
        let server = server(Limits { connections: 4, patience: Duration::from_millis(300) });
        let mut connect = |words: &str| {
            let mut stream = TcpStream::connect(server.address()).expect("a server");
            stream.write_all(words.as_bytes()).expect("sent");
            stream
        };
        let half = "GET / HTTP/1.1\r\nHost: ";
        let large = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
        // Silent, slow, one that doesn't take its answer, and one that has been served and stays.
        let mut all: Vec<_> = ["", half, large, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"].map(&mut connect).into();
        all.extend((0..50).map(|_| connect("")));
        assert!(ask(&server, "/", "localhost").ends_with("here"));
        // The last of them is still there: what came to an end were connections, not the server.
        all.iter().for_each(|s| s.set_read_timeout(Some(Duration::from_secs(60))).expect("a time limit"));
        assert!(matches!(all[0].read(&mut [0; 9]), Ok(0) | Err(_)));
    }

    #[test]
    fn other_names_for_this_machine_are_refused() {
        let server = server(LIMITS);
        for own in ["localhost", "127.0.0.1:80", "[::1]:9000"] {
            assert!(ask(&server, "/", own).starts_with("HTTP/1.1 200"), "{own}");
        }
        assert!(ask(&server, "/", "elsewhere.example:80").starts_with("HTTP/1.1 421"));
    }
}

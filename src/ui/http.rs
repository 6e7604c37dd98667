//! A small web server in a thread of its own: its runtime never reaches the pipeline, and clients can use no more of
//! the process than a few connections and a thread.
//!
//! The limits are at the socket, below `axum::serve`: layers of tower see whole requests only, so that they stop
//! neither a client that never finishes its request nor one that doesn't read its answer.

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

/// What clients may use of the process.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at once; more wait in the system's queue.
    connections: usize,
    /// How long a connection may send nothing out: the client sends no whole request, it doesn't read what it is
    /// sent, or it requests nothing.
    idle_timeout: Duration,
}

const LIMITS: Limits = Limits { connections: 32, idle_timeout: Duration::from_secs(10) };

/// Serves until it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens at `address`; `name` is the thread's.
    ///
    /// # Errors
    /// When the address is taken or is not this machine's.
    pub(crate) fn start(name: &str, address: SocketAddr, pages: Router) -> io::Result<Self> {
        Self::limited(name, address, pages, LIMITS)
    }

    /// The same for pages whose answers take as long as `patience`: pictures of large videos.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub(crate) fn patient(name: &str, address: SocketAddr, pages: Router, patience: Duration) -> io::Result<Self> {
        Self::limited(name, address, pages, Limits { idle_timeout: patience, ..LIMITS })
    }

    fn limited(name: &str, address: SocketAddr, pages: Router, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let pages =
            if address.ip().is_loopback() { pages.layer(middleware::from_fn(refuse_foreign_host)) } else { pages };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_io().enable_time().max_blocking_threads(2).build()?;
        let (stop, stopped) = oneshot::channel();
        let body = move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                let listener = LimitedListener {
                    listener,
                    free_connections: Arc::new(Semaphore::new(limits.connections)),
                    limits,
                };
                let serving = tokio::spawn(axum::serve(listener, pages).into_future());
                let _ = stopped.await;
                // Streams of events have no end of their own.
                serving.abort();
            });
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(body)?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// The address it listens at, with the port that the system chose for port 0.
    pub(crate) fn address(&self) -> SocketAddr {
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

/// What is for this machine alone is requested by its number or as localhost. Another name that leads
/// here is a trick by which pages of that name would become pages of ours (DNS rebinding).
async fn refuse_foreign_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let own = name == "localhost" || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if own { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() }
}

/// Accepts connections up to a limit.
struct LimitedListener {
    listener: tokio::net::TcpListener,
    free_connections: Arc<Semaphore>,
    limits: Limits,
}

impl Listener for LimitedListener {
    type Io = TimedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TimedStream, SocketAddr) {
        // The semaphore is never closed.
        let permit = Arc::clone(&self.free_connections).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let idle_timeout = self.limits.idle_timeout;
        (TimedStream { stream, idle_timeout, deadline: Box::pin(sleep(idle_timeout)), _permit: permit }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when nothing goes out for a while.
struct TimedStream {
    stream: TcpStream,
    idle_timeout: Duration,
    deadline: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl TimedStream {
    /// Pending until the deadline, then an error.
    fn poll_deadline<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        self.deadline.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn after_write(&mut self, context: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Pending => self.poll_deadline(context),
            ready => {
                let until = Instant::now() + self.idle_timeout;
                self.deadline.as_mut().reset(until);
                ready
            }
        }
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_read(context, into) {
            Poll::Pending => self.poll_deadline(context),
            ready => ready,
        }
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.after_write(context, result)
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
    fn idle_connections_end_and_free_their_place() {
        let server = server(Limits { connections: 4, idle_timeout: Duration::from_millis(300) });
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
    fn foreign_host_names_are_refused() {
        let server = server(LIMITS);
        for own in ["localhost", "127.0.0.1:80", "[::1]:9000"] {
            assert!(ask(&server, "/", own).starts_with("HTTP/1.1 200"), "{own}");
        }
        assert!(ask(&server, "/", "elsewhere.example:80").starts_with("HTTP/1.1 421"));
    }
}

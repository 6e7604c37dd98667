//! `vrseg review`: a web page on which people are hidden, and mattes corrected, before a video is rendered.
//!
//! The page holds no state that matters: edits are in a [`document::Document`], which saves them before a request is answered.
//! One thread passes over the video and finds people ([`scan`]); moments are made on request by the stages of a job
//! ([`vrseg_engine::run::Moments`]), and the Render button starts the program again ([`render`]).

mod document;
mod facts;
mod picture;
mod render;
mod scan;

use crate::ui::http::Server;
use crate::ui::picture::Image;
use crate::ui::{format, guard};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path as UrlPath, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use document::{Document, Refusal};
use facts::Facts;
use picture::{Show, side_by_side};
use render::Render;
use scan::Scan;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use vrseg_engine::edits::{Edits, PersonEdit};
use vrseg_engine::run::{FoundPerson, Moments, scan_people};
use vrseg_engine::{Cancel, Job, LoadedJob, Plan};
use vrseg_image::edits::PathPoint;
use vrseg_image::matte::people::Surface;

const PAGE: &str = include_str!("page.html");
/// Bytes of edits that a page may send.
const MAX_BODY: usize = 16 << 20;
/// Pixels of a picture's side at most.
const MAX_SIDE: f64 = 8192.0;
/// Points of a person's track that a page gets at most.
const TRACK_POINTS: usize = 60;
/// How long a picture may take: strokes of earlier frames of an 8K video are followed first.
const PATIENCE: Duration = Duration::from_secs(600);
/// Seconds after which newly found people are added to the edits.
const COLLECT_INTERVAL: Duration = Duration::from_millis(500);

/// What a review is made of.
pub(crate) struct ReviewOptions {
    /// The video, as a job without outputs.
    pub job: Job,
    pub plan: Plan,
    /// The edits file, what it holds, and its bytes if it exists.
    pub edits_file: PathBuf,
    pub edits: Edits,
    pub on_disk: Option<Vec<u8>>,
    /// What stands above the edits in the file.
    pub title: String,
    /// The options with which the job is rendered, without input, output and edits.
    pub options: Vec<OsString>,
    /// The command line that renders to an output in a mode, for people.
    pub command: Box<dyn Fn(&str) -> String + Send + Sync>,
}

/// What all requests share.
struct Review {
    facts: Facts,
    /// What the first view shows.
    surface: Surface,
    options: ReviewOptions,
    document: Mutex<Document>,
    scan: Scan,
    /// `None`: the models are being loaded.
    moments: Mutex<Option<Result<Moments, String>>>,
    render: Mutex<Option<Render>>,
    cancel: Arc<Cancel>,
    /// Moments are made one at a time, so that a thread is free for what is saved.
    one_moment: tokio::sync::Semaphore,
}

/// The server of a review; dropped, it ends with everything that it started.
pub(crate) struct ReviewServer {
    review: Arc<Review>,
    server: Option<Server>,
    threads: Vec<JoinHandle<()>>,
    /// The address that opens the page.
    pub link: String,
}

impl ReviewServer {
    /// Somebody is hidden, and the pass may find more of them.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.review.is_incomplete()
    }
}

impl Drop for ReviewServer {
    fn drop(&mut self) {
        self.review.cancel.abort();
        self.review.render().take();
        drop(self.server.take());
        // ONNX Runtime must not be at work when the process ends.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves a review at `address`.
///
/// # Errors
/// The address is taken or is not this machine's; no thread can be started.
pub(crate) fn serve(options: ReviewOptions, address: SocketAddr) -> io::Result<ReviewServer> {
    let facts = Facts::of(&options);
    let (scan, title) = (Scan::new(facts.duration), options.title.clone());
    let surface = options.plan.views.surface(options.plan.lens());
    let held = (options.edits.clone(), options.on_disk.clone());
    let document = Document::new(&options.edits_file, title, held, (surface, options.plan.views.rects.len()));
    let review = Arc::new(Review {
        facts,
        surface,
        document: Mutex::new(document),
        scan,
        moments: Mutex::new(None),
        render: Mutex::default(),
        cancel: Arc::default(),
        one_moment: tokio::sync::Semaphore::new(1),
        options,
    });
    let token = guard::token()?;
    let server = Server::patient("vrseg-review", address, pages(&token, &review), PATIENCE)?;
    let link = guard::link(server.address(), &token);
    let loading = Arc::clone(&review);
    let load = move || {
        loading.load();
        if !loading.cancel.is_aborted() {
            loading.find_people();
        }
    };
    let mut threads = vec![std::thread::Builder::new().name("vrseg-load".to_owned()).spawn(load)?];
    let collecting = Arc::clone(&review);
    let collect = move || {
        while !collecting.cancel.is_aborted() && !collecting.scan.is_finished() {
            std::thread::sleep(COLLECT_INTERVAL);
            collecting.collect();
        }
    };
    threads.push(std::thread::Builder::new().name("vrseg-collect".to_owned()).spawn(collect)?);
    Ok(ReviewServer { review, server: Some(server), threads, link })
}

fn pages(token: &str, review: &Arc<Review>) -> Router {
    let inside = Router::new()
        .route("/", get(page))
        .route("/api/state", get(state))
        .route("/api/edits", put(edits))
        .route("/api/render", post(start_render))
        .route("/api/render/stop", post(stop_render))
        .route("/thumb.png", get(thumb))
        .route("/people/{name}", get(portrait))
        .route("/frame.png", get(moment))
        .route("/crop.png", get(moment))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(guard::refuse_foreign_origin))
        .with_state(Arc::clone(review));
    Router::new().nest_service(&format!("/{token}"), inside)
}

impl Review {
    fn render(&self) -> MutexGuard<'_, Option<Render>> {
        locked(&self.render)
    }

    /// See [`ReviewServer::is_incomplete`].
    fn is_incomplete(&self) -> bool {
        !self.scan.is_finished() && locked(&self.document).edits().hides_people()
    }

    /// Loads the models of moments.
    fn load(&self) {
        let job = self.options.job.clone();
        let loaded = LoadedJob::new(&job, self.options.plan.unopened());
        *locked(&self.moments) =
            Some(loaded.map(|loaded| Moments::new(job, loaded, Arc::clone(&self.cancel))).map_err(|e| e.to_string()));
    }

    /// Passes over the whole video.
    fn find_people(&self) {
        let plan = self.options.plan.unopened();
        let found = scan_people(&self.options.job, plan, &self.scan.found, &self.scan, &self.cancel, &());
        self.collect();
        let error = found.err().filter(|_| !self.cancel.is_aborted()).map(|e| e.to_string());
        if let Some(error) = &error {
            tracing::warn!("finding people: {error}");
        }
        self.scan.end(error);
        self.collect();
    }

    /// Adds the people that were found so far to the edits.
    fn collect(&self) {
        let found = locked(&self.scan.found).people.iter().map(PersonEdit::from).collect();
        let complete = self.scan.is_finished() && self.scan.error().is_none();
        locked(&self.document).found(found, complete);
    }

    fn state(&self) -> Value {
        let facts = &self.facts;
        let name = |path: &Path| path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let output = self.default_output();
        let (revision, edits, saved_to, error) = {
            let document = locked(&self.document);
            (document.revision(), document.edits_for_page(), name(document.path()), document.error().map(str::to_owned))
        };
        let finished = self.scan.is_finished();
        let numbers: BTreeMap<u32, u32> = {
            let (document, found) = (locked(&self.document), locked(&self.scan.found).people.len() as u32);
            (1..=found).filter_map(|n| Some((n, document.number(n)?))).collect()
        };
        let person = |p: &FoundPerson| {
            json!({
                "person": numbers.get(&p.number).copied().unwrap_or(p.number), "from": p.from, "to": p.to, "size": p.size,
                "where": format::place(p.place, facts.spherical),
                "thumb": format!("people/{}.png", p.number),
                "track": self.track(p),
            })
        };
        let found = locked(&self.scan.found);
        let (people, cuts) = (
            found.people.iter().filter(|p| numbers.contains_key(&p.number)).map(person).collect::<Vec<_>>(),
            found.cuts.clone(),
        );
        let done = match (finished, facts.frames) {
            (true, _) => 1.0,
            (false, Some(total)) => found.frames as f64 / total.max(1) as f64,
            (false, None) => 0.0,
        };
        drop(found);
        let matte = &self.options.job.matte;
        json!({
            "file": name(&facts.file), "path": facts.file.display().to_string(),
            "duration": facts.duration, "fps": facts.fps, "frames": facts.frames,
            "width": facts.size.0, "height": facts.size.1, "format": facts.format, "model": facts.model,
            "eyes": facts.eyes, "first_eye": usize::from(facts.right_first && facts.eyes.len() == 2), "aspect": facts.aspect, "vr": facts.spherical,
            "edits_file": saved_to, "saved": error.is_none(), "save_error": error,
            "command": (self.options.command)(&output), "output": output,
            "defaults": {
                "threshold": matte.threshold, "grow": matte.grow, "feather": matte.feather, "refine": matte.refine,
                "stabilize": (f64::from(matte.stabilize) * 1e4).round() / 1e4,
            },
            "revision": revision, "edits": edits,
            "scan": { "done": done, "finished": finished, "error": self.scan.error() },
            "people": people, "cuts": cuts,
            "render": self.render().as_ref().map(Render::progress),
        })
    }

    /// Where a person is: seconds, then left and upper edge, width and height of the box as shares of the first view.
    fn track(&self, person: &FoundPerson) -> Vec<[f64; 5]> {
        let surface = &self.surface;
        let (width, height) = surface.size();
        let one = |point: &PathPoint| {
            let [left, top, right, bottom] = surface.bounds(&point.region);
            let share = |v: f64, of: f64| (v / of * 1e4).round() / 1e4;
            let (w, h) = (share(right - left, width), share(bottom - top, height));
            [point.seconds, share(left, width), share(top, height), w, h]
        };
        let points = PersonEdit::from(person).path_on(surface).points;
        // Enough to see where somebody is: the state is sent every second.
        points.iter().step_by(points.len().div_ceil(TRACK_POINTS).max(1)).map(one).collect()
    }

    /// `clip_green.mp4` for `clip.mp4`, or `clip_green-2.mp4` where that exists.
    fn default_output(&self) -> String {
        let stem = self.facts.file.file_stem().unwrap_or_default().to_string_lossy();
        let name = |n: u32| if n == 1 { format!("{stem}_green.mp4") } else { format!("{stem}_green-{n}.mp4") };
        let is_free = |name: &String| !self.facts.file.with_file_name(name).exists();
        (1..1000).map(name).find(is_free).unwrap_or_else(|| name(1))
    }

    /// The picture that a query asks for, and the time of its frame.
    fn picture(&self, query: &Query) -> Result<(Image, f64), (StatusCode, String)> {
        let wrong = |what: &str| (StatusCode::BAD_REQUEST, what.to_owned());
        let seconds = query.number("t").filter(|t| t.is_finite()).ok_or_else(|| wrong("expected t=SECONDS"))?;
        let show =
            query.word("show").map_or(Some(Show::Tint), Show::from_name).ok_or_else(|| wrong("show is unknown"))?;
        let all = self.facts.eyes.len();
        let eyes: Vec<usize> = match query.word("eye") {
            Some("both") => (0..all).collect(),
            eye => vec![eye.and_then(|e| e.parse().ok()).unwrap_or(0).min(all - 1)],
        };
        let share = |key: &str, otherwise: f64| query.number(key).filter(|v| v.is_finite()).unwrap_or(otherwise);
        let part = [share("x", 0.0), share("y", 0.0), share("w", 1.0), share("h", 1.0)];
        let width = share("width", MAX_SIDE).clamp(16.0, MAX_SIDE) / eyes.len() as f64;
        // Also for the source alone: else a comparison would make both matte and moment again and again.
        let edits = locked(&self.document).edits().clone();
        let _way = self.scan.make_way();
        let mut moments = locked(&self.moments);
        let moments = match moments.as_mut() {
            None => return Err((StatusCode::SERVICE_UNAVAILABLE, "the models are being loaded".to_owned())),
            Some(Err(error)) => return Err((StatusCode::INTERNAL_SERVER_ERROR, error.clone())),
            Some(Ok(moments)) => moments,
        };
        let known = |seconds: f64| locked(&self.scan.found).people_at(seconds).map(<[_]>::to_vec);
        let (mut images, mut time) = (Vec::new(), seconds);
        for eye in eyes {
            let most = (width as usize, MAX_SIDE as usize);
            let made = moments.part(seconds.max(0.0), &edits, &known, self.facts.view(eye), part, most);
            let made = made.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
            time = made.seconds;
            images.push(show.image(&made));
        }
        Ok((side_by_side(&images), time))
    }

    /// Starts the job that renders the edits to a file beside the video.
    fn start(&self, output: &str, mode: &str) -> Result<(), (StatusCode, String)> {
        let refuse = |why: String| (StatusCode::UNPROCESSABLE_ENTITY, why);
        let mut render = self.render();
        if render.as_ref().is_some_and(Render::is_running) {
            return Err((StatusCode::CONFLICT, "a render is running".to_owned()));
        }
        if self.is_incomplete() {
            let why = "people are still being found; those who are hidden would be shown after that place";
            return Err((StatusCode::CONFLICT, why.to_owned()));
        }
        if !["green", "matte", "alpha", "passthrough"].contains(&mode) {
            return Err(refuse(format!("{mode}: expected green, matte, alpha or passthrough")));
        }
        let name = Path::new(output);
        if name.file_name().is_none_or(|n| n != name.as_os_str())
            || output.starts_with('-')
            || name.extension().is_none()
        {
            return Err(refuse(format!(
                "{output}: expected a file name with an extension such as .mp4, without a folder"
            )));
        }
        let folder = self.facts.file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if folder.join(name).exists() {
            return Err(refuse(format!("{output}: exists; choose another name")));
        }
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let folder = absolute(folder);
        let mut words: Vec<OsString> = vec![absolute(&self.facts.file).into(), "-o".into()];
        let mut target = OsString::from(format!("{mode}="));
        target.push(folder.join(name));
        words.push(target);
        words.extend(self.options.options.iter().cloned());
        {
            let document = locked(&self.document);
            if let Some(error) = document.error() {
                return Err(refuse(format!("the edits are not saved: {error}")));
            }
            if document.path().exists() {
                words.extend(["--edits".into(), absolute(document.path()).into()]);
            }
        }
        let started = Render::start(Path::new("."), &words, output.to_owned());
        *render = Some(started.map_err(|e| (StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?);
        Ok(())
    }
}

/// The parameters of an address. Their values are numbers and single words, which need no decoding.
struct Query(String);

impl Query {
    fn word(&self, key: &str) -> Option<&str> {
        self.0.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    fn number(&self, key: &str) -> Option<f64> {
        self.word(key)?.parse().ok()
    }
}

type Shared = State<Arc<Review>>;

fn json_answer(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn refusal(status: StatusCode, error: &str) -> Response {
    json_answer(status, &json!({ "error": error }))
}

fn png(image: &Image, more: Option<(&'static str, String)>) -> Response {
    let Ok(file) = image.png() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = ([(header::CONTENT_TYPE, "image/png")], Body::from(file)).into_response();
    if let Some((name, value)) = more
        && let Ok(value) = value.parse()
    {
        response.headers_mut().insert(name, value);
    }
    response
}

async fn page(State(review): Shared) -> Response {
    // Nothing in it may end the script's element.
    let json = review.state().to_string().replace('<', "\\u003c");
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], PAGE.replacen("INITIAL_STATE", &json, 1)).into_response()
}

async fn state(State(review): Shared) -> Response {
    json_answer(StatusCode::OK, &review.state())
}

/// What a page sends.
#[derive(Deserialize)]
struct Change {
    revision: u64,
    edits: Edits,
}

async fn edits(State(review): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if !guard::is_ours(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let change: Change = match serde_json::from_slice(&body) {
        Ok(change) => change,
        Err(e) => return refusal(StatusCode::UNPROCESSABLE_ENTITY, &e.to_string()),
    };
    // Elsewhere: it writes a file.
    let saved = tokio::task::spawn_blocking(move || {
        let mut document = locked(&review.document);
        let changed = document.change(change.edits, change.revision);
        changed.map_err(|refusal| Box::new((refusal, document.revision(), document.edits_for_page())))
    });
    match saved.await {
        Ok(Ok(revision)) => json_answer(StatusCode::OK, &json!({ "revision": revision })),
        Ok(Err(refused)) => match *refused {
            (Refusal::Conflict, revision, edits) => {
                json_answer(StatusCode::CONFLICT, &json!({ "revision": revision, "edits": edits }))
            }
            (Refusal::Wrong(what), ..) => refusal(StatusCode::UNPROCESSABLE_ENTITY, &what),
        },
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What the Render button sends.
#[derive(Deserialize)]
struct RenderRequest {
    output: String,
    mode: String,
}

async fn start_render(State(review): Shared, headers: HeaderMap, body: Bytes) -> Response {
    if !guard::is_ours(&headers) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let request: RenderRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(e) => return refusal(StatusCode::UNPROCESSABLE_ENTITY, &e.to_string()),
    };
    match review.start(&request.output, &request.mode) {
        Ok(()) => json_answer(StatusCode::ACCEPTED, &json!({ "state": "running" })),
        Err((status, why)) => refusal(status, &why),
    }
}

async fn stop_render(State(review): Shared, headers: HeaderMap) -> StatusCode {
    if !guard::is_ours(&headers) {
        return StatusCode::FORBIDDEN;
    }
    if let Some(render) = &*review.render() {
        render.stop();
    }
    StatusCode::NO_CONTENT
}

async fn thumb(State(review): Shared, RawQuery(query): RawQuery) -> Response {
    let seconds = Query(query.unwrap_or_default()).number("t").unwrap_or(0.0);
    match review.scan.picture(seconds) {
        Some(image) => png(&image, None),
        None => (StatusCode::SERVICE_UNAVAILABLE, "not there yet").into_response(),
    }
}

async fn portrait(State(review): Shared, UrlPath(name): UrlPath<String>) -> Response {
    let number = name.strip_suffix(".png").and_then(|n| n.parse().ok());
    match number.and_then(|n| review.scan.portrait(n)) {
        Some(image) => png(&image, None),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn moment(State(review): Shared, RawQuery(query): RawQuery) -> Response {
    let query = Query(query.unwrap_or_default());
    let Ok(_turn) = review.one_moment.acquire().await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let review = Arc::clone(&review);
    let make = move || match review.picture(&query) {
        Ok((image, time)) => png(&image, Some(("x-time", format!("{time:.6}")))),
        Err((status, why)) => (status, why).into_response(),
    };
    tokio::task::spawn_blocking(make).await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_values_are_found_by_their_names() {
        let query = Query("t=1.5&show=matte&eye=both&odd&x=".into());
        assert_eq!((query.number("t"), query.word("show"), query.number("x")), (Some(1.5), Some("matte"), None));
        assert_eq!((query.word("odd"), query.word("none")), (None, None));
    }

    #[test]
    fn page_loads_nothing_from_elsewhere_and_takes_the_state_once() {
        let word = PAGE.split_whitespace().find(|w| w.contains("//") && w.contains("http"));
        assert!(word.is_none_or(|w| w.contains("www.w3.org")), "{word:?}");
        assert_eq!(PAGE.matches("INITIAL_STATE").count(), 1);
        assert!(!PAGE.contains("innerHTML"));
    }
}

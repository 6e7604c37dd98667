//! Monitoring a run: terminal page, web page, Prometheus and performance log; and the interactive mode. The
//! terminals are tmux's.

use crate::harness::*;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for an expected state.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Polls until `poll` returns a value.
#[track_caller]
fn until<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(start.elapsed() < TIMEOUT, "{what}: not within {TIMEOUT:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Starts a job that prints its address; the rest of its output is drained.
fn start(args: &[&str]) -> (Child, String) {
    let mut child = vrseg().args(args).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let link = lines.find_map(|l| Some(l.split_once("http://")?.1.to_owned())).expect("an address");
    std::thread::spawn(move || lines.for_each(drop));
    (child, link)
}

/// The response to an HTTP request, as far as it arrived within two seconds.
fn ask(method: &str, link: &str, more: &str) -> String {
    let (host, path) = link.split_once('/').unwrap_or((link, ""));
    let Ok(mut stream) = TcpStream::connect(host) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let _ = write!(stream, "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
    // An event stream never ends: read for two seconds.
    let (mut answer, mut part, start) = (Vec::new(), [0; 4096], Instant::now());
    while start.elapsed() < Duration::from_secs(2) {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(n) => answer.extend_from_slice(&part[..n]),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn long_clip(dir: &Path) -> std::path::PathBuf {
    let (short, long) = (dir.join("short.mp4"), dir.join("long_LR.mp4"));
    clip(&short, "320x160", 50, H264);
    ffmpeg("-stream_loop 99 -i {} -c copy {}", &[&short, &long]);
    long
}

#[test]
fn web_page_shows_the_run_and_can_stop_it() {
    let dir = folder();
    let (input, output, log) = (long_clip(dir.path()), dir.path().join("out.mp4"), dir.path().join("figures.ndjson"));
    let job = [arg(&input), "-o", arg(&output), "--model", "selfie", "--serve", "0", "--performance-log", arg(&log)];
    let (mut child, link) = start(&job);
    assert!(ask("GET", &link, "").contains("<title>vrseg</title>"));
    let moment = || -> Option<Value> {
        let events = ask("GET", &format!("{link}events"), "");
        let last = events.lines().rev().find_map(|l| l.strip_prefix("data: "))?;
        serde_json::from_str(last).ok()
    };
    until("frames on the page", || moment()?["frames"].as_u64().filter(|n| *n > 0));
    let png = until("a picture", || {
        Some(ask("GET", &format!("{link}matte.png"), "")).filter(|a| a.starts_with("HTTP/1.1 200"))
    });
    assert!(png.contains("PNG"));
    let segments = until("a finished segment", || {
        let segments = moment()?["segments"].clone();
        (segments["finished"][0] == true).then_some(segments)
    });
    // 15 seconds; of the loops that FFmpeg 7.1 joins the clip's rate is a little below 25.
    let rate = text(&video(&input)["avg_frame_rate"]);
    let (frames, seconds) = rate.split_once('/').expect("a rate");
    let rate: f64 = frames.parse::<f64>().unwrap() / seconds.parse::<f64>().unwrap();
    assert!((24.5..=25.0).contains(&rate), "{rate}");
    let usual = (15.0 * rate).round() as u64;
    assert_eq!(segments["usual"], usual);
    assert!(segments["frames"][0].as_u64().is_some_and(|n| (usual..1000).contains(&n)), "{segments}");
    // Without the secret path there is only a 404.
    assert!(ask("GET", link.split_once('/').unwrap().0, "").starts_with("HTTP/1.1 404"));
    assert!(ask("POST", &format!("{link}stop"), "X-Vrseg: 1\r\n").starts_with("HTTP/1.1 204"));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let n = times(&output).len() as u64;
    assert!(n > 0 && n < 5000, "{n} frames");
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!((text_of(last, "phase"), last["frames"].as_u64()), ("ended".to_owned(), Some(n)));
    assert_eq!(last["stages"].as_array().map(Vec::len), Some(7));
    assert_eq!(last["jobs"]["interrupted"], 1);
}

fn text_of(value: &Value, field: &str) -> String {
    text(&value[field])
}

/// A headless browser showing a page.
struct Browser {
    child: Child,
    debugger: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    fn open(link: &str) -> Self {
        let profile = folder();
        let mut chromium = Command::new("chromium");
        chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]);
        chromium.args(["--disable-background-networking", "--disable-component-update", "--remote-debugging-port=0"]);
        chromium.arg(format!("--user-data-dir={}", arg(profile.path()))).arg(link);
        let spawned = chromium.env("HOME", profile.path()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.expect("chromium: run `./setup.sh --dev`");
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let debugger = lines.find_map(|l| Some(l.split_once("listening on ws://")?.1.split('/').next()?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, debugger: debugger.expect("chromium starts"), _profile: profile }
    }

    /// The title of the page that it shows.
    fn title(&self) -> Option<String> {
        let answer = ask("GET", &format!("{}/json/list", self.debugger), "");
        let pages: Vec<Value> = serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()?;
        Some(text_of(pages.iter().find(|p| p["type"] == "page")?, "title"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn web_page_script_runs_in_a_browser() {
    let dir = folder();
    let (input, output) = (long_clip(dir.path()), dir.path().join("out.mp4"));
    let (mut child, link) = start(&[arg(&input), "-o", arg(&output), "--model", "selfie", "--serve", "0"]);
    let browser = Browser::open(&format!("http://{link}"));
    // The title is the last thing that the script changes, after figures, table, pictures and charts.
    until("figures on the page", || browser.title().filter(|t| t.ends_with(" % · vrseg")));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn prometheus_endpoint_reports_the_run() {
    let dir = folder();
    let (input, output) = (long_clip(dir.path()), dir.path().join("out.mp4"));
    let (mut child, link) = start(&[arg(&input), "-o", arg(&output), "--model", "selfie", "--metrics", "0"]);
    let value = |text: &str, name: &str| -> Option<f64> {
        text.lines().find_map(|l| l.strip_prefix(name)?.trim().parse::<f64>().ok())
    };
    let text = until("frames", || {
        let text = ask("GET", &link, "");
        value(&text, "vrseg_frames_total ").is_some_and(|n| n > 0.0).then_some(text)
    });
    assert!(value(&text, "vrseg_stage_busy_seconds_total{stage=\"infer\"}").is_some_and(|s| s > 0.0), "{text}");
    assert_eq!(value(&text, "vrseg_job_frames_expected "), Some(5000.0));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));

    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = occupied.local_addr().unwrap().port().to_string();
    let refused = run([arg(&input), "-y", "-o", arg(&output), "--model", "selfie", "--metrics", &port]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        stderr(&refused).contains(&format!("--metrics 127.0.0.1:{port}: Address already in use")),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn monitor_is_skipped_without_a_terminal() {
    let dir = folder();
    let (input, output) = (dir.path().join("in.mp4"), dir.path().join("out.mp4"));
    clip(&input, "320x160", 5, H264);
    let out = ok([arg(&input), "-o", arg(&output), "--model", "selfie", "--monitor"]);
    let printed = stderr(&out);
    assert!(printed.contains("--monitor: standard error is not a terminal; running without it"), "{printed}");
    assert!(printed.contains("done: 5 frames") && !printed.contains('\x1b'), "{printed}");
}

/// A tmux terminal with its own socket: a shared one may belong to a server that is still shutting down.
struct Terminal {
    home: tempfile::TempDir,
}

impl Terminal {
    /// Runs a shell command; the terminal stays open afterwards.
    fn run(dir: &Path, command: &str) -> Self {
        Self::sized(dir, command, (120, 34))
    }

    /// The same in a terminal of that width and height.
    fn sized(dir: &Path, command: &str, (width, height): (u16, u16)) -> Self {
        let (width, height) = (width.to_string(), height.to_string());
        let terminal = Self { home: folder() };
        let whole = format!("{command}; echo ended=$?; exec cat");
        let mut tmux = terminal.tmux();
        tmux.args(["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, &whole]).current_dir(dir);
        tmux.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", dir.join("state")).env_remove("NO_COLOR");
        assert!(tmux.status().expect("tmux: run `./setup.sh --dev`").success());
        terminal
    }

    fn tmux(&self) -> Command {
        let mut tmux = Command::new("tmux");
        tmux.arg("-S").arg(self.home.path().join("tmux"));
        tmux
    }

    fn screen(&self) -> String {
        let out = self.tmux().args(["capture-pane", "-p"]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    #[track_caller]
    fn shows(&self, what: &str) -> String {
        until(what, || Some(self.screen()).filter(|s| s.contains(what)))
    }

    fn press(&self, keys: &[&str]) {
        assert!(self.tmux().arg("send-keys").args(keys).status().unwrap().success());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.tmux().arg("kill-server").status();
    }
}

#[test]
fn monitor_shows_the_run_and_restores_the_terminal() {
    let dir = folder();
    let input = long_clip(dir.path());
    let output = dir.path().join("out.mp4");
    let job = format!("{} {} -o {} --model selfie --monitor", env!("CARGO_BIN_EXE_vrseg"), arg(&input), arg(&output));
    let terminal = Terminal::run(dir.path(), &format!("echo before; {job}"));
    terminal.shows("vrseg running");
    let page = terminal.shows("infer ");
    assert!(page.contains("/5000 frames"), "{page}");
    for part in ["vrseg running", "long_LR.mp4", "stages", "memory", "messages"] {
        assert!(page.contains(part), "{part}:\n{page}");
    }
    assert!(!page.contains("before"));
    // Frame and matte, two pixels a cell.
    terminal.shows("▀▀▀▀▀");
    terminal.press(&["C-c"]);
    let after = terminal.shows("ended=130");
    assert!(after.contains("before") && after.contains("stopped early:"), "{after}");
    assert!(!after.contains('▀') && !times(&output).is_empty());
    // The terminal is back in line mode, with echo.
    terminal.press(&["echoed", "Enter"]);
    terminal.shows("echoed\nechoed");
}

#[test]
fn monitor_fits_into_the_smallest_terminal() {
    let dir = folder();
    let films = dir.path().join("films");
    std::fs::create_dir(&films).unwrap();
    std::fs::write(films.join("a.mp4"), "no video").unwrap();
    std::fs::rename(long_clip(dir.path()), films.join("b_LR_180.mp4")).unwrap();
    std::fs::copy(dir.path().join("short.mp4"), films.join("c_LR_180.mp4")).unwrap();
    let job = format!("{} -r films -o out/ --model selfie --monitor", env!("CARGO_BIN_EXE_vrseg"));
    let terminal = Terminal::sized(dir.path(), &job, (80, 24));
    terminal.shows("vrseg running");
    terminal.shows(" ms│");
    // Once the figures are there, all of a batch's are.
    let page = terminal.shows("left in all");
    for part in [
        "[2/3] films/b_LR_180.mp4",
        "/5000 frames",
        " %",
        " fps",
        " elapsed",
        "done at ",
        "0 of 3 files done, 1 failed",
        "stages",
        "queue",
        "a frame",
        "machine",
        " cores",
        "messages",
        "Ctrl-C: finish the current frames and stop",
    ] {
        assert!(page.contains(part), "{part}:\n{page}");
    }
    for stage in ["decode", "prepare", "windows", "infer", "matte", "compose", "encode"] {
        assert!(page.lines().any(|l| l.contains(stage) && l.contains('%')), "{stage}:\n{page}");
    }
    let lines: Vec<_> = page.trim_end().lines().collect();
    assert!(lines.len() == 24 && lines.iter().all(|l| l.chars().count() <= 80), "{page}");
    terminal.press(&["q"]);
    let end = terminal.shows("ended=130");
    assert!(end.contains("0 of 3 files done in ") && end.contains("1 failed, 1 stopped early, 1 not begun"), "{end}");
}

#[test]
fn monitor_and_json_cannot_share_a_terminal() {
    let dir = folder();
    clip(&dir.path().join("in.mp4"), "320x160", 5, H264);
    let job = format!("{} in.mp4 -o out.mp4 --model selfie --monitor --json", env!("CARGO_BIN_EXE_vrseg"));
    let terminal = Terminal::run(dir.path(), &job);
    assert!(terminal.shows("ended=2").contains("--monitor and --json"));
    drop(terminal);
    let terminal = Terminal::run(dir.path(), &format!("{job} > events.ndjson"));
    terminal.shows("ended=0");
    assert!(std::fs::read_to_string(dir.path().join("events.ndjson")).unwrap().contains("\"done\""));
}

#[test]
fn interactive_commands_have_completion_and_history() {
    let dir = folder();
    clip(&dir.path().join("in.mp4"), "320x160", 5, H264);
    let terminal = Terminal::run(dir.path(), &format!("{} interactive", env!("CARGO_BIN_EXE_vrseg")));
    // tmux strips trailing blanks.
    terminal.shows("vrseg>");
    terminal.press(&["prof", "Tab", "fas", "Tab", "Enter"]);
    terminal.shows("profile fast");
    terminal.press(&["set matte.fether 1", "Enter"]);
    terminal.shows("did you mean matte.feather?");
    terminal.press(&["set output.mode ma", "Tab", "Enter"]);
    terminal.shows("output.mode is matte");
    terminal.press(&["process in.mp4 out.mp4 --threads 1", "Enter"]);
    terminal.shows("done: 5 frames");
    terminal.press(&["stats", "Enter"]);
    let stats = terminal.shows("ms a frame");
    assert!(stats.contains("5 frames of in.mp4"), "{stats}");
    // Ctrl-C discards a line, the up arrow recalls an older one.
    terminal.press(&["nonsense"]);
    terminal.shows("vrseg> nonsense");
    terminal.press(&["C-c"]);
    until("a new line", || terminal.screen().trim_end().ends_with("\nvrseg>").then_some(()));
    terminal.press(&["Up"]);
    terminal.shows("vrseg> stats\n\n");
    terminal.press(&["C-u", "exit", "Enter"]);
    terminal.shows("ended=0");
    let matte = decode(&dir.path().join("out.mp4"), "rgb24", &[]);
    let gray = matte.frames[4].chunks(3).filter(|p| p[0].abs_diff(p[1]) < 8 && p[1].abs_diff(p[2]) < 8).count();
    assert!(gray * 100 > matte.frames[4].len() / 3 * 99, "the set mode was used");
    assert!(std::fs::read_to_string(dir.path().join("state/vrseg/history")).unwrap().contains("set output.mode matte"));
}

#[test]
fn contact_sheet_shows_frames_mattes_and_green_screen() {
    let dir = folder();
    let (input, sheet) = (dir.path().join("in.mp4"), dir.path().join("sheet.png"));
    clip(&input, "320x160", 50, H264);
    ok(["preview", arg(&input), "-o", arg(&sheet), "--count", "2", "--model", "selfie"]);
    let p = decode(&sheet, "rgb24", &[]);
    // Three columns of 480 pixels, two rows of 240, gaps of 12, text on top.
    assert_eq!((p.width, p.height), (12 + 3 * 492, 12 + 4 * 30 + 2 * 252));
    let share = |column: usize, row: usize, test: fn(&[u8]) -> bool| {
        let (left, top) = (12 + column * 492, 132 + row * 252);
        let cell = (top + 30..top + 240).flat_map(|y| (left..left + 480).map(move |x| (x, y)));
        cell.filter(|(x, y)| test(p.pixel(0, *x, *y))).count() as f64 / (480.0 * 210.0)
    };
    for row in 0..2 {
        let person = share(1, row, |c| c[0] > 200);
        assert!((0.05..0.95).contains(&person), "{person} of the matte is person");
        let green = share(2, row, |c| c[1] > 150 && c[0] < 40 && c[2] < 100);
        assert!((person + green - 1.0).abs() < 0.15, "{person} person, {green} green");
        assert!(share(0, row, |c| c[1] > 150 && c[0] < 40 && c[2] < 100) < 0.02);
    }
    let again = run(["preview", arg(&input), "-o", arg(&sheet)]);
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("exists; -y replaces it"), "{}", stderr(&again));
    let broken = run(["preview", arg(&sheet.with_extension("none")), "-o", arg(&dir.path().join("no.png"))]);
    assert!(!broken.status.success() && !dir.path().join("no.png").exists());
}

#[test]
fn shells_load_the_completion_scripts() {
    let dir = folder();
    let script = |shell: &str| {
        let path = dir.path().join(format!("vrseg.{shell}"));
        std::fs::write(&path, ok(["completions", shell]).stdout).unwrap();
        path
    };
    // Shells that are not installed are skipped.
    let installed = |shell: &str| Command::new(shell).arg("--version").output().is_ok();
    let ask = |shell: &str, args: &[&str]| {
        let out = Command::new(shell).args(args).current_dir(dir.path()).env("HOME", dir.path()).output().unwrap();
        assert!(out.status.success(), "{shell}: {}", stderr(&out));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let bash =
        "source ./vrseg.bash; COMP_WORDS=(vrseg --prof); COMP_CWORD=1; _vrseg vrseg --prof vrseg; echo ${COMPREPLY[@]}";
    script("bash");
    assert_eq!(ask("bash", &["--norc", "-c", bash]).trim(), "--profile");
    // With the program at hand, values are what is there: a clip beside the command of its beginning.
    std::fs::write(dir.path().join("clip 1.mp4"), "").unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vrseg"), dir.path().join("vrseg")).unwrap();
    let offered = |line: &str| {
        let set = format!(
            "COMP_LINE={line:?}; COMP_POINT=${{#COMP_LINE}}; _vrseg ./vrseg; printf '%s|' \"${{COMPREPLY[@]}}\""
        );
        ask("bash", &["--norc", "-c", &format!("source ./vrseg.bash; {set}")])
    };
    assert_eq!(offered("vrseg cl"), "clip 1.mp4|cluster|");
    assert_eq!(offered("vrseg a.mp4 -o alpha=cl"), "clip 1.mp4|");
    assert_eq!(offered("vrseg a.mp4 --model rv"), "rvm|");
    assert_eq!(offered("vrseg a.mp4 --device=open"), "openvino|");
    if installed("fish") {
        script("fish");
        let printed = ask("fish", &["--no-config", "-c", "source vrseg.fish; complete -C 'vrseg --prof'"]);
        assert!(printed.starts_with("--profile\t"), "{printed}");
    }
    if installed("zsh") {
        script("zsh");
        let printed =
            ask("zsh", &["-f", "-c", "autoload -U compinit; compinit -u -D; source ./vrseg.zsh; whence -w _vrseg"]);
        assert_eq!(printed.trim(), "_vrseg: function");
    }
}

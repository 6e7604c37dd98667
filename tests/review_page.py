#!/usr/bin/env python3
"""Checks the page of `vrseg review` in headless Chromium, as a person with a mouse uses it.

    python3 tests/review_page.py VRSEG VIDEO FOLDER [--shots DIR]

The first second of VIDEO is reviewed in FOLDER, which is made if it is missing. Prints a line for each check; the first that
fails ends the script with status 1. With --shots, pictures of the page are left in DIR. Needs Python 3, python3-websocket,
chromium and ffmpeg.
"""
import argparse
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import websocket

# A debug build on a busy machine takes seconds for a picture.
PATIENCE = 90
CONTROL, SHIFT = 2, 8
BEGIN = time.monotonic()


class Failed(Exception):
    """A check did not hold."""


def expect(what, holds, found=""):
    if not holds:
        raise Failed(f"expected: {what}" + (f"\nfound: {found}" if found != "" else ""))


def until(what, condition, seconds=PATIENCE):
    """Waits for a condition and returns its value."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        expect(f"{what}, within {seconds} s", time.monotonic() < end)
        time.sleep(0.05)


def passed(name):
    print(f"ok   {time.monotonic() - BEGIN:5.1f} s  {name}", flush=True)


class Browser:
    """Chromium, and its pages by the DevTools protocol."""

    def __init__(self, folder):
        self.log = open(folder / "chromium.log", "w")
        flags = ["--headless=new", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "--no-first-run",
                 "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--mute-audio"]
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        expect("chromium in PATH", program)
        self.process = subprocess.Popen([program, *flags, "about:blank"], stdout=self.log, stderr=self.log)
        try:
            port = folder / "profile" / "DevToolsActivePort"
            text = until("Chromium's port", lambda: self.process.poll() is None and port.exists() and port.read_text().count("\n") and port.read_text(), 30)
            number, path = text.split()
            self.socket = websocket.create_connection(f"ws://127.0.0.1:{number}{path}", timeout=PATIENCE, suppress_origin=True)
        except BaseException:
            self.process.kill()
            raise
        self.calls = 0
        self.tabs = {}

    def call(self, method, session=None, **parameters):
        """Asks for something; what happened meanwhile is given to the tabs."""
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters}
        self.socket.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.calls:
                expect(f"{method} works", "error" not in answer, answer.get("error"))
                return answer["result"]
            tab = self.tabs.get(answer.get("sessionId"))
            if tab and "method" in answer:
                tab.happened(answer["method"], answer["params"])

    def close(self):
        with contextlib.suppress(Exception):
            self.socket.close()
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


class Tab:
    """One page, with the gestures that the checks need. `problems` are errors in the page's console and foreign requests."""

    def __init__(self, browser, url, problems):
        self.browser, self.url, self.problems = browser, url, problems
        self.host = re.match(r"http://[^/]+/", url)[0]
        self.server_is_gone = False
        self.requests = 0
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        browser.tabs[self.session] = self
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(1280, 800)
        self.call("Page.navigate", url=url)
        self.settle()

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def happened(self, method, event):
        if method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.problems.append(f"error: {details.get('exception', {}).get('description', details['text'])}")
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.problems.append("console: " + " ".join(str(a.get("value", a.get("description"))) for a in event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] == "error":
            # 503: the models are being loaded, or the pass has not been there.
            if "status of 503" not in event["entry"]["text"] and not self.server_is_gone:
                self.problems.append(f"log: {event['entry']['text']} {event['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests += 1
            url = event["request"]["url"]
            if not url.startswith((self.host, "data:", "blob:" + self.host)):
                self.problems.append(f"request to another host: {url}")

    def js(self, text):
        answer = self.call("Runtime.evaluate", expression=text, returnByValue=True, awaitPromise=True)
        expect(f"{text} can be evaluated", "exceptionDetails" not in answer, answer.get("exceptionDetails"))
        return answer["result"].get("value")

    def wait(self, what, condition, seconds=PATIENCE):
        return until(what, lambda: self.js(f"document.readyState === 'complete' && ({condition})"), seconds)

    def settle(self):
        """Until the picture is there and everything is saved."""
        self.wait("a picture, and saved edits", "Boolean(server && result.shown) && slots.every(s => !s.waiting && !s.loading) && isSaved() && !sync.sending && !dirty.size && server.revision === sync.revision")

    def size(self, width, height, dark=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def mouse(self, kind, x, y, **more):
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def press(self, x, y):
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)

    def click(self, selector):
        """Scrolls to an element, and clicks in its middle if nothing covers it."""
        place = self.js(f"""(e => {{ if (!e) return null; e.scrollIntoView({{ block: "nearest" }}); const b = e.getBoundingClientRect(), x = b.x + b.width / 2, y = b.y + b.height / 2;
            const top = document.elementFromPoint(x, y); return b.width && top && (e.contains(top) || top.contains(e)) ? [x, y] : null; }})(document.querySelector({json.dumps(selector)}))""")
        expect(f"{selector} can be clicked", place)
        self.click_at(*place)

    def click_at(self, x, y):
        self.press(x, y)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def drag(self, points):
        """Draws a line with the pressed mouse."""
        self.press(*points[0])
        for (ax, ay), (bx, by) in zip(points, points[1:]):
            for i in range(1, 9):
                self.mouse("mouseMoved", ax + (bx - ax) * i / 8, ay + (by - ay) * i / 8, button="left", buttons=1)
        self.mouse("mouseReleased", *points[-1], button="left", clickCount=1)

    def key(self, name, modifiers=0):
        code = {"Escape": 27}.get(name, ord(name.upper()[0]))
        text = {} if len(name) > 1 or modifiers & CONTROL else {"text": name}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, windowsVirtualKeyCode=code, modifiers=modifiers, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, windowsVirtualKeyCode=code, modifiers=modifiers)

    def on_screen(self, x, y):
        """The place of a share of the shown view on the screen."""
        return self.js(f"(b => (p => [b.x + p.x, b.y + p.y])(toStage(0, {x}, {y})))(document.querySelector('#picture').getBoundingClientRect())")

    def light(self, x, y, w, h):
        """Mean and spread of the picture's brightness in a part of the shown view, as it is on the screen."""
        return self.js(f"""(() => {{
            const canvas = document.querySelector("#picture"), ratio = canvas.width / canvas.clientWidth, a = toStage(0, {x}, {y}), b = toStage(0, {x + w}, {y + h});
            const data = canvas.getContext("2d").getImageData(a.x * ratio, a.y * ratio, Math.max(1, (b.x - a.x) * ratio), Math.max(1, (b.y - a.y) * ratio)).data;
            let sum = 0, squares = 0;
            for (let i = 0; i < data.length; i += 4) {{ const v = (data[i] + data[i + 1] + data[i + 2]) / 3; sum += v; squares += v * v; }}
            const n = data.length / 4, mean = sum / n;
            return [mean, Math.sqrt(Math.max(0, squares / n - mean * mean))];
        }})()""")

    def dark_place(self, side):
        """A square of the shown matte without a person in it, far from the edges."""
        for y in range(20, 75, 5):
            for x in range(20, 75, 5):
                if max(self.light(x / 100 - 0.03, y / 100 - 0.03, side + 0.06, side + 0.06)) < 3:
                    return x / 100, y / 100
        raise Failed("expected: a part of the picture without a person")

    def shot(self, path):
        """Once the last message has faded."""
        self.mouse("mouseMoved", 3, 3)
        self.js("new Promise(done => requestAnimationFrame(() => setTimeout(done, 400)))")
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
        del self.browser.tabs[self.session]


class Review:
    """`vrseg review` of a video."""

    def __init__(self, vrseg, video):
        self.vrseg, self.video = vrseg, video
        self.file = video.with_suffix(".edits.yaml")
        self.log = open(video.with_suffix(".log"), "a+")
        self.start()

    def start(self):
        begin = self.log.seek(0, os.SEEK_END)
        command = [self.vrseg, "review", self.video, "--profile", "fast", "--address", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)

        def link():
            expect("the review goes on", self.process.poll() is None, Path(self.log.name).read_text())
            return re.search(r"http://\S+/", Path(self.log.name).read_text()[begin:])
        self.url = until("the page's address", link)[0]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
        self.log.close()

    def request(self, path, method="GET", body=None, url=None, **headers):
        """Status and body of an answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urllib.request.urlopen(urllib.request.Request((url or self.url) + path, data, headers, method=method), timeout=PATIENCE) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def state(self):
        return json.loads(self.request("api/state")[1])

    def text(self):
        return self.file.read_text() if self.file.exists() else ""

    def entries(self, section):
        """The entries of a section of the edits file, each as its lines' names and values."""
        part = re.search(rf"^{section}:\n((?:[ #].*\n|\n)*)", self.text(), re.M)
        entries = re.split(r"^  - ", part[1], flags=re.M)[1:] if part else []
        return [dict(re.findall(r"^\s*(\w+): *(.*)$", entry, re.M)) for entry in entries]


def numbers(text):
    return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", text)]


def frames(video):
    command = ["ffmpeg", "-v", "error", "-i", video, "-map", "0:v", "-f", "framemd5", "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split(",")[-1].strip() for line in text.splitlines() if not line.startswith("#")]


def shots(tab, folder, name):
    """Two sizes, light and dark."""
    if not folder:
        return
    for width, height in ((1280, 800), (800, 700)):
        for theme in ("light", "dark"):
            tab.size(width, height, theme == "dark")
            tab.js("new Promise(done => requestAnimationFrame(() => setTimeout(done, 150)))")
            tab.settle()
            tab.shot(folder / f"{name}-{width}-{theme}.png")
    tab.size(1280, 800)
    tab.js("scrollTo(0, 0)")
    tab.settle()


def checks(browser, review, problems, folder):
    tab = Tab(browser, review.url, problems)
    expect("a picture that isn't blank", tab.light(0.2, 0.2, 0.6, 0.6)[1] > 5, tab.light(0.2, 0.2, 0.6, 0.6))
    passed("the page opens and shows a picture")

    tab.wait("the scan ends, and finds people", "server.scan.finished && document.querySelectorAll('#people li').length > 0")
    expect("no edits file before an edit", not review.file.exists())
    tab.settle()
    person = tab.js("server.people.filter(p => p.from <= 0).reduce((a, b) => b.size > a.size ? b : a).person")
    row = f"#people li:nth-child({1 + tab.js(f'server.people.findIndex(p => p.person === {person})')})"
    tab.wait("the people's pictures", f"(i => i.complete && i.naturalWidth > 0)(document.querySelector('{row} img'))")
    passed(f"people appear: {len(review.state()['people'])}")
    shots(tab, folder, "opened")

    # Where people are in the picture is told since the page can use it.
    box = tab.js(f"personBox(server.people.find(p => p.person === {person}))")
    if box:
        tab.click_at(*tab.on_screen(box[0] + box[2] / 2, box[1] + box[3] / 2))
        tab.wait("a person is selected by a click on the picture", "selection && selection.kind === 'person' && document.querySelector('#inspecttitle').textContent.startsWith('Person ')", 5)
        tab.key("Escape")
        passed("a click on a person in the picture selects")

    tab.key("3")
    tab.settle()
    before = tab.light(0.02, 0.02, 0.96, 0.96)[0]
    tab.click(f"{row} .switch")
    until(f"person {person} has show: false in the file", lambda: [e["person"] for e in review.entries("people") if e.get("show") == "false"] == [str(person)])
    tab.settle()
    after = tab.light(0.02, 0.02, 0.96, 0.96)[0]
    expect("a smaller matte without that person", after < before - 1, f"brightness {before:.1f}, then {after:.1f}")
    passed("a person is hidden by a click")

    x, y = tab.dark_place(0.1)
    before = tab.light(x, y + 0.035, 0.1, 0.03)[0]
    tab.key("b")
    tab.drag([tab.on_screen(x, y + 0.05), tab.on_screen(x + 0.1, y + 0.05)])
    tab.key("v")
    stroke = until("a stroke in the file", lambda: review.entries("strokes"))
    points = numbers(stroke[0].get("points", ""))
    expect("one keep stroke where it was painted", len(stroke) == 1 and stroke[0]["action"] == "keep" and abs(points[0] - x) < 0.02 and abs(points[1] - y - 0.05) < 0.02 and abs(points[-2] - x - 0.1) < 0.02, stroke)
    tab.settle()
    tab.mouse("mouseMoved", 3, 3)
    after = tab.light(x, y + 0.035, 0.1, 0.03)[0]
    expect("the matte is brighter there", after > before + 60, f"brightness {before:.1f}, then {after:.1f}")
    passed("a keep stroke is painted, and the matte changes there")

    box = tab.js("(b => [b.x, b.y, b.width, b.height])(document.querySelector('#grow').getBoundingClientRect())")
    tab.drag([(box[0] + box[2] / 2, box[1] + box[3] / 2), (box[0] + box[2] * 0.7, box[1] + box[3] / 2)])
    until("a larger grow in the file", lambda: [2 <= int(s["grow"]) <= 15 for s in review.entries("settings")] == [True])
    tab.settle()
    grown = tab.light(0.02, 0.02, 0.96, 0.96)[0]
    passed("the grow slider is saved")
    tab.key("z", CONTROL)
    until("no settings in the file", lambda: not review.entries("settings"))
    tab.settle()
    expect("one step of undo for a drag; the stroke stays", len(review.entries("strokes")) == 1 and tab.js("document.querySelector('#grow').value") == "0", review.text())
    expect("the matte shrinks again", tab.light(0.02, 0.02, 0.96, 0.96)[0] < grown - 0.5, grown)
    passed("undo takes it back")

    tab.key("r")
    tab.drag([tab.on_screen(0.1, 0.3), tab.on_screen(0.5, 0.7)])
    region = until("an area in the file", lambda: review.entries("regions"))
    rect = numbers(region[0].get("rect", ""))
    expect("a remove rectangle where it was drawn", len(region) == 1 and region[0]["action"] == "remove" and all(abs(a - b) < 0.02 for a, b in zip(rect, (0.1, 0.3, 0.4, 0.4), strict=True)), region)
    tab.settle()
    passed("a remove rectangle is drawn")
    tab.key("1")
    tab.settle()
    shots(tab, folder, "edited")

    def everything_is_there(tab, when):
        tab.wait(f"people {when}", "server.scan.finished && document.querySelectorAll('#people li').length > 0")
        tab.settle()
        found = tab.js(f"[document.querySelectorAll('#editlist li').length, document.querySelector('{row} input').checked, document.querySelector('#undo').disabled, server.saved]")
        expect(f"a stroke, an area, a hidden person, nothing to undo, saved {when}", found == [2, False, True, True], found)
        expect(f"an edits file that is the same {when}", review.text() == text, review.text())

    text = review.text()
    tab.call("Page.reload")
    time.sleep(0.3)
    everything_is_there(tab, "after a reload")
    passed("a reload keeps everything")

    tab.server_is_gone = True
    review.kill()
    tab.wait("the page says that the connection is lost", "document.querySelector('#savedtext').textContent.startsWith('connection lost')", 20)
    tab.close()
    review.start()
    tab = Tab(browser, review.url, problems)
    everything_is_there(tab, "after kill -9")
    passed("kill -9 and a new start keep everything")

    second = Tab(browser, review.url, problems)
    everything_is_there(second, "in a second tab")
    tab.call("Page.bringToFront")
    tab.click(f"{row} .switch")
    tab.settle()
    second.call("Page.bringToFront")
    second.wait("a second tab sees an edit of the first", f"document.querySelector('{row} input').checked", 20)
    expect("no question in the second tab", second.js("document.querySelector('#banner').hidden"))
    second.key("z", CONTROL)
    second.settle()
    until("the second tab's undo is in the file", lambda: [e for e in review.entries("people") if e.get("show") == "false"])
    tab.call("Page.bringToFront")
    tab.wait("the first tab sees an edit of the second", f"!document.querySelector('{row} input').checked", 20)
    second.close()
    passed("two tabs see each other's edits")

    state, text = review.state(), review.text()
    change = {"revision": state["revision"] - 1, "edits": {}}
    status, answer = review.request("api/edits", "PUT", change, X_Vrseg="1")
    answer = json.loads(answer)
    expect("409 with the newer edits for an old revision", status == 409 and answer["revision"] == state["revision"] and answer["edits"]["strokes"], (status, answer))
    change["revision"] += 1
    refused = {
        "404 with another token": (404, review.request("api/state", url=re.sub(r"[^/]+/$", "0" * 32 + "/", review.url))[0]),
        "404 without a token": (404, review.request("", url=re.sub(r"[^/]+/$", "", review.url))[0]),
        "403 for a foreign origin": (403, review.request("api/edits", "PUT", change, X_Vrseg="1", Origin="http://example.com")[0]),
        "403 without X-Vrseg": (403, review.request("api/edits", "PUT", change)[0]),
        "403 for a render without X-Vrseg": (403, review.request("api/render", "POST", {"output": "no.mp4", "mode": "green"})[0]),
    }
    for what, (wanted, status) in refused.items():
        expect(what, wanted == status, status)
    expect("no edits by refused requests", review.text() == text and review.state()["revision"] == state["revision"], review.text())
    passed("old revisions, wrong tokens and foreign pages are refused")

    tab.click("#renderopen")
    output = review.video.with_name(tab.js("document.querySelector('#output').value"))
    if folder:
        tab.shot(folder / "render-1280-light.png")
    tab.click("#rendergo")
    tab.wait("the job has ended", "['done', 'failed', 'stopped'].includes(document.querySelector('#render').className)", 120)
    say = tab.js("document.querySelector('#rendersay').textContent")
    expect(f"Rendered {output.name}", say == f"Rendered {output.name}" and output.exists(), say)
    passed("the Render button's job ends")
    shots(tab, folder, "rendered")
    other = output.with_name("other.mp4")
    command = [review.vrseg, review.video, "-o", other, "--profile", "fast", "--edits", review.file]
    job = subprocess.run(command, capture_output=True, text=True)
    expect("the same job works by hand", job.returncode == 0, job.stdout + job.stderr)
    ours, theirs = frames(output), frames(other)
    expect("the same frames by hand", len(ours) > 10 and ours == theirs, f"{len(ours)} and {len(theirs)} frames, {sum(a != b for a, b in zip(ours, theirs))} differ")
    passed(f"its {len(ours)} frames are those of the same job by hand")

    tab.settle()
    expect("requests were seen", tab.requests > 3, tab.requests)
    expect("no errors in the console, no request to another host", not problems, "\n".join(problems))
    passed("no errors in the console, no request to another host")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("vrseg", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shots", type=Path, metavar="DIR", help="leave pictures of the page there")
    arguments = parser.parse_args()
    for folder in filter(None, (arguments.folder, arguments.shots)):
        folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="review-", dir=arguments.folder, ignore_cleanup_errors=True)))
        video = work.resolve() / "clip_180_LR.mp4"
        cut = ["ffmpeg", "-v", "error", "-ss", "0", "-t", "1", "-i", arguments.video, "-c", "copy", video]
        review = browser = None
        try:
            subprocess.run(cut, check=True)
            review = Review(arguments.vrseg.resolve(), video)
            stack.callback(review.close)
            browser = Browser(work)
            stack.callback(browser.close)
            checks(browser, review, problems := [], arguments.shots)
        except (Failed, subprocess.CalledProcessError, websocket.WebSocketException) as error:
            print(f"FAIL {time.monotonic() - BEGIN:5.1f} s  {error}", flush=True)
            if review:
                print(f"The review's messages:\n{Path(review.log.name).read_text()}", flush=True)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

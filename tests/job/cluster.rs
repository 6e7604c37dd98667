//! `vrseg cluster` on a real Slurm, which the test starts in a temporary folder and stops again, and several
//! workers on one machine.

use crate::harness::*;
use serde_json::Value;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A Slurm of one machine with two cores, on its own ports; stopped on drop.
struct Slurm {
    dir: tempfile::TempDir,
}

impl Slurm {
    fn start() -> Self {
        let slurm = Self { dir: folder() };
        let dir = slurm.dir.path();
        // munged wants folders that nobody else can write to, and a socket that all can reach.
        std::fs::set_permissions(dir, PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["state", "spool", "run", "log"] {
            std::fs::create_dir(dir.join(name)).unwrap();
        }
        std::fs::write(dir.join("munge.key"), [b'k'; 1024]).unwrap();
        std::fs::set_permissions(dir.join("munge.key"), PermissionsExt::from_mode(0o600)).unwrap();
        let d = arg(dir);
        let munged = ["key-file", "socket", "pid-file", "log-file", "seed-file"]
            .iter()
            .zip(["munge.key", "run/munge.socket", "run/munged.pid", "log/munged.log", "run/munged.seed"])
            .map(|(option, file)| format!("--{option}={d}/{file}"));
        slurm.command("munged", munged.chain(["--force".to_owned()]));
        let host = slurm.command("hostname", ["-s".to_owned()]);
        let host = host.trim();
        let user = slurm.command("id", ["-un".to_owned()]);
        let user = user.trim();
        let [a, b] = free_ports();
        std::fs::write(
            dir.join("slurm.conf"),
            format!(
                "ClusterName=vrseg-test\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={a}\nSlurmdPort={b}\n\
                 AuthType=auth/munge\nAuthInfo=socket={d}/run/munge.socket\nCredType=cred/munge\nMpiDefault=none\n\
                 ProctrackType=proctrack/linuxproc\nReturnToService=2\nSlurmUser={user}\nSlurmdUser={user}\n\
                 StateSaveLocation={d}/state\nSlurmdSpoolDir={d}/spool\nSlurmctldPidFile={d}/run/slurmctld.pid\n\
                 SlurmdPidFile={d}/run/slurmd.pid\nSlurmctldLogFile={d}/log/slurmctld.log\n\
                 SlurmdLogFile={d}/log/slurmd.log\nSwitchType=switch/none\nTaskPlugin=task/none\n\
                 SchedulerType=sched/builtin\nSchedulerParameters=sched_interval=1\nKillWait=2\n\
                 SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nJobAcctGatherType=jobacct_gather/none\n\
                 AccountingStorageType=accounting_storage/none\n\
                 NodeName=node NodeAddr=127.0.0.1 NodeHostName={host} CPUs=2 RealMemory=1000 State=UNKNOWN\n\
                 PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
            ),
        )
        .unwrap();
        slurm.command("slurmctld", []);
        slurm.command("slurmd", ["-N".to_owned(), "node".to_owned()]);
        slurm.wait_until("the node is idle", || slurm.command("sinfo", ["-ho%t".to_owned()]).trim() == "idle");
        slurm
    }

    /// Runs one of Slurm's commands, which must succeed.
    #[track_caller]
    fn command(&self, command: &str, args: impl IntoIterator<Item = String>) -> String {
        let out = self.with_config(Command::new(command).args(args)).output();
        let out = out.unwrap_or_else(|e| panic!("{command}: {e}; ./setup.sh --dev installs Slurm"));
        assert!(out.status.success(), "{command}: {}", stderr(&out));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn with_config<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SLURM_CONF", self.dir.path().join("slurm.conf"))
    }

    /// Runs vrseg with this Slurm.
    #[track_caller]
    fn vrseg(&self, expected: i32, args: &[&str]) -> String {
        let out = self.with_config(vrseg().args(args)).output().expect("the program starts");
        let printed = String::from_utf8_lossy(&out.stdout).into_owned();
        assert_eq!(out.status.code(), Some(expected), "{args:?}: {printed}{}{}", stderr(&out), self.logs());
        printed
    }

    fn status(&self, job: &Path, expected: i32) -> Value {
        serde_json::from_str(&self.vrseg(expected, &["cluster", "status", arg(job), "--json"])).expect("JSON")
    }

    #[track_caller]
    fn wait_until(&self, what: &str, mut so: impl FnMut() -> bool) {
        let waiting_since = Instant::now();
        while !so() {
            assert!(waiting_since.elapsed() < Duration::from_secs(120), "{what} within two minutes{}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn logs(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.dir.path().join("log").join(name)).unwrap_or_default();
        format!("\n{}\n{}", read("slurmctld.log"), read("slurmd.log"))
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let id = |name: &str| std::fs::read_to_string(self.dir.path().join(format!("run/{name}.pid"))).ok();
        for name in ["slurmd", "slurmctld", "munged"] {
            let Some(id) = id(name).and_then(|text| text.trim().parse::<i32>().ok()) else { continue };
            let _ = Command::new("kill").arg(id.to_string()).status();
            let gone = || !Path::new(&format!("/proc/{id}")).exists();
            let waiting_since = Instant::now();
            while !gone() && waiting_since.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// Unused ports.
fn free_ports() -> [u16; 2] {
    let listeners = [0; 2].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    listeners.map(|l| l.local_addr().unwrap().port())
}

/// Ten seconds with a key frame each second, and sound.
fn ten_seconds(dir: &Path) -> PathBuf {
    let input = dir.join("in.mp4");
    clip(&input, "320x160", 250, &format!("{H264} -g 25"));
    input
}

const ENCODER: &[&str] = &["--model", "selfie", "--preset", "ultrafast", "--segment-seconds", "1"];

/// Mean difference of two videos' luma, and the largest of a frame.
fn difference(a: &Path, b: &Path) -> (f64, f64) {
    let (a, b) = (decode(a, "gray", &[]), decode(b, "gray", &[]));
    assert_eq!(a.frames.len(), b.frames.len());
    let mean = |(a, b): (&Vec<u8>, &Vec<u8>)| {
        a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
    };
    let all: Vec<f64> = a.frames.iter().zip(&b.frames).map(mean).collect();
    (all.iter().sum::<f64>() / all.len() as f64, all.iter().copied().fold(0.0, f64::max))
}

/// A wrapper of vrseg whose first run on segments 2 and 3 hangs, as on a dying machine.
fn hangs_once(dir: &Path) -> PathBuf {
    let path = dir.join("it's vrseg");
    let real = env!("CARGO_BIN_EXE_vrseg");
    let marker = dir.join("hung");
    let text = format!(
        "#!/bin/bash\nif [[ \"$*\" == *'--index 2-3'* && ! -e '{m}' ]]; then\n    touch '{m}'; echo 'the fans stop' >&2; \
         sleep 300; exit 1\nfi\nexec '{real}' \"$@\"\n",
        m = arg(&marker)
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    path
}

#[test]
fn slurm_job_survives_a_killed_task_and_a_drained_node() {
    let slurm = Slurm::start();
    let dir = folder();
    let input = ten_seconds(dir.path());
    let (out, single) = (dir.path().join("out 1.mp4"), dir.path().join("single.mp4"));
    let job = dir.path().join("out 1.mp4.vrseg");
    ok([&[arg(&input), "-o", arg(&single), "--threads", "1"], ENCODER].concat());

    let program = hangs_once(dir.path());
    let cluster =
        ["--program", arg(&program), "--segments-per-task", "2", "--cpus-per-task", "1", "--max-parallel", "2"];
    let submit = [&["cluster", "submit", arg(&input), "-o", arg(&out)], ENCODER, &cluster].concat();
    let scripts = slurm.vrseg(0, &[&submit[..], &["--dry-run"]].concat());
    assert!(
        scripts.contains("#SBATCH --array=0-4%2") && scripts.contains("segments=(0-1 2-3 4-5 6-7 8-9)"),
        "{scripts}"
    );
    assert!(!job.exists(), "a dry run makes nothing");
    let printed = slurm.vrseg(0, &submit);
    assert!(printed.contains("submitted array 1 of 5 task(s), then merge job 2"), "{printed}");
    let again = slurm.vrseg(2, &submit);
    assert_eq!(again, "");

    // Drain the node while one of its tasks hangs.
    let finished = |n: usize| slurm.status(&job, 0)["segments"][n]["state"] == "finished";
    slurm.wait_until("the first task ends, and the second hangs", || finished(1) && dir.path().join("hung").exists());
    let node = |state: &str| {
        let words = ["update", "NodeName=node", &format!("State={state}"), "Reason=test"].map(str::to_owned);
        slurm.command("scontrol", words)
    };
    node("DRAIN");
    let task = |status: &Value, segments: &str| -> Value {
        let all = status["tasks"].as_array().expect("tasks").clone();
        all.into_iter().find(|t| t["segments"] == segments).unwrap_or(Value::Null)
    };
    slurm.wait_until("only the hanging task is left", || {
        let status = slurm.status(&job, 0);
        task(&status, "2-3")["state"] == "running"
            && status["tasks"].as_array().unwrap().iter().all(|t| t["segments"] == "2-3" || t["state"] == "waiting")
    });
    assert_eq!(task(&slurm.status(&job, 0), "8-9")["state"], "waiting");
    // Neither the same job nor another one of the same output takes what the tasks have made.
    for change in [&[][..], &["--crf", "30"]] {
        assert_eq!(slurm.vrseg(2, &[&submit[..], change].concat()), "");
        assert!(finished(0) && finished(1), "with {change:?}");
    }
    for words in [&["plan"][..], &[]] {
        let other = [words, &[arg(&input), "-o", arg(&out), "--crf", "30"], &ENCODER[..2]].concat();
        assert_eq!(slurm.vrseg(2, &other), "");
        assert!(finished(0) && finished(1), "with {other:?}");
        let elsewhere = vrseg().args(&other).env("PATH", "/nonexistent").output().unwrap();
        assert_eq!(elsewhere.status.code(), Some(2), "{}", stderr(&elsewhere));
        assert!(stderr(&elsewhere).contains("can't be asked whether tasks still work on it"), "{}", stderr(&elsewhere));
    }
    slurm.command("scancel", ["--full", "--signal=KILL", "1_1"].map(str::to_owned));
    node("RESUME");
    slurm.wait_until("the other tasks end", || {
        let failed = slurm.with_config(vrseg().args(["cluster", "status", arg(&job)])).output().unwrap();
        failed.status.code() == Some(1)
    });
    let status = slurm.status(&job, 1);
    let states: Vec<_> = status["segments"].as_array().unwrap().iter().map(|s| text(&s["state"])).collect();
    assert_eq!(
        states,
        ["finished", "finished", "failed", "failed"].iter().chain(&["finished"; 6]).copied().collect::<Vec<_>>()
    );
    assert!(status["segments"][0]["maker"]["seconds"].as_f64().unwrap() > 0.0);
    let printed = slurm.vrseg(1, &["cluster", "status", arg(&job)]);
    assert!(
        printed.contains("8 of 10 segments (200 of 250 frames), 2 failed") && printed.contains("the fans stop"),
        "{printed}"
    );
    assert!(!out.exists());

    // Only missing segments are made, then all are joined.
    let before = std::fs::metadata(job.join("00000.0.seg")).unwrap().modified().unwrap();
    let scripts = dir.path().join("out 1.mp4.slurm");
    let printed = slurm.vrseg(0, &["cluster", "resume", arg(&scripts), "--wait"]);
    assert!(printed.contains(" of 1 task(s), then merge job "), "{printed}");
    assert!(before.elapsed().is_ok());
    assert!(!job.exists(), "the segments are removed");
    let printed = slurm.vrseg(0, &["cluster", "status", arg(&job)]);
    assert!(printed.contains("finished") && printed.contains("out 1.mp4"), "{printed}");
    assert_eq!(times(&out), times(&input));
    assert_eq!(packets(&out, "a:0"), packets(&single, "a:0"));
    let (mean, most) = difference(&out, &single);
    println!("against a single run: mean difference {mean:.4}, most of a frame {most:.4}");
    // A task warms up on 15 frames; within a task the state is complete.
    assert!(most < 1.0, "{most}");
    assert_eq!(slurm.command("squeue", ["-h".to_owned()]), "");
}

#[test]
fn canceled_job_keeps_finished_segments() {
    let slurm = Slurm::start();
    let dir = folder();
    let input = ten_seconds(dir.path());
    let out = dir.path().join("out.mp4");
    let job = dir.path().join("out.mp4.vrseg");
    let program = hangs_once(dir.path());
    let cluster = ["--program", arg(&program), "--segments-per-task", "2", "--cpus-per-task", "1"];
    slurm.vrseg(0, &[&["cluster", "submit", arg(&input), "-o", arg(&out)], ENCODER, &cluster].concat());
    slurm.wait_until("a task hangs", || dir.path().join("hung").exists());
    slurm.wait_until("a segment is finished", || slurm.status(&job, 0)["segments"][1]["state"] == "finished");
    slurm.vrseg(0, &["cluster", "cancel", arg(&job)]);
    slurm.wait_until("nothing is left", || slurm.command("squeue", ["-h".to_owned()]).is_empty());
    let status = slurm.status(&job, 1);
    assert_eq!(
        (&status["segments"][1]["state"], &status["segments"][2]["state"]),
        (&"finished".into(), &"failed".into())
    );
    slurm.vrseg(0, &["cluster", "resume", arg(&job), "--wait"]);
    assert_eq!(times(&out), times(&input));
}

#[test]
fn missing_slurm_is_reported() {
    let dir = folder();
    let input = ten_seconds(dir.path());
    let out = dir.path().join("out.mp4");
    let submit = ["cluster", "submit", arg(&input), "-o", arg(&out), "--model", "selfie"];
    let printed = vrseg().args(submit).env("PATH", "/nonexistent").output().unwrap();
    assert_eq!(printed.status.code(), Some(1), "{}", stderr(&printed));
    assert!(
        stderr(&printed).contains("sbatch: ") && stderr(&printed).contains("is Slurm installed"),
        "{}",
        stderr(&printed)
    );
    let printed = run(["cluster", "status", arg(dir.path())]);
    assert_eq!(printed.status.code(), Some(2));
    assert!(stderr(&printed).contains("no submitted job"), "{}", stderr(&printed));
    let printed = run(["cluster", "submit", arg(&input), "-o", arg(&out), "--partition", "a b"]);
    assert_eq!(printed.status.code(), Some(2));
}

#[test]
fn kubernetes_manifest_covers_every_segment() {
    let dir = folder();
    let input = ten_seconds(dir.path());
    let (out, job) = (dir.path().join("out.mp4"), dir.path().join("out.mp4.vrseg"));
    ok([&["plan", arg(&input), "-o", arg(&out)], ENCODER].concat());
    let pods = ["--image", "vrseg:0.1", "--claim", "footage", "--mount", "/mnt", "--segments-per-task", "4"];
    let printed = ok([&["cluster", "manifest", arg(&job), "--kubernetes"], &pods[..]].concat());
    let manifest: Value = serde_yaml::from_slice(&printed.stdout).expect("YAML");
    assert_eq!(manifest["spec"]["completions"], 3);
    let script = text(&manifest["spec"]["template"]["spec"]["containers"][0]["command"][2]);
    assert!(script.starts_with("set -- 0-3 4-7 8-9; "), "{script}");
}

#[test]
fn workers_share_the_segments_of_a_job() {
    let dir = folder();
    let input = ten_seconds(dir.path());
    let (out, single) = (dir.path().join("out.mp4"), dir.path().join("single.mp4"));
    ok([&[arg(&input), "-o", arg(&single), "--threads", "1"], ENCODER].concat());
    let printed = ok([&[arg(&input), "-o", arg(&out), "--workers", "2", "--threads", "2", "--json"], ENCODER].concat());
    let lines: Vec<Value> =
        String::from_utf8_lossy(&printed.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    let of = |kind: &str| lines.iter().filter(|l| l["type"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!((of("start").len(), of("segment").len(), of("done").len()), (1, 10, 1));
    assert!(text(&of("start")[0]["device"]).ends_with("2 workers"), "{}", of("start")[0]);
    let done = &of("done")[0];
    assert_eq!((&done["frames"], &done["decode_errors"]), (&250.into(), &0.into()));
    assert!(done["stages"].as_array().expect("stages").iter().all(|s| s["frames"].as_u64() >= Some(250)), "{done}");
    assert!(of("progress").iter().all(|p| p["frames"].as_u64() <= Some(250) && p["total"] == 250));
    assert_eq!(listing(dir.path()), ["in.mp4", "out.mp4", "single.mp4"]);
    assert_eq!(times(&out), times(&input));
    assert_eq!(packets(&out, "a:0"), packets(&single, "a:0"));
    let (mean, most) = difference(&out, &single);
    println!("two workers against one: mean difference {mean:.4}, most of a frame {most:.4}");
    assert!(most < 1.0, "{most}");
}

#[test]
fn killed_workers_resume_from_finished_segments() {
    let dir = folder();
    let input = ten_seconds(dir.path());
    let out = dir.path().join("out.mp4");
    let args = [&[arg(&input), "-o", arg(&out), "--workers", "2", "--threads", "2", "--json"], ENCODER].concat();
    let mut child = vrseg().args(&args).stdout(std::process::Stdio::null()).spawn().unwrap();
    let first = dir.path().join("out.mp4.vrseg/00000.json");
    let waiting_since = Instant::now();
    while !first.exists() {
        assert!(waiting_since.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "a segment");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!out.exists());
    let printed = ok(&args);
    assert!(String::from_utf8_lossy(&printed.stdout).contains("\"type\":\"resumed\""));
    assert_eq!(times(&out), times(&input));
}

#[test]
fn workers_without_segments_and_unknown_devices_are_refused() {
    let refused = |args: &[&str]| {
        let out = run([&["in.mp4", "-o", "out.mp4"], args].concat());
        assert_eq!(out.status.code(), Some(2), "{}", stderr(&out));
        stderr(&out)
    };
    assert!(refused(&["--workers", "2", "--segment-seconds", "off"]).contains("workers share a job's segments"));
    assert!(refused(&["--workers", "2", "--device", "cuda:0,cuda:1"]).contains("several devices have one worker each"));
    assert!(refused(&["--device", "cuda:0,gpu"]).contains("several of them as cuda:0,cuda:1, or all"));
}

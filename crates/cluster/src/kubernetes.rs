//! The same tasks as an Indexed Job of Kubernetes.

use crate::slurm_scripts::{job_name, quoted};
use crate::tasks::Task;
use serde_json::{Value, json};
use std::path::Path;

/// Container, storage and limits of the pods that run the tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSettings {
    /// The container's image, with vrseg and its models in it.
    pub image: String,
    /// Name of the claim to the storage that holds videos and job.
    pub claim: String,
    /// Where that storage is mounted: the paths of the job are the same in every container.
    pub mount: String,
    /// Cores per task; `None`: no limit.
    pub cpus: Option<u32>,
    /// GPUs per task; `None`: none are requested.
    pub gpus: Option<u32>,
    /// Memory per task as Kubernetes reads it, such as `8Gi`; `None`: no limit.
    pub memory: Option<String>,
    /// Tasks that run at once; `None`: all of them.
    pub max_parallel: Option<usize>,
}

/// The manifest of the Job that works on `tasks` of the job in `job`.
pub fn manifest(job: &Path, tasks: &[Task], pods: &PodSettings) -> Value {
    let list: Vec<_> = tasks.iter().map(Task::to_string).collect();
    let work = format!(
        "set -- {}; shift \"$JOB_COMPLETION_INDEX\"; exec vrseg work {} --index \"$1\"",
        list.join(" "),
        quoted(&job.to_string_lossy()),
    );
    let mut limits = serde_json::Map::new();
    let mut limit = |name: &str, value: Option<String>| drop(value.map(|v| limits.insert(name.to_owned(), v.into())));
    limit("cpu", pods.cpus.map(|n| n.to_string()));
    limit("memory", pods.memory.clone());
    limit("nvidia.com/gpu", pods.gpus.map(|n| n.to_string()));
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": { "name": dns_label(&job_name(job)) },
        "spec": {
            "completionMode": "Indexed",
            "completions": tasks.len(),
            "parallelism": pods.max_parallel.unwrap_or(tasks.len()),
            // For each task: one that fails again and again doesn't take the others with it.
            "backoffLimitPerIndex": 2,
            "template": {
                "spec": {
                    "restartPolicy": "Never",
                    "containers": [{
                        "name": "vrseg",
                        "image": pods.image,
                        "command": ["/bin/sh", "-c", work],
                        "resources": { "limits": limits },
                        "volumeMounts": [{ "name": "storage", "mountPath": pods.mount }],
                    }],
                    "volumes": [{ "name": "storage", "persistentVolumeClaim": { "claimName": pods.claim } }],
                },
            },
        },
    })
}

/// A name as Kubernetes wants it: small letters, digits and dashes, at most 63.
fn dns_label(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(plain).take(63).collect();
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn each_completion_index_runs_its_task() {
        let tasks: Vec<Task> = ["0-5", "6-7", "8"].iter().map(|t| t.parse().expect("a task")).collect();
        let pods = PodSettings {
            image: "registry.local/vrseg:0.1".into(),
            claim: "footage".into(),
            mount: "/mnt".into(),
            cpus: Some(8),
            gpus: Some(1),
            memory: None,
            max_parallel: Some(2),
        };
        let made = manifest(Path::new("/mnt/it's/Out_180_LR.mp4.vrseg"), &tasks, &pods);
        let spec = &made["spec"];
        assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(3), &json!(2)));
        assert_eq!(made["metadata"]["name"], "vrseg-out-180-lr-mp4");
        let container = &spec["template"]["spec"]["containers"][0];
        assert_eq!(container["resources"]["limits"], json!({"cpu": "8", "nvidia.com/gpu": "1"}));
        let script = container["command"][2].as_str().expect("a script").replace("exec vrseg", "echo");
        let output = Command::new("sh").args(["-c", &script]).env("JOB_COMPLETION_INDEX", "1").output().expect("sh");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "work /mnt/it's/Out_180_LR.mp4.vrseg --index 6-7\n");
    }
}

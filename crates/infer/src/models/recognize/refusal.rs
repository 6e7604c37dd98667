//! Files that make no mattes, each named as what it is.

use crate::models::graph::{Graph, Number, Port};
use std::path::Path;

/// Operators beside ONNX's own that ONNX Runtime has.
const RUNTIMES_OWN: &[&str] = &["com.microsoft", "ai.onnx.ml", "ai.onnx.preview.training", "com.microsoft.nchwc"];

/// Why the file, which lies in `folder`, can't make mattes, as a text for users.
pub(super) fn of(graph: &Graph, folder: &Path) -> Option<String> {
    missing_weights(graph, folder)
        .or_else(|| foreign_operators(graph))
        .or_else(|| text_encoder(graph))
        .or_else(|| prompted(graph))
        .or_else(|| without_masks(graph))
}

fn missing_weights(graph: &Graph, folder: &Path) -> Option<String> {
    let join = "join them into one file with Python: onnx.save(onnx.load(\"model.onnx\"), \"whole.onnx\")";
    let missing = graph.outside.iter().find(|file| !folder.join(file).is_file());
    match (missing, graph.outside.first()) {
        (Some(file), _) => {
            Some(format!("its weights are in another file, {file}, which isn't beside it; get that, too, and {join}"))
        }
        (None, Some(file)) => Some(format!("its weights are in another file, {file}; {join}")),
        (None, None) => None,
    }
}

fn foreign_operators(graph: &Graph) -> Option<String> {
    let foreign =
        |name: &&String| !RUNTIMES_OWN.iter().any(|own| name.strip_prefix(own).is_some_and(|n| n.starts_with('.')));
    let names: Vec<_> = graph.foreign.iter().filter(foreign).map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "it needs operators that ONNX Runtime doesn't have ({}); export it without the plugins of its framework",
            names.join(", ")
        )
    })
}

fn text_encoder(graph: &Graph) -> Option<String> {
    let text = graph.inputs.iter().find(|p| p.name.contains("input_ids") || p.name == "attention_mask")?;
    let picture = graph.inputs.iter().any(is_picture);
    let what = match picture {
        true => "a model that needs a text prompt",
        false => "a text encoder: its input is text",
    };
    Some(format!("it is {what} (input {})", text.name))
}

fn prompted(graph: &Graph) -> Option<String> {
    let by = ["point_coords", "point_labels", "image_embeddings", "input_points", "input_boxes", "mask_input"];
    let input = graph.inputs.iter().find(|p| by.contains(&p.name.as_str()))?;
    Some(format!("it is a model that needs clicks or boxes (input {}), like Segment Anything", input.name))
}

fn without_masks(graph: &Graph) -> Option<String> {
    let pictures = graph.inputs.iter().filter(|p| is_picture(p)).count();
    let as_map = |p: &Port| p.shape.len() >= 3 || p.shape.is_empty();
    let task = graph.remarks.get("task").map(String::as_str);
    let detector = matches!(task, Some("detect" | "obb" | "pose"))
        || graph.outputs.iter().any(|p| ["boxes", "bboxes", "dets", "scores"].contains(&p.name.as_str()))
            && !graph.outputs.iter().any(|p| p.name.contains("mask"))
        || (pictures == 1 && graph.outputs.len() == 1 && is_table_of_boxes(&graph.outputs[0]));
    if detector {
        return Some(
            "it is a detector without masks: it finds boxes, not outlines; use its segmentation variant".to_owned(),
        );
    }
    if pictures == 1 && !graph.outputs.iter().any(as_map) {
        let what = "a classifier, or the encoder of one: it labels whole pictures";
        return Some(format!("it is {what} (output {})", graph.outputs.first().map(Port::text).unwrap_or_default()));
    }
    if pictures == 0 && !graph.inputs.iter().any(|p| p.shape.is_empty() || p.shape.len() == 4) {
        let inputs: Vec<_> = graph.inputs.iter().map(Port::text).collect();
        return Some(format!("it has no picture input: its inputs are {}", inputs.join(", ")));
    }
    None
}

/// Whether this may be a picture: four dimensions, three of them channels or open.
fn is_picture(port: &Port) -> bool {
    port.shape.len() == 4
        && port.number != Number::Other
        && [1, 3].iter().any(|k| port.length(*k).is_none_or(|channels| channels == 3))
}

/// `[N, 84, 8400]` or `[N, 25200, 85]`.
fn is_table_of_boxes(port: &Port) -> bool {
    let longer = port.length(1).max(port.length(2)).unwrap_or(0);
    port.is_float(3) && longer > 1000 && port.length(1).min(port.length(2)).is_some_and(|values| values < 200)
}

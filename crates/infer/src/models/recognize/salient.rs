//! Models that find what stands out in a picture, people or not: U-2-Net, ISNet (DIS), RMBG-1.4.

use super::families::Found;
use super::license::License;
use super::parts::{Identity, Normalized, Parts, Sizes, alpha_or_logit, input, millions};
use crate::models::graph::{Graph, Port};
use crate::models::manifest::{Aspect, Output};

const NOT_PEOPLE: &str = "finds salient objects, people or not: good on person crops, poor on whole views";

/// U-2-Net's blocks, or a graph of its size without names: no attention, nothing but convolutions and pools.
fn is_u_squared(graph: &Graph) -> bool {
    let named = graph.has_weight("rebnconv");
    let sized = [43_000_000..45_500_000, 1_050_000..1_250_000].iter().any(|r| r.contains(&graph.parameters));
    named || (sized && graph.count("MatMul") == 0 && graph.count("MaxPool") >= 20 && graph.count("Conv") >= 100)
}

/// The output with the finest map: the first one with a single channel.
fn first_map(graph: &Graph) -> Option<&Port> {
    graph.outputs.iter().find(|p| p.is_float(4) && p.length(1).is_none_or(|c| c == 1))
}

fn stretched(graph: &Graph, port: &Port) -> Output {
    Output { stretch: true, ..alpha_or_logit(graph, port) }
}

/// U-2-Net, its small variant, and the one trained on people.
pub(super) fn u2net(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let ([picture], map) = (&graph.inputs[..], first_map(graph)?) else { return None };
    if !is_u_squared(graph) || is_isnet(graph, picture) {
        return None;
    }
    let normalized = Normalized { divide_by_max: true, ..Normalized::IMAGENET };
    let sizes = Sizes { size: 320, min: 128, max: 1024, multiple: 32, aspect: Aspect::Keep };
    let human = identity.file.contains("human");
    let title = match (graph.parameters < 5_000_000, human) {
        (true, _) => "U-2-Net, small (u2netp)",
        (false, true) => "U-2-Net, trained on people (u2net_human_seg)",
        (false, false) => "U-2-Net",
    };
    let license = License::permissive("Apache-2.0", "xuebinqin/U-2-Net");
    let parts = Parts::image(title, license, input(picture, normalized, sizes), stretched(graph, map));
    let parts = parts
        .window(320, 1.4)
        .because(format!("{} in U-2-Net's nested blocks, {} outputs", millions(graph.parameters), graph.outputs.len()))
        .from("https://github.com/xuebinqin/U-2-Net");
    let parts = match human {
        true => parts.because("its file's name has \"human\""),
        false => parts.noting(NOT_PEOPLE),
    };
    Some(Ok(parts.known(identity)))
}

/// ISNet halves the picture at once, by a convolution that U-2-Net doesn't have, and is trained at 1024 pixels.
fn is_isnet(graph: &Graph, picture: &Port) -> bool {
    graph.has_weight("conv_in") || (graph.parameters > 5_000_000 && picture.length(2) == Some(1024))
}

/// ISNet, and BRIA's RMBG-1.4, which has the same model.
pub(super) fn isnet(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let ([picture], map) = (&graph.inputs[..], first_map(graph)?) else { return None };
    if !is_u_squared(graph) || !is_isnet(graph, picture) {
        return None;
    }
    let sizes = Sizes { size: 1024, min: 256, max: 2048, multiple: 64, aspect: Aspect::Square };
    let (input, output) = (input(picture, Normalized::CENTERED, sizes), stretched(graph, map));
    let why = format!("{} in ISNet's nested blocks, {} outputs", millions(graph.parameters), graph.outputs.len());
    let license = License::non_commercial("LicenseRef-BRIA-RMBG-1.4", "BRIA's own, non-commercial");
    let named_alike = (picture.name.as_str(), map.name.as_str()) == ("input", "output") && graph.outputs.len() == 1;
    let parts = if identity.file.contains("rmbg") {
        let parts = Parts::image("BRIA RMBG-1.4", license, input, output);
        parts.because(why).because("its file is named so").from("https://huggingface.co/briaai/RMBG-1.4")
    } else if named_alike {
        let license = License { note: "if it is RMBG-1.4; ISNet's own weights are under Apache-2.0", ..license };
        let parts = Parts::image("BRIA RMBG-1.4 or ISNet (DIS), the same architecture", license, input, output);
        parts
            .because(why)
            .because("its input and output are named as RMBG's")
            .from("https://huggingface.co/briaai/RMBG-1.4")
    } else {
        let license = License::permissive("Apache-2.0", "xuebinqin/DIS; what is trained on may have terms of its own");
        let parts = Parts::image("ISNet (DIS)", license, input, output);
        parts.because(why).from("https://github.com/xuebinqin/DIS")
    };
    Some(Ok(parts.window(512, 1.4).noting(NOT_PEOPLE).known(identity)))
}

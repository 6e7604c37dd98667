//! YOLO's segmentation models.

use super::families::Found;
use super::license::License;
use super::parts::{Identity, Normalized, Parts, Sizes, alpha, input};
use crate::models::graph::{Graph, Port};
use crate::models::manifest::{Aspect, Crop, Instances, Kind, Output, PreferredInput};

/// Boxes `[N, 4 + classes + M, A]` or `[N, A, 5 + classes + M]`, and prototypes `[N, M, h, w]`.
pub(super) fn segmentation(graph: &Graph, identity: &Identity<'_>) -> Option<Found> {
    let [picture] = &graph.inputs[..] else { return None };
    let boxes = graph.outputs.iter().find(|p| p.is_float(3))?;
    let prototypes = graph.outputs.iter().find(|p| p.is_float(4))?;
    let ultralytics = graph.remarks.get("author").is_some_and(|a| a.contains("Ultralytics"));
    let layout = BoxLayout::of(boxes, prototypes)?;
    let person = match person(graph.remarks.get("names").map(String::as_str)) {
        Person::Class(class) => class,
        Person::Missing => return Some(Err("it is a YOLO whose classes have no person".to_owned())),
        // COCO's first class.
        Person::Unknown => 0,
    };
    if layout == BoxLayout::EndToEnd {
        let what = "a YOLO that sorts its boxes out by itself; export it with nms=False and end2end=False";
        return Some(Err(format!("it is {what}")));
    }
    let objectness = layout == BoxLayout::ByBox;
    let name = graph.remarks.get("description").map_or("YOLO segmentation", String::as_str);
    // The thresholds with which Ultralytics predicts: 0.25 for scores; overlaps of 0.7, in YOLOv5 of 0.45.
    let instances = Instances {
        prototypes: prototypes.name.clone(),
        person,
        score: 0.25,
        overlap: if objectness { 0.45 } else { 0.7 },
        objectness,
    };
    let sizes = Sizes { size: 640, min: 320, max: 1920, multiple: 32, aspect: Aspect::Pad };
    let license = License::copyleft("AGPL-3.0-only", "Ultralytics, code and weights; also for services over a network");
    let output = Output { instances: Some(instances), ..alpha(boxes) };
    let mut parts = Parts::image(name, license, input(picture, Normalized::PLAIN, sizes), output);
    (parts.kind, parts.looks) = (Kind::Instances, PreferredInput::Views);
    parts.crop = Crop { size: parts.input.size, ..Crop::default() };
    let mut parts = parts
        .because(format!("boxes with mask coefficients in {}, prototypes in {}", boxes.text(), prototypes.text()))
        .because(format!("people are its class {person}"))
        .from("https://github.com/ultralytics/ultralytics")
        .noting("masks are coarse: a quarter of the input's size");
    if ultralytics {
        parts = parts.because("its remarks name Ultralytics");
    }
    Some(Ok(parts.known(identity)))
}

/// How the boxes lie in their tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BoxLayout {
    /// All boxes' first value, then all boxes' second one ...: YOLOv8, YOLO11.
    ByValue,
    /// One box after the other, with a score of the box itself: YOLOv5.
    ByBox,
    /// One box after the other: corners, score, class, coefficients.
    EndToEnd,
}

impl BoxLayout {
    fn of(boxes: &Port, prototypes: &Port) -> Option<Self> {
        let masks = prototypes.length(1)?;
        if masks == 3 {
            return None;
        }
        let (a, b) = (boxes.length(1), boxes.length(2));
        match (a, b) {
            (_, Some(values)) if values == 6 + masks => Some(Self::EndToEnd),
            (Some(values), Some(count)) if values > 4 + masks && values < count => Some(Self::ByValue),
            (Some(values), None) if values > 4 + masks && values < 1000 => Some(Self::ByValue),
            (Some(count), Some(values)) if values > 5 + masks && values < count => Some(Self::ByBox),
            (None, Some(values)) if values > 5 + masks => Some(Self::ByBox),
            _ => None,
        }
    }
}

/// Which class is a person's.
#[derive(Debug, PartialEq, Eq)]
enum Person {
    Class(usize),
    Missing,
    Unknown,
}

/// Reads Ultralytics' remark on its classes, `{0: 'person', 1: 'bicycle'}`.
fn person(names: Option<&str>) -> Person {
    let Some(names) = names else { return Person::Unknown };
    let bare = |text: &str| text.trim().trim_matches(['\'', '"']).to_lowercase();
    let entries = names.trim_matches(['{', '}']).split(',').filter_map(|entry| entry.split_once(':'));
    let entries: Vec<_> = entries.map(|(number, name)| (bare(number), bare(name))).collect();
    if let Some((number, _)) = entries.iter().find(|(_, name)| name == "person") {
        return number.parse().map_or(Person::Unknown, Person::Class);
    }
    // Without its data set's file a model's classes are called by their numbers.
    let nameless = |(number, name): &(String, String)| number == name || name.strip_prefix("class") == Some(number);
    if entries.iter().all(nameless) { Person::Unknown } else { Person::Missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_of_people_is_read() {
        assert_eq!(person(Some("{0: 'person', 1: 'bicycle'}")), Person::Class(0));
        assert_eq!(person(Some("{0: \"dog\", 7: \"Person\"}")), Person::Class(7));
        assert_eq!(person(Some("{0: 'dog'}")), Person::Missing);
        assert_eq!(person(None), Person::Unknown);
        assert_eq!(person(Some("{0: '0', 1: 'class1'}")), Person::Unknown);
    }
}

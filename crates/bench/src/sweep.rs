//! Which points a benchmark measures.

use crate::results::Spec;

/// A frame size with a name. Frames are stereo: two eyes side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// Name, such as `4k`; of other sizes `WIDTHxHEIGHT`.
    pub name: String,
    /// Width of a frame in pixels, both eyes together.
    pub width: usize,
    /// Height of a frame in pixels.
    pub height: usize,
}

/// The sizes that have names.
const SIZES: [(&str, usize, usize); 4] =
    [("1080p", 1920, 1080), ("4k", 3840, 1920), ("6k", 5760, 2880), ("8k", 7680, 3840)];

impl Size {
    /// A named size, or `WIDTHxHEIGHT`.
    ///
    /// # Errors
    /// What is expected, as a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_lowercase();
        if let Some((name, width, height)) = SIZES.into_iter().find(|s| s.0 == lower) {
            return Ok(Self { name: name.to_owned(), width, height });
        }
        let sides = lower.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        match sides {
            Some((width, height)) if (64..=16384).contains(&width) && (32..=16384).contains(&height) => {
                if width % 4 == 0 && height % 2 == 0 {
                    Ok(Self { name: lower, width, height })
                } else {
                    Err("each of two eyes needs an even width and height".to_owned())
                }
            }
            _ => Err("expected 1080p, 4k, 6k, 8k or WIDTHxHEIGHT (both eyes) up to 16384".to_owned()),
        }
    }
}

/// Which settings a benchmark varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// The frame size only.
    Resolution,
    /// The frames in a batch only.
    Batch,
    /// The number format of the model only.
    Precision,
    /// One setting after the other, the rest at their first values.
    Each,
    /// Every combination of values.
    Crossed,
}

/// The values of each axis; none is empty.
#[derive(Clone, Debug)]
pub struct Axes {
    /// Frame sizes, the smallest first.
    pub sizes: Vec<Size>,
    /// Frames in a batch.
    pub batches: Vec<u32>,
    /// Number formats: auto, fp32, fp16, int8.
    pub precisions: Vec<String>,
    /// Models; an empty name is the profile's.
    pub models: Vec<String>,
    /// Devices as `--device` accepts them.
    pub devices: Vec<String>,
}

impl Axes {
    /// What sweeps leave alone has these values: the first size, one frame, the precision that
    /// the program chooses.
    pub fn base(&self) -> Spec {
        let size = &self.sizes[0];
        Spec {
            size: size.name.clone(),
            width: size.width,
            height: size.height,
            batch: 1,
            precision: "auto".to_owned(),
            model: self.models[0].clone(),
            device: self.devices[0].clone(),
        }
    }

    /// The points, each once: for every model on every device first the sizes, then batches, then
    /// precisions.
    pub fn points(&self, sweep: Sweep) -> Vec<Spec> {
        let base = self.base();
        let mut points: Vec<Spec> = Vec::new();
        let mut add = |spec: Spec| {
            if !points.contains(&spec) {
                points.push(spec);
            }
        };
        let sized = |spec: &Spec, size: &Size| Spec {
            size: size.name.clone(),
            width: size.width,
            height: size.height,
            ..spec.clone()
        };
        for device in &self.devices {
            for model in &self.models {
                let base = Spec { model: model.clone(), device: device.clone(), ..base.clone() };
                if matches!(sweep, Sweep::Resolution | Sweep::Each) {
                    self.sizes.iter().for_each(|s| add(sized(&base, s)));
                }
                if matches!(sweep, Sweep::Batch | Sweep::Each) {
                    self.batches.iter().for_each(|b| add(Spec { batch: *b, ..base.clone() }));
                }
                if matches!(sweep, Sweep::Precision | Sweep::Each) {
                    self.precisions.iter().for_each(|p| add(Spec { precision: p.clone(), ..base.clone() }));
                }
                if sweep == Sweep::Crossed {
                    for size in &self.sizes {
                        for batch in &self.batches {
                            for precision in &self.precisions {
                                let spec = sized(&base, size);
                                add(Spec { batch: *batch, precision: precision.clone(), ..spec });
                            }
                        }
                    }
                }
            }
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Axes {
        Axes {
            sizes: ["1080p", "4k"].map(|s| Size::parse(s).unwrap()).to_vec(),
            batches: vec![1, 4],
            precisions: vec!["fp32".into(), "fp16".into()],
            models: vec![String::new()],
            devices: vec!["auto".into()],
        }
    }

    #[test]
    fn points_are_not_repeated() {
        let base = axes().base();
        let labels = |sweep| axes().points(sweep).iter().map(|s| s.label(&base)).collect::<Vec<_>>();
        assert_eq!(labels(Sweep::Each), ["1080p", "4k", "1080p batch 4", "1080p fp32", "1080p fp16"]);
        assert_eq!(labels(Sweep::Batch), ["1080p", "1080p batch 4"]);
        assert_eq!(labels(Sweep::Precision), ["1080p fp32", "1080p fp16"]);
        assert_eq!(labels(Sweep::Crossed).len(), 8);
        let two = Axes { models: vec!["rvm".into(), "selfie".into()], ..axes() };
        assert_eq!(two.points(Sweep::Resolution)[2].label(&two.base()), "1080p selfie");
    }

    #[test]
    fn sizes_are_names_or_width_by_height() {
        assert_eq!(Size::parse("4K").unwrap(), Size { name: "4k".into(), width: 3840, height: 1920 });
        assert_eq!(Size::parse("640x320").unwrap().name, "640x320");
        for bad in ["", "4", "640", "x320", "642x320", "640x321", "99999x320", "-4x8"] {
            assert!(Size::parse(bad).is_err(), "{bad}");
        }
    }
}

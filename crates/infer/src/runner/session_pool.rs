//! Several sessions of one model among which the pictures of a batch are divided, on a CPU. A session of `n` threads
//! waits for the slowest of them after each operation, and works on the whole batch at a time, which fits into no
//! processor cache; sessions with fewer threads and one picture each wait for each other once a batch. On 2 cores two
//! sessions of a thread each took 0.78 to 0.88 of the CPU time of one with two threads for selfie, 0.95 to 0.98
//! for RVM and 0.96 for u2netp (two pictures, AMD Zen 5, ONNX Runtime). The mattes are the same to the bit.

use crate::batch::{Pictures, States, Tensor};
use crate::error::Result;
use crate::models::manifest::Manifest;
use crate::session::engine::Engine;
use crate::session::fault::Fault;
use crate::session::output::Raw;
use crate::session::provider::Provider;
use ort::value::{DynValue, Tensor as OrtTensor};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use vrseg_image::plane::Plane;

/// Each session holds the model's weights.
const MAX_SESSIONS: usize = 8;
/// Bytes that the weights of all sessions may take.
const MAX_WEIGHT_BYTES: u64 = 256 << 20;

/// Number of sessions with `threads` together for batches of `pictures`, if the weights of each take `bytes`: as many
/// as have equal parts. 1: batches are not divided.
pub fn sessions(pictures: usize, threads: usize, bytes: u64) -> usize {
    let affordable = (MAX_WEIGHT_BYTES / bytes.max(1)).min(MAX_SESSIONS as u64) as usize;
    (1..=pictures.min(threads).min(affordable)).rev().find(|n| pictures.is_multiple_of(*n)).unwrap_or(1)
}

#[derive(Debug)]
pub(crate) struct SessionPool {
    members: Vec<Box<dyn Engine>>,
}

impl SessionPool {
    /// `sessions` in all: `first`, and others that `load` returns. One alone needs no pool.
    ///
    /// # Errors
    /// As `load`.
    pub(crate) fn load(
        first: Box<dyn Engine>,
        sessions: usize,
        mut load: impl FnMut() -> Result<Box<dyn Engine>>,
    ) -> Result<Box<dyn Engine>> {
        if sessions < 2 {
            return Ok(first);
        }
        let mut members = vec![first];
        for _ in 1..sessions {
            members.push(load()?);
        }
        Ok(Box::new(Self { members }))
    }
}

impl SessionPool {
    /// One session that gets one picture after the other.
    pub(crate) fn alone(session: Box<dyn Engine>) -> Box<dyn Engine> {
        Box::new(Self { members: vec![session] })
    }
}

impl Engine for SessionPool {
    fn provider(&self) -> Provider {
        self.members[0].provider()
    }

    fn sessions(&self) -> usize {
        self.members.len()
    }

    /// States lie one picture behind the other, see [`join`]. Where one member fails, the states of the others may have
    /// advanced: a pool runs on the CPU, where nothing is retried with the same states.
    fn run(
        &mut self,
        manifest: &Manifest,
        batch: Pictures<'_>,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        alphas.resize_with(batch.n, Plane::default);
        let before = split(std::mem::take(states), manifest.states.len(), batch.n)?;
        let shares: Vec<_> = before.into_iter().zip(alphas.drain(..)).map(|(s, a)| Mutex::new((s, vec![a]))).collect();
        let next = AtomicUsize::new(0);
        let work = |member: &mut Box<dyn Engine>| -> std::result::Result<(), Fault> {
            loop {
                let i = next.fetch_add(1, Ordering::Relaxed);
                let Some(share) = shares.get(i) else { return Ok(()) };
                let (states, alphas) = &mut *share.lock().unwrap_or_else(PoisonError::into_inner);
                member.run(manifest, batch.part(i..i + 1), states, alphas)?;
            }
        };
        let done = thread::scope(|scope| {
            let Some((own, others)) = self.members.split_first_mut() else { return Ok(()) };
            let work = &work;
            let others = others.iter_mut().take(batch.n.saturating_sub(1));
            let named = || thread::Builder::new().name("vrseg-infer".into());
            let others: Vec<_> = others.map(|member| named().spawn_scoped(scope, move || work(member))).collect();
            let mut done = work(own);
            for other in others {
                done = done.and(match other.map(thread::ScopedJoinHandle::join) {
                    Ok(Ok(ended)) => ended,
                    Ok(Err(panic)) => std::panic::resume_unwind(panic),
                    Err(e) => Err(format!("no thread can be started: {e}")),
                });
            }
            done
        });
        for share in shares {
            let (after, alpha) = share.into_inner().unwrap_or_else(PoisonError::into_inner);
            states.0.extend(after.0);
            alphas.extend(alpha);
        }
        done
    }
}

/// The states of each of `n` pictures. They may lie one picture behind the other, `count` of each, or hold all pictures
/// as those of a single session do, or be empty.
fn split(states: States, count: usize, n: usize) -> std::result::Result<Vec<States>, Fault> {
    let states = states.0;
    if states.is_empty() {
        return Ok((0..n).map(|_| States::default()).collect());
    }
    if states.len() == count && n > 1 {
        let of = |i: usize| states.iter().map(|value| row(value, i, n)).collect::<ort::Result<_>>().map(States);
        return (0..n).map(of).collect::<ort::Result<_>>().map_err(|e| e.to_string());
    }
    if states.len() != count * n {
        return Err(format!("{} states are not those of {n} pictures with {count} each", states.len()));
    }
    let mut rest = states.into_iter();
    Ok((0..n).map(|_| States(rest.by_ref().take(count).collect())).collect())
}

/// A state's part for picture `i` of `n`.
fn row(value: &DynValue, i: usize, n: usize) -> ort::Result<DynValue> {
    let value = Raw::of(value)?;
    let (mut shape, data) = (value.shape, value.data);
    if shape[0] != n {
        return Err(ort::Error::new(format!("a state is that of {} pictures, not {n}", shape[0])));
    }
    shape[0] = 1;
    let len = data.len() / n;
    Ok(OrtTensor::from_array((shape, data[i * len..][..len].to_vec()))?.into_dyn())
}

/// States that lie one picture behind the other, `count` of each, as those of a single session.
pub(crate) fn join(saved: Vec<Tensor>, count: usize) -> Vec<Tensor> {
    let mut pictures = saved.into_iter();
    let mut joined: Vec<_> = pictures.by_ref().take(count).collect();
    for (i, picture) in pictures.enumerate() {
        // Pictures are the outermost dimension.
        let whole = &mut joined[i % count];
        whole.shape[0] += picture.shape[0];
        whole.data.extend(picture.data);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FaultyEngine;
    use crate::{Batch, DeviceChoice, registry, runtime};
    use ort::value::TensorValueType;

    #[test]
    fn pictures_are_divided_evenly_or_not_at_all() {
        for (pictures, threads, megabytes, want) in [
            (2, 2, 1, 2),
            (2, 10, 15, 2),
            (1, 8, 1, 1),
            (10, 4, 1, 2),
            (10, 10, 1, 5),
            (6, 4, 1, 3),
            (2, 2, 176, 1),
            (4, 8, 90, 2),
        ] {
            assert_eq!(sessions(pictures, threads, megabytes << 20), want, "{pictures} {threads} {megabytes}");
        }
    }

    #[test]
    fn each_picture_is_run_once_and_keeps_its_place() {
        let manifest = registry::built_in().unwrap().remove(0);
        for members in 2..5 {
            let one = || Box::new(FaultyEngine::new(Provider::Cpu, 99, &[])) as Box<dyn Engine>;
            let mut pool = SessionPool::load(one(), members, || Ok(one())).unwrap();
            for n in [3, 1, 4, 8, 2] {
                let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
                let data = values.iter().flat_map(|v| [*v, 0.0, 0.0]).collect();
                let batch = Batch { data, n, width: 1, height: 1 };
                let (mut states, mut alphas) = (States::default(), vec![Plane::from_vec(vec![9.0; 2], 2, 1)]);
                pool.run(&manifest, batch.pictures(), &mut states, &mut alphas).unwrap();
                assert_eq!(alphas.iter().map(|a| a.data()[0]).collect::<Vec<_>>(), values, "{members} members");
            }
        }
        // A failure of any member fails the batch.
        let failing = FaultyEngine::new(Provider::Cpu, 99, &[None, Some("it fell")]);
        let mut pool = SessionPool::load(Box::new(failing.clone()), 2, || Ok(Box::new(failing.clone()))).unwrap();
        let batch = Batch { data: vec![0.5; 6], n: 2, width: 1, height: 1 };
        let failed = pool.run(&manifest, batch.pictures(), &mut States::default(), &mut Vec::new());
        assert_eq!(failed, Err("it fell".to_owned()));
    }

    #[test]
    fn states_are_split_and_joined() {
        runtime::load(DeviceChoice::Cpu, None).unwrap();
        let tensor = |shape: [usize; 2], data: &[f32]| Tensor { shape: shape.into(), data: data.into() };
        let saved = [tensor([4, 2], &[1., 2., 3., 4., 5., 6., 7., 8.]), tensor([4, 1], &[0., 1., 2., 3.])];
        let value = |t: &Tensor| OrtTensor::from_array((t.shape.clone(), t.data.clone())).unwrap().into_dyn();
        let divided = split(States(saved.iter().map(value).collect()), 2, 4).unwrap();
        let read = |value: &DynValue| {
            let value = value.view().downcast::<TensorValueType<f32>>().unwrap();
            let (shape, data) = value.extract_tensor();
            Tensor { shape: shape.iter().map(|d| *d as usize).collect(), data: data.to_vec() }
        };
        let each: Vec<_> = divided.iter().flat_map(|s| s.0.iter().map(read)).collect();
        assert_eq!(each[2..4], [tensor([1, 2], &[3., 4.]), tensor([1, 1], &[1.])]);
        assert_eq!(join(each.clone(), 2), saved);
        let again = split(States(each.iter().map(value).collect()), 2, 4).unwrap();
        assert_eq!(again.iter().flat_map(|s| s.0.iter().map(read)).collect::<Vec<_>>(), each);
        for (states, n) in [(&saved[..1], 4), (&saved[..], 3), (&each[..6], 4)] {
            assert!(split(States(states.iter().map(value).collect()), 2, n).is_err(), "{n}");
        }
    }
}

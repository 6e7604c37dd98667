//! Models whose device runs out of memory or fails.

use super::*;
use crate::testing::{FaultyEngine, runner};
use std::sync::{Arc, Mutex};

fn batch(values: &[f32]) -> Batch {
    let data = values.iter().flat_map(|v| [*v, 0.0, 0.0]).collect();
    Batch { data, n: values.len(), width: 1, height: 1 }
}

fn values(runner: &mut ModelRunner, batch: &Batch) -> Result<Vec<f32>> {
    let mut alphas = Vec::new();
    runner.run(batch, &mut States::default(), &mut alphas)?;
    Ok(alphas.iter().map(|a| a.data()[0]).collect())
}

const NUMBERS: [f32; 7] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];

#[test]
fn batches_that_do_not_fit_are_halved_and_stay_so() {
    for fits in 1..=7 {
        let gpu = FaultyEngine::new(Provider::Cuda(0), fits, &[]);
        let mut runner = runner("selfie", gpu, Some(FaultyEngine::new(Provider::Cpu, 0, &[])));
        assert_eq!(values(&mut runner, &batch(&NUMBERS)).unwrap(), NUMBERS);
        assert_eq!(runner.provider(), Provider::Cuda(0));
        let notes = runner.take_notes();
        assert_eq!(notes.is_empty(), fits == 7, "{notes:?}");
        // No second try of what failed.
        assert_eq!(values(&mut runner, &batch(&NUMBERS)).unwrap(), NUMBERS);
        assert_eq!(values(&mut runner, &batch(&NUMBERS[..1])).unwrap(), NUMBERS[..1]);
        assert_eq!(runner.take_notes(), Vec::<String>::new());
    }
}

#[test]
fn picture_that_does_not_fit_alone_goes_to_the_cpu() {
    let gpu = FaultyEngine::new(Provider::Cuda(0), 0, &[]);
    let mut runner = runner("selfie", gpu, Some(FaultyEngine::new(Provider::Cpu, 9, &[])));
    assert_eq!(values(&mut runner, &batch(&NUMBERS)).unwrap(), NUMBERS);
    assert_eq!(runner.provider(), Provider::Cpu);
    let notes = runner.take_notes();
    assert_eq!(notes.len(), 4, "{notes:?}");
    assert!(notes[0].contains("a batch of 7: using 4"), "{notes:?}");
    assert!(notes[3].contains("cuda:0 has not enough memory (CUBLAS_STATUS_ALLOC_FAILED): cpu computes"), "{notes:?}");
    assert_eq!(runner.fallback_reason(), Some("cuda:0 has not enough memory (CUBLAS_STATUS_ALLOC_FAILED)"));
}

#[test]
fn failed_device_is_replaced_and_the_batch_is_run_again() {
    for fault in ["CUDA error 719: unspecified launch failure", "its output is not a number somewhere"] {
        let gpu = FaultyEngine::new(Provider::Cuda(0), 9, &[None, Some(fault)]);
        let mut runner = runner("selfie", gpu, Some(FaultyEngine::new(Provider::Cpu, 9, &[])));
        for _ in 0..3 {
            assert_eq!(values(&mut runner, &batch(&NUMBERS)).unwrap(), NUMBERS);
        }
        assert_eq!(runner.take_notes().len(), 1);
        assert_eq!(runner.provider(), Provider::Cpu);
    }
}

#[test]
fn failure_on_the_cpu_is_an_error() {
    let cpu = FaultyEngine::new(Provider::Cpu, 9, &[Some("its output is not a number somewhere")]);
    let gpu = FaultyEngine::new(Provider::Cuda(0), 9, &[Some("lost")]);
    let mut two = runner("selfie", gpu, Some(cpu.clone()));
    let error = values(&mut two, &batch(&NUMBERS)).unwrap_err().to_string();
    assert!(error.contains("not a number"), "{error}");
    let mut one = runner("selfie", FaultyEngine::new(Provider::Cpu, 9, &[Some("broken")]), None);
    assert!(values(&mut one, &batch(&NUMBERS)).is_err());
    assert_eq!(values(&mut one, &batch(&NUMBERS)).unwrap(), NUMBERS, "a second try may be better");
}

#[test]
fn picture_that_does_not_fit_alone_is_shrunk_if_allowed() {
    let flat = |values: &[f32], width: usize, height: usize| Batch {
        data: values.iter().flat_map(|v| vec![*v; 3 * width * height]).collect(),
        n: values.len(),
        width,
        height,
    };
    let near = |got: &[f32]| got.iter().zip(NUMBERS).all(|(a, b)| (a - b).abs() < 1e-5);
    for model in ["selfie", "rvm"] {
        let gpu = FaultyEngine { pixels: 128 * 128, ..FaultyEngine::new(Provider::Cuda(0), 2, &[]) };
        let mut runner = runner(model, gpu.clone(), Some(FaultyEngine::new(Provider::Cpu, 9, &[])));
        runner.may_shrink = true;
        let two = flat(&NUMBERS[..2], 512, 448);
        let mut alphas = Vec::new();
        for _ in 0..2 {
            runner.run(&two, &mut States::default(), &mut alphas).unwrap();
            assert!(near(&alphas.iter().map(|a| a.data()[0]).collect::<Vec<_>>()));
            assert!(alphas.iter().all(|a| (a.width(), a.height()) == (512, 448)));
        }
        assert_eq!(runner.active_backend(), ActiveBackend { provider: Provider::Cuda(0), halvings: 2 });
        let notes = runner.take_notes();
        assert!(notes.last().unwrap().contains("using 128x"), "{notes:?}");
        // What fits into nothing goes to the CPU, at its full size.
        let mut none = self::runner(
            model,
            FaultyEngine { pixels: 1, ..gpu },
            Some(FaultyEngine { pixels: 512 * 448, ..FaultyEngine::new(Provider::Cpu, 9, &[]) }),
        );
        none.may_shrink = true;
        none.run(&two, &mut States::default(), &mut alphas).unwrap();
        assert_eq!(none.active_backend(), ActiveBackend { provider: Provider::Cpu, halvings: 0 });
    }
    // Unless it is allowed, pictures keep their size.
    let gpu = FaultyEngine { pixels: 1, ..FaultyEngine::new(Provider::Cuda(0), 9, &[]) };
    let mut strict = runner("selfie", gpu, Some(FaultyEngine::new(Provider::Cpu, 9, &[])));
    strict.run(&flat(&NUMBERS, 512, 448), &mut States::default(), &mut Vec::new()).unwrap();
    assert_eq!(strict.provider(), Provider::Cpu);
}

/// Reloads `engine`, and counts how often.
fn reload(engine: FaultyEngine, loads: &Arc<Mutex<u32>>) -> Option<Reload<dyn Engine>> {
    let loads = Arc::clone(loads);
    Some(Reload::new(move || {
        *loads.lock().unwrap() += 1;
        Ok(Box::new(engine.clone()) as Box<dyn Engine>)
    }))
}

#[test]
fn model_is_reloaded_before_batches_are_split() {
    // Two fit at first, four with a frugal session.
    let gpu = FaultyEngine::new(Provider::Cuda(0), 2, &[]);
    let mut one = runner("selfie", gpu.clone(), Some(FaultyEngine::new(Provider::Cpu, 9, &[])));
    let loads = Arc::default();
    one.reload = reload(FaultyEngine { fits: 4, ..gpu }, &loads);
    assert_eq!(values(&mut one, &batch(&NUMBERS[..4])).unwrap(), NUMBERS[..4]);
    assert_eq!((one.take_notes(), *loads.lock().unwrap()), (Vec::new(), 1));
    // Halves start with an empty arena.
    assert_eq!(values(&mut one, &batch(&NUMBERS)).unwrap(), NUMBERS);
    assert_eq!((one.take_notes().len(), *loads.lock().unwrap()), (1, 2));
    assert_eq!(one.provider(), Provider::Cuda(0));
}

#[test]
fn unspecific_fault_is_lack_of_memory_only_after_a_clear_one() {
    let vague = "CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED";
    let loads = Arc::default();
    let mut two = runner("rvm", FaultyEngine::new(Provider::Cuda(0), 9, &[Some("out of memory")]), None);
    two.may_shrink = true;
    two.reload = reload(FaultyEngine::new(Provider::Cuda(0), 9, &[Some(vague)]), &loads);
    let large = Batch { data: vec![0.5; 3 * 512 * 512], n: 1, width: 512, height: 512 };
    two.run(&large, &mut States::default(), &mut Vec::new()).unwrap();
    assert_eq!(two.active_backend(), ActiveBackend { provider: Provider::Cuda(0), halvings: 1 });
    let vague_at_first = || runner("rvm", FaultyEngine::new(Provider::Cuda(0), 9, &[Some(vague)]), None);
    let mut three = vague_at_first();
    (three.may_shrink, three.reload) = (true, reload(FaultyEngine::new(Provider::Cuda(0), 9, &[Some(vague)]), &loads));
    assert!(three.run(&large, &mut States::default(), &mut Vec::new()).unwrap_err().to_string().contains(vague));
    assert_eq!(three.active_backend().halvings, 0);
    // A reload alone may help.
    let mut frugal = vague_at_first();
    frugal.reload = reload(FaultyEngine::new(Provider::Cuda(0), 9, &[]), &loads);
    assert_eq!(values(&mut frugal, &batch(&NUMBERS[..1])).unwrap(), NUMBERS[..1]);
}

#[test]
fn failed_reload_falls_back_to_the_cpu() {
    let gpu = FaultyEngine::new(Provider::Cuda(0), 2, &[]);
    let mut four = runner("selfie", gpu, Some(FaultyEngine::new(Provider::Cpu, 9, &[])));
    let taken = || ModelError::Device { device: "cuda:0".into(), why: "out of memory".into() };
    four.reload = Some(Reload::new(move || Err(taken())));
    assert_eq!(values(&mut four, &batch(&NUMBERS)).unwrap(), NUMBERS);
    assert_eq!(four.provider(), Provider::Cpu);
    assert!(four.take_notes()[0].contains("out of memory"), "the reason is told");
}

#[test]
fn frames_of_a_recurrent_model_are_not_split() {
    let gpu = FaultyEngine::new(Provider::Cuda(0), 1, &[]);
    let mut runner = runner("rvm", gpu, Some(FaultyEngine::new(Provider::Cpu, 9, &[])));
    assert_eq!(values(&mut runner, &batch(&NUMBERS[..2])).unwrap(), NUMBERS[..2]);
    assert_eq!(runner.provider(), Provider::Cpu);
    assert_eq!(runner.take_notes().len(), 1);
}

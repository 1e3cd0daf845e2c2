//! How much of the machine the model takes: all cores but one.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use candle_core::utils::barrier_pool;

/// Bounds the pool behind candle's large float products, unless the process has set it up already: candle asks for
/// rayon's global one, and nothing else in Latimer does.
pub(super) fn limit() {
    let _already_set_up = rayon::ThreadPoolBuilder::new().num_threads(spare_cores()).build_global();
}

/// Runs `work` so that candle's products use no more than the spare cores.
///
/// Candle's own pool for quantised products is as large as `CANDLE_NUM_THREADS` or the number of physical cores says, and
/// can't be set from here. What runs on one of its threads computes alone, though; so that is where `work` goes when
/// the pool is too large. The caller sleeps meanwhile.
pub(super) fn on_spare_cores<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let pool = barrier_pool();
    let threads = pool.n_workers() + 1;
    if threads <= spare_cores() {
        return work();
    }

    let work = Mutex::new(Some(work));
    let outcome = Mutex::new(None);
    let finished = Condvar::new();
    let (worker, caller) = (0, pool.n_workers());
    pool.execute(|thread| {
        if thread == worker
            && let Some(work) = work.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // A panic that reached the pool would poison it for the life of the process.
            let result = catch_unwind(AssertUnwindSafe(work));
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            finished.notify_one();
        }
        if thread == caller {
            // The pool's own way to wait is to spin.
            let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            drop(finished.wait_while(outcome, |outcome| outcome.is_none()));
        }
    });
    let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.expect("the caller waited for it").unwrap_or_else(|panic| resume_unwind(panic))
}

fn spare_cores() -> usize {
    thread::available_parallelism().map_or(1, |cores| cores.get().saturating_sub(1).max(1))
}

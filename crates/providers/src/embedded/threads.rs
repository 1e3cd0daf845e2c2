//! How much of the machine the model takes: all cores but one.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

use candle_core::utils::barrier_pool;

/// Bounds the pool behind candle's large float products, which is rayon's global one. A process that has set that up
/// already keeps it as it is.
pub(super) fn limit() {
    let _kept_as_it_is = rayon::ThreadPoolBuilder::new().num_threads(spare_cores()).build_global();
}

/// Runs `work` so that candle's products use no more than the spare cores.
///
/// Candle's own pool for quantised products is as large as `CANDLE_NUM_THREADS` or the number of physical cores says, and
/// can't be set from here. What runs on one of its threads computes alone, though; so that is where `work` goes when
/// the pool is too large. The caller sleeps meanwhile, and another's `work` waits: the pool serves one at a time.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_gives_its_result() {
        let text = String::from("moved in");
        assert_eq!(on_spare_cores(move || text), "moved in");
    }

    #[test]
    fn work_may_use_the_pool_itself() {
        let count = on_spare_cores(|| {
            let seen = Mutex::new(0);
            barrier_pool().execute_chunked(10, |range| *seen.lock().unwrap() += range.len());
            seen.into_inner().unwrap()
        });
        assert_eq!(count, 10);
    }

    #[test]
    fn a_panic_reaches_the_caller_and_leaves_the_pool_usable() {
        let crashed = catch_unwind(|| on_spare_cores(|| panic!("as the test asks")));
        assert!(crashed.is_err());
        assert_eq!(on_spare_cores(|| 7), 7);
    }
}

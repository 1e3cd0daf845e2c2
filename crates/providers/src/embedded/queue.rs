//! Who is answered when: a thread that takes one job at a time, and a short queue before it.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use chat::provider::{CompletionError, CompletionEvent, CompletionRequest};
use tokio::sync::mpsc::UnboundedSender;

/// One request and where its answer goes.
pub(super) struct Job {
    pub(super) request: CompletionRequest,
    pub(super) events: UnboundedSender<Result<CompletionEvent, CompletionError>>,
}

/// A job in work, as the worker sees it.
pub(super) struct RunningJob {
    job: Job,
    shared: Arc<Shared>,
}

impl RunningJob {
    pub(super) fn request(&self) -> &CompletionRequest {
        &self.job.request
    }

    /// Whether nobody waits for the answer any more, or the model is going away. Asked between any two steps.
    pub(super) fn is_stopped(&self) -> bool {
        self.job.events.is_closed() || self.shared.lock().closed
    }

    pub(super) fn send(&self, event: Result<CompletionEvent, CompletionError>) {
        // The reader may go at any time; `is_stopped` tells the worker.
        let _ = self.job.events.send(event);
    }
}

/// The queue was full.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The entrance to the queue. Dropping it ends the thread at the next step of its job; jobs left are dropped.
pub(super) struct Queue {
    shared: Arc<Shared>,
    limit: usize,
}

impl Queue {
    /// Starts the thread. At most `limit` jobs wait; `work` answers one.
    pub(super) fn start(limit: usize, work: impl FnMut(&RunningJob) + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let queue = Self { shared: Arc::clone(&shared), limit };
        thread::Builder::new().name("embedded-model".into()).spawn(move || serve(&shared, work))?;
        Ok(queue)
    }

    /// Puts a job in line. Jobs whose reader has gone make room.
    pub(super) fn push(&self, job: Job) -> Result<(), Full> {
        let mut state = self.shared.lock();
        state.jobs.retain(|waiting| !waiting.events.is_closed());
        let in_line = state.jobs.len() + usize::from(state.busy);
        if in_line > self.limit {
            return Err(Full);
        }
        state.jobs.push_back(job);
        self.shared.changed.notify_one();
        Ok(())
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        state.jobs.clear();
        self.shared.changed.notify_one();
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    busy: bool,
    closed: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job that someone still waits for; none once the queue is closed.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        state.busy = false;
        loop {
            if state.closed {
                return None;
            }
            match state.jobs.pop_front() {
                Some(job) if job.events.is_closed() => {}
                Some(job) => {
                    state.busy = true;
                    return Some(job);
                }
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn serve(shared: &Arc<Shared>, mut work: impl FnMut(&RunningJob)) {
    while let Some(job) = shared.next() {
        let job = RunningJob { job, shared: Arc::clone(shared) };
        // A job must not take the thread with it: the next one begins afresh, with a cache of its own.
        if catch_unwind(AssertUnwindSafe(|| work(&job))).is_err() {
            tracing::error!(provider.name = "local", "the embedded model crashed on a request");
            job.send(Err(CompletionError::Failed("the embedded model crashed on this request".into())));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use chat::provider::Usage;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

    use super::*;

    type Answer = UnboundedReceiver<Result<CompletionEvent, CompletionError>>;

    fn job(name: &str) -> (Job, Answer) {
        let (events, answer) = unbounded_channel();
        let request = CompletionRequest {
            model: name.to_owned(),
            messages: vec![],
            temperature: None,
            top_p: None,
            max_tokens: None,
            extract: None,
        };
        (Job { request, events }, answer)
    }

    fn finished() -> Result<CompletionEvent, CompletionError> {
        Ok(CompletionEvent::Finished {
            reason: chat::provider::FinishReason::Stop,
            usage: Some(Usage::default()),
        })
    }

    /// A queue whose worker names each job it begins, and ends it when it is told to.
    fn held(limit: usize) -> (Queue, mpsc::Receiver<String>, mpsc::Sender<()>) {
        let (begun, begins) = mpsc::channel();
        let (end, ends) = mpsc::channel();
        let queue = Queue::start(limit, move |job| {
            begun.send(job.request().model.clone()).unwrap();
            ends.recv().unwrap();
            job.send(finished());
        });
        (queue.unwrap(), begins, end)
    }

    #[test]
    fn one_is_answered_and_as_many_wait_as_may() {
        let (queue, begins, end) = held(2);
        let (first, mut first_answer) = job("first");
        queue.push(first).unwrap();
        assert_eq!(begins.recv().unwrap(), "first");
        let (second, _second_answer) = job("second");
        let (third, _third_answer) = job("third");
        queue.push(second).unwrap();
        queue.push(third).unwrap();

        let (fourth, _fourth_answer) = job("fourth");
        assert_eq!(queue.push(fourth), Err(Full));

        end.send(()).unwrap();
        assert_eq!(first_answer.blocking_recv(), Some(finished()));
        assert_eq!(begins.recv().unwrap(), "second");
        end.send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), "third");
        end.send(()).unwrap();
    }

    #[test]
    fn a_reader_that_goes_gives_up_its_place() {
        let (queue, begins, end) = held(1);
        let (first, _first_answer) = job("first");
        queue.push(first).unwrap();
        assert_eq!(begins.recv().unwrap(), "first");
        let (second, second_answer) = job("second");
        queue.push(second).unwrap();

        drop(second_answer);
        let (third, _third_answer) = job("third");
        queue.push(third).unwrap();

        end.send(()).unwrap();
        assert_eq!(begins.recv().unwrap(), "third");
        end.send(()).unwrap();
    }

    #[test]
    fn a_crash_fails_its_own_request_only() {
        let queue = Queue::start(4, |job| {
            assert_ne!(job.request().model, "bad");
            job.send(finished());
        })
        .unwrap();
        let (bad, mut bad_answer) = job("bad");
        let (good, mut good_answer) = job("good");
        queue.push(bad).unwrap();
        queue.push(good).unwrap();

        assert!(matches!(bad_answer.blocking_recv(), Some(Err(CompletionError::Failed(_)))));
        assert_eq!(good_answer.blocking_recv(), Some(finished()));
    }

    #[test]
    fn closing_stops_the_job_in_work_and_drops_the_others() {
        let (stopped, stops) = mpsc::channel();
        let (begun, begins) = mpsc::channel();
        let queue = Queue::start(4, move |job| {
            begun.send(()).unwrap();
            while !job.is_stopped() {
                thread::yield_now();
            }
            stopped.send(()).unwrap();
        })
        .unwrap();
        let (running, mut running_answer) = job("running");
        let (waiting, mut waiting_answer) = job("waiting");
        queue.push(running).unwrap();
        begins.recv().unwrap();
        queue.push(waiting).unwrap();

        drop(queue);

        stops.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(running_answer.blocking_recv(), None);
        assert_eq!(waiting_answer.blocking_recv(), None);
        // The thread has gone, and what its worker held with it.
        assert!(begins.recv_timeout(Duration::from_secs(5)).is_err());
    }
}

//! Progress reports and cancellation for everything that can take longer than a second.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Error;

/// One report of a running operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The operation that runs.
    pub operation: &'static str,
    /// Steps done.
    pub done: usize,
    /// Steps in all; an upper bound where an iteration may stop early.
    pub total: usize,
}

/// Where reports go; the callback may stop the operation.
///
/// The callback may be called from several threads. An operation of several phases reports each under a name of its own; within one
/// `done` never decreases in what one thread sees, and never exceeds `total`.
///
/// # Errors
/// An operation whose callback returns [`ControlFlow::Break`] ends with [`Error::Cancelled`].
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use geom_graph::{Error, Progress, Search};
///
/// let points = ndarray::Array2::from_shape_fn((50, 2), |(i, j)| (i * (j + 1)) as f64);
/// let stop = |_step| ControlFlow::Break(());
/// let cancelled = Search::new().progress(Progress::new(&stop)).knn(points.view(), 3);
/// assert!(matches!(cancelled, Err(Error::Cancelled { .. })));
/// ```
#[derive(Clone, Copy, Default)]
pub struct Progress<'a> {
    callback: Option<&'a (dyn Fn(Step) -> ControlFlow<()> + Sync)>,
}

impl std::fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("listening", &self.callback.is_some())
            .finish()
    }
}

impl<'a> Progress<'a> {
    /// Reports to nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reports to `callback`, which may stop the operation.
    pub fn new(callback: &'a (dyn Fn(Step) -> ControlFlow<()> + Sync)) -> Self {
        Self {
            callback: Some(callback),
        }
    }

    pub(crate) fn start(self, operation: &'static str, total: usize) -> Counter<'a> {
        Counter {
            progress: self,
            operation,
            total,
            done: AtomicUsize::new(0),
        }
    }
}

/// The counter of one operation, shared by its threads.
pub(crate) struct Counter<'a> {
    progress: Progress<'a>,
    operation: &'static str,
    total: usize,
    done: AtomicUsize,
}

impl Counter<'_> {
    /// Reports `steps` more steps; an error when the callback wants to stop.
    pub(crate) fn advance(&self, steps: usize) -> Result<(), Error> {
        let done = self.done.fetch_add(steps, Ordering::Relaxed) + steps;
        let Some(callback) = self.progress.callback else {
            return Ok(());
        };
        match callback(Step {
            operation: self.operation,
            done,
            total: self.total,
        }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled {
                operation: self.operation,
                done,
                total: self.total,
            }),
        }
    }
}

//! Every future that is spawned, with a kind that says what its end means.

use std::future::Future;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a spawned future is, and with it what its cancel and its error mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FutureKind {
    /// Holds one instance; ends by itself once released, and is dropped when the daemon goes: the
    /// shim holds the process.
    Instance,
    /// Prepares and follows a run; dropped when the daemon goes, taken up again by the next.
    Run,
    /// The dispatcher; the daemon ends with it.
    Dispatcher,
    /// Serves one listener or watch; cancelled when the daemon goes.
    Service,
}

/// Tracker and token in one: what runs, and the word to end.
#[derive(Debug, Clone, Default)]
pub struct Futures {
    tracker: TaskTracker,
    /// Those that hold instances, apart: the daemon waits for them before it ends the others.
    holders: TaskTracker,
    token: CancellationToken,
}

impl Futures {
    /// Runs a future until it ends or the daemon does.
    pub fn spawn<F>(&self, kind: FutureKind, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let token = self.token.clone();
        // Boxed once: a future that is handed through others is kept by each of them otherwise,
        // and there is one for every unit.
        let future = Box::pin(future);
        let tracker = match kind {
            FutureKind::Instance | FutureKind::Run => &self.holders,
            FutureKind::Dispatcher | FutureKind::Service => &self.tracker,
        };
        tracker.spawn(async move {
            match kind {
                // The dispatcher ends by its own decision only: it commits what it has.
                FutureKind::Dispatcher => future.await,
                FutureKind::Instance | FutureKind::Run | FutureKind::Service => {
                    let _ended = token.run_until_cancelled(future).await;
                }
            }
        });
    }

    /// Waits until every instance was let go, and no longer than this; whether all were.
    pub async fn all_released(&self, patience: Duration) -> bool {
        self.holders.close();
        let released = tokio::time::timeout(patience, self.holders.wait()).await.is_ok();
        self.holders.reopen();
        released
    }

    /// Says the word to end.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// Resolves once the word was said.
    pub async fn cancelled(&self) {
        self.token.cancelled().await;
    }

    /// Waits until all have ended; call `cancel` first.
    pub async fn wait(&self) {
        self.tracker.close();
        self.holders.close();
        self.tracker.wait().await;
        self.holders.wait().await;
    }
}

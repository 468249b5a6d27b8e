//! The tasks that deliver, one for each sink, from one reload to the next.
//!
//! Not for delivering: that is [`delivery`](super::delivery).

use std::path::PathBuf;

use tokio::sync::watch;

use super::delivery::Delivery;

/// The tasks of one generation, and what is left of those before.
#[derive(Debug)]
pub(super) struct Running {
    stop: watch::Sender<bool>,
    tasks: Vec<Task>,
}

/// The task of a sink.
#[derive(Debug)]
struct Task {
    sink: String,
    file: Option<PathBuf>,
    /// Closed when it has ended.
    ended: watch::Receiver<()>,
}

impl Running {
    /// Stops the tasks before and begins new ones. Each waits only for those before that stand in its way: those
    /// of the same sink, or of the same file. So a sink that hangs holds up itself alone.
    pub fn begin(before: Option<Self>, deliveries: Vec<Delivery>, stop: watch::Sender<bool>) -> Self {
        let mut left = before.map_or_else(Vec::new, Self::leave);
        let tasks: Vec<_> = deliveries.into_iter().map(|delivery| Task::begin(delivery, &left)).collect();
        left.extend(tasks);
        Self { stop, tasks: left }
    }

    /// Tells the tasks to stop; gives those that have not ended yet.
    fn leave(self) -> Vec<Task> {
        self.stop.send_replace(true);
        self.tasks.into_iter().filter(|task| task.ended.has_changed().is_ok()).collect()
    }

    /// Tells the tasks to stop, and waits until they have.
    pub async fn stop(self) {
        for task in self.leave() {
            ended(task.ended).await;
        }
    }
}

impl Task {
    /// Begins to deliver when those before that stand in its way have ended.
    fn begin(delivery: Delivery, before: &[Self]) -> Self {
        let (ending, ended) = watch::channel(());
        let (sink, file) = (delivery.cursor.counts.sink.clone(), delivery.sink.file().map(Into::into));
        let task = Self { sink, file, ended };
        let awaited: Vec<_> = before
            .iter()
            .filter(|before| task.waits_for(before))
            .map(|before| before.ended.clone())
            .collect();
        tokio::spawn(async move {
            // Whoever waits for this one waits for those too.
            for before in awaited {
                self::ended(before).await;
            }
            delivery.run().await;
            drop(ending);
        });
        task
    }

    fn waits_for(&self, before: &Self) -> bool {
        self.sink == before.sink || (self.file.is_some() && self.file == before.file)
    }
}

/// Waits until a task has ended, however it did.
async fn ended(mut task: watch::Receiver<()>) {
    while task.changed().await.is_ok() {}
}

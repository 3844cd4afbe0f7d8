//! Whether somebody else approved what a session's agents did.

use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::session::Session;
use orkestra_core::task::{ReviewWish, Task, TaskState};

/// How many tasks were approved by somebody else, and which were not, in words.
pub(super) async fn of(
    _handle: &Handle,
    session: &Session,
    tasks: &[Task],
) -> Result<(usize, Vec<String>), Error> {
    let judged: Vec<&Task> = tasks
        .iter()
        .filter(|task| task.state != TaskState::Cancelled && task.review != Some(ReviewWish::None))
        .collect();
    if let [only] = session.roles.there.as_slice() {
        let why =
            format!("only {only} is there, so nobody else looked at its work: look at it yourself");
        return Ok((0, if judged.is_empty() { Vec::new() } else { vec![why] }));
    }
    // A task is verified only when its newest review approved.
    let (approved, not): (Vec<&Task>, Vec<&Task>) =
        judged.into_iter().partition(|task| task.state == TaskState::Verified);
    let words = |task: &&Task| format!("the work of {} was not approved", task.named());
    Ok((approved.len(), not.iter().map(words).collect()))
}

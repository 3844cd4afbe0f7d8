//! What the daemon itself does on a timetable: a closed list. Each can be done again at any time, so
//! that a crash in the middle costs nothing.

use crate::handle::Handle;
use crate::instance::describe;
use orkestra_core::job::spec::Builtin;

/// Those that this version has.
pub const BUILTINS: &[Builtin] = &[Builtin::Health, Builtin::Prune];

/// Does it; in one sentence what it did, or why it could not.
pub(crate) async fn run(builtin: Builtin, handle: &Handle, actor: &str) -> Result<String, String> {
    match builtin {
        Builtin::Health => match handle.check_health(false, actor).await {
            Ok(checked) => Ok(checked.summary()),
            Err(error) => {
                Err(format!("What was found could not be written: {}.", describe(&error)))
            }
        },
        Builtin::Prune => match handle.prune(false, actor).await {
            Ok(pruned) => Ok(pruned.summary()),
            Err(error) => Err(format!("Not all that is old is gone: {}.", describe(&error))),
        },
    }
}

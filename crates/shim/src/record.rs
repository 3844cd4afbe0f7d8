//! The last word about an instance: in memory, on the wire and in the file `exit`.

use crate::sys::OwnedFd;
use core::fmt;

use crate::leader::StartFailure;
use crate::sys::{self, Ending, Errno};
use crate::text::Text;

/// How it ended and why.
#[derive(Clone, Copy)]
pub(crate) struct Exit {
    pub(crate) ending: Result<Ending, StartFailure>,
    pub(crate) reason: &'static str,
    pub(crate) killed: bool,
    pub(crate) survivors: usize,
    pub(crate) at: u64,
    pub(crate) log_seq: u64,
    pub(crate) dropped: u64,
}

/// The same words stand on one line on the wire and on lines of their own in the file.
struct Words<'a>(&'a Exit, char);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(exit, gap) = self;
        match exit.ending {
            Ok(Ending::Code(code)) => write!(f, "code={code}")?,
            Ok(Ending::Signal(signal)) => write!(f, "signal={signal}")?,
            Err(StartFailure { stage, errno }) => {
                write!(f, "failed={}{gap}errno={errno}", stage.name())?;
            }
        }
        let Exit { reason, survivors, at, log_seq, dropped, .. } = exit;
        writeln!(
            f,
            "{gap}reason={reason}{gap}killed={}{gap}survivors={survivors}{gap}at={at}\
             {gap}log_seq={log_seq}{gap}dropped={dropped}",
            u8::from(exit.killed)
        )
    }
}

impl Exit {
    /// `state …` or `exited …`/`failed …` as the wire has it.
    pub(crate) fn line(&self, as_state: bool) -> crate::control::Line {
        let state = if as_state { "state " } else { "" };
        match self.ending {
            Ok(_) => Text::new(format_args!("{state}exited {}", Words(self, ' '))),
            Err(failure) => Text::new(format_args!(
                "{state}failed {} {}\n",
                failure.stage.name(),
                failure.errno
            )),
        }
    }

    /// Writes `exit` so that it is either whole or absent, whatever happens meanwhile.
    pub(crate) fn write(&self, dir: &OwnedFd) -> Result<(), Errno> {
        let text = Text::<512>::new(format_args!("{}", Words(self, '\n')));
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
        let file = sys::open_at(dir.as_raw_fd(), c"exit.new", flags, 0o600)?;
        if sys::write(&file, text.bytes())? != text.bytes().len() {
            return Err(libc::ENOSPC);
        }
        sys::sync(&file)?;
        sys::rename_at(dir.as_raw_fd(), c"exit.new", c"exit")?;
        // The name must be on disk too; a folder is synced through a descriptor of its own.
        let folder = sys::open_at(dir.as_raw_fd(), c".", libc::O_RDONLY | libc::O_DIRECTORY, 0)?;
        sys::sync(&folder)?;
        Ok(())
    }
}

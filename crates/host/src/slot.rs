//! How often something is done, counted over processes and restarts.
//!
//! A folder holds the count: `window` has the moments of the last minute, and `place-N` is locked
//! by whoever does it now. A lock belongs to an open file, so a killed process gives its place
//! back; the moments stay, since what was done was done.

use crate::error::{Doing, Error};
use crate::lock;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A minute, and a little: what leaves us evenly may arrive unevenly.
const WINDOW: Duration = Duration::from_secs(62);

/// How often a full house is looked at again.
const LOOK: Duration = Duration::from_millis(20);

/// Places that can be counted at most.
const PLACES_MAX: u32 = 1_000;

/// A limit that all who name the same folder share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slots {
    /// Where it is counted.
    pub folder: PathBuf,
    /// How often in any minute; 0 for no limit.
    pub per_minute: u32,
    /// How many at the same time; 0 for no limit.
    pub parallel: u32,
}

/// The right to do it now; given back when it is dropped.
#[derive(Debug)]
pub struct Place {
    _lock: Option<File>,
}

impl Slots {
    /// Waits until it may be done.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub async fn enter(&self) -> Result<Place, Error> {
        std::fs::create_dir_all(&self.folder).doing_at("make", &self.folder)?;
        let place = loop {
            match self.place()? {
                Some(place) => break place,
                None => tokio::time::sleep(LOOK).await,
            }
        };
        while let Some(wait) = self.count(now_us())? {
            tokio::time::sleep(wait).await;
        }
        Ok(place)
    }

    fn place(&self) -> Result<Option<Place>, Error> {
        if self.parallel == 0 {
            return Ok(Some(Place { _lock: None }));
        }
        for number in 0..self.parallel.min(PLACES_MAX) {
            let path = self.folder.join(format!("place-{number}"));
            let file = lock::open(&path, 0o600).doing_at("open", &path)?;
            if lock::try_lock(&file).doing_at("lock", &path)? {
                return Ok(Some(Place { _lock: Some(file) }));
            }
        }
        Ok(None)
    }

    /// Counts this moment, or says how long to wait before it can be counted.
    fn count(&self, now: u64) -> Result<Option<Duration>, Error> {
        if self.per_minute == 0 {
            return Ok(None);
        }
        let path = self.folder.join("window");
        let mut file = lock::open(&path, 0o600).doing_at("open", &path)?;
        if !lock::try_lock(&file).doing_at("lock", &path)? {
            return Ok(Some(LOOK));
        }
        let mut text = String::new();
        file.read_to_string(&mut text).doing_at("read", &path)?;
        let window = u64::try_from(WINDOW.as_micros()).unwrap_or(u64::MAX);
        let mut moments: Vec<u64> = text
            .lines()
            .filter_map(|line| line.parse().ok())
            // A moment in the future is from before the clock was set back.
            .filter(|moment| *moment <= now && now - moment < window)
            .collect();
        moments.sort_unstable();
        let limit = self.per_minute as usize;
        if let Some(first) = moments.len().checked_sub(limit).and_then(|at| moments.get(at)) {
            let wait = window.saturating_sub(now - first);
            return Ok(Some(Duration::from_micros(wait).max(LOOK)));
        }
        moments.push(now);
        let text: String = moments.iter().map(|moment| format!("{moment}\n")).collect();
        rewrite(&mut file, &text).doing_at("write", Path::new(&path))?;
        Ok(None)
    }
}

fn rewrite(file: &mut File, text: &str) -> std::io::Result<()> {
    // Written over and cut then: whoever dies in between leaves moments too many, never too few.
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    fn slots(folder: &Path, per_minute: u32, parallel: u32) -> Slots {
        Slots { folder: folder.to_owned(), per_minute, parallel }
    }

    #[test]
    fn no_minute_has_more_than_allowed_whoever_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut taken = Vec::new();
        let mut now = 1_000 * S;
        for number in 0..200 {
            // Each time somebody who has just been started.
            let slots = slots(folder.path(), 50, 0);
            while let Some(wait) = slots.count(now).unwrap() {
                now += u64::try_from(wait.as_micros()).unwrap();
            }
            taken.push(now);
            now += number * 1_000;
        }
        for (at, first) in taken.iter().enumerate() {
            let within = taken[at..].iter().filter(|moment| **moment < first + 60 * S).count();
            assert!(within <= 50, "{within} from {first} on");
        }
        assert!(taken[199] - taken[0] < 4 * 63 * S, "it goes on as soon as it may");
    }

    #[test]
    fn a_clock_that_was_set_back_stops_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let slots = slots(folder.path(), 1, 0);
        assert_eq!(slots.count(5_000 * S).unwrap(), None);
        assert!(slots.count(5_001 * S).unwrap().is_some());
        assert_eq!(slots.count(1_000 * S).unwrap(), None);
    }

    #[tokio::test]
    async fn only_so_many_are_in_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let slots = slots(folder.path(), 0, 2);
        let first = slots.enter().await.unwrap();
        let _second = slots.enter().await.unwrap();
        assert!(slots.place().unwrap().is_none());
        drop(first);
        assert!(slots.place().unwrap().is_some());
    }
}

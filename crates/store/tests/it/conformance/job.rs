//! Jobs and their runs.

use orkestra_store::{JOB_RUNS_KEPT, JobRow, JobRunRow, Store};

pub(super) fn jobs(store: &Store) {
    let row = |name: &str, body: &str| JobRow {
        name: name.to_owned(),
        state: "waiting".to_owned(),
        body: body.to_owned(),
    };
    let run = |job: &str, number: u64, body: &str| JobRunRow {
        job: job.to_owned(),
        number,
        body: body.to_owned(),
    };
    let (a, b, newer) = (row("a", "{}"), row("b", "{}"), row("a", "{\"number\":1}"));
    let runs: Vec<_> = (1..=JOB_RUNS_KEPT + 5).map(|number| run("a", number, "{}")).collect();
    let other = run("b", 1, "{}");
    let (last, ended) = (JOB_RUNS_KEPT + 5, run("a", JOB_RUNS_KEPT + 5, "{\"ended\":true}"));
    store
        .write_blocking({
            let (b, newer, other, ended) = (b.clone(), newer.clone(), other.clone(), ended.clone());
            move |tx| {
                tx.put_job(&a)?;
                tx.put_job(&b)?;
                tx.put_job(&newer)?;
                for run in &runs {
                    tx.put_job_run(run)?;
                }
                tx.put_job_run(&other)?;
                tx.put_job_run(&ended)
            }
        })
        .unwrap();
    let read = store
        .read_blocking(move |r| {
            Ok((
                r.jobs()?,
                r.job("a")?,
                r.job("none")?,
                r.job_runs("a", 1_000)?,
                r.job_runs("b", 5)?,
            ))
        })
        .unwrap();
    assert_eq!(read.0, [newer.clone(), b]);
    assert_eq!((read.1, read.2), (Some(newer), None));
    assert_eq!(read.3.len() as u64, JOB_RUNS_KEPT);
    assert_eq!(read.3.first(), Some(&ended));
    assert_eq!(read.3.last().map(|run| run.number), Some(last + 1 - JOB_RUNS_KEPT));
    assert_eq!(read.4, [other]);
    let gone = store.write_blocking(|tx| Ok((tx.remove_job("a")?, tx.remove_job("a")?))).unwrap();
    assert_eq!(gone.value, (true, false));
    assert!(store.read_blocking(|r| r.job_runs("a", 5)).unwrap().is_empty());
}

//! Who did how much of a session.

use crate::error::Error;
use crate::handle::Handle;
use orkestra_core::id::SessionId;
use orkestra_core::run::{Purpose, Run};
use orkestra_core::session::{Done, Session, Share, ShareOf, shares};
use orkestra_store::{UsageBy, UsageFilter};
use std::collections::{BTreeMap, BTreeSet};

impl Handle {
    /// The runs of a session, the oldest first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn runs_of_session(&self, id: SessionId) -> Result<Vec<Run>, Error> {
        let rows = self.store.read(move |read| read.runs_of_session(id)).await;
        rows.map_err(Error::Store)?.iter().map(crate::run::from_row).collect()
    }

    /// Who did how much of a session: tokens of all its runs, or tasks while no tokens are known.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn shares_of(&self, session: &Session) -> Result<(ShareOf, Vec<Share>), Error> {
        let runs = self.runs_of_session(session.id).await?;
        let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
        let costs = self.store.read(move |read| {
            let mut costs = BTreeMap::new();
            for id in ids {
                let filter = UsageFilter { run: Some(id), ..UsageFilter::default() };
                let used = read.usage_by(UsageBy::Run, &filter, 1)?.pop();
                costs.insert(id, used.map_or(0, |used| used.cost_micros));
            }
            Ok(costs)
        });
        let costs = costs.await.map_err(Error::Store)?;
        let mut all: BTreeMap<String, (u64, BTreeSet<_>, u64)> = BTreeMap::new();
        // Nobody does what only checks.
        for run in runs.iter().filter(|run| run.belongs.purpose != Purpose::Check) {
            let (tokens, tasks, cost) = all.entry(run.agent.clone()).or_default();
            *tokens = tokens.saturating_add(run.usage.as_ref().map_or(0, |used| {
                used.fresh_input + used.cache_read + used.cache_write + used.output
            }));
            *cost = cost.saturating_add(costs.get(&run.id).copied().unwrap_or(0));
            if run.belongs.purpose == Purpose::Work {
                tasks.extend(run.belongs.task);
            }
        }
        let done: Vec<Done> = all
            .into_iter()
            .map(|(agent, (tokens, tasks, cost))| {
                (agent, tokens, u32::try_from(tasks.len()).unwrap_or(u32::MAX), cost)
            })
            .collect();
        Ok(shares(&session.roles, &done))
    }
}

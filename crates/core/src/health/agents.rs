//! The agents together (MISSION 2.8, row 119): who works, how much goes wrong, how much gets done.

use super::{Check, Level, check, names};
use crate::agent_state::health;

/// An agent as one who gets tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentFact {
    /// Its name.
    pub name: String,
    /// Whether it may get work now: it is there, nobody holds it back, its breaker is not open.
    pub active: bool,
    /// Its runs at tasks in the last 24 hours.
    pub runs: u64,
    /// Those of them that were not verified.
    pub bad: u64,
}

/// All of them, and what they do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agents {
    /// Those that are configured or installed.
    pub all: Vec<AgentFact>,
    /// Tasks that could be begun now.
    pub ready: u64,
    /// Runs at tasks that were verified in the last hour.
    pub done_last_hour: u64,
    /// Breakers that closed again in the last 24 hours, and how long they were open on average, in
    /// milliseconds.
    pub recovered: Option<(u64, u64)>,
}

/// The word of the whole: no active agent is `critical`; over 30 % bad runs `unhealthy`; over 10 %, or
/// less than 60 % of the agents active, `degraded`; else `healthy` (MISSION 2.8).
pub fn system(agents: &Agents) -> &'static str {
    let active = agents.all.iter().filter(|agent| agent.active).count();
    let runs: u64 = agents.all.iter().map(|agent| agent.runs).sum();
    let bad: u64 = agents.all.iter().map(|agent| agent.bad).sum();
    let over = |percent: u64| u128::from(bad) * 100 > u128::from(runs) * u128::from(percent);
    if active == 0 {
        "critical"
    } else if over(30) {
        "unhealthy"
    } else if over(10) || active * 100 < agents.all.len() * 60 {
        "degraded"
    } else {
        "healthy"
    }
}

/// The check of the health report.
pub(super) fn agents_check(agents: &Agents) -> Check {
    let active = agents.all.iter().filter(|agent| agent.active).count();
    let runs: u64 = agents.all.iter().map(|agent| agent.runs).sum();
    let bad: u64 = agents.all.iter().map(|agent| agent.bad).sum();
    let word = system(agents);
    let of = |level: &str| -> Vec<String> {
        let is = |agent: &&AgentFact| agent.runs > 0 && health(agent.runs, agent.bad) == level;
        agents.all.iter().filter(is).map(|agent| agent.name.clone()).collect()
    };
    let (critical, unhealthy) = (of("critical"), of("unhealthy"));
    let mut says = format!("{active} of {} agents get work", agents.all.len());
    if runs > 0 {
        says.push_str(&format!("; {bad} of {runs} runs at tasks went wrong in 24 h"));
        says.push_str(&format!(", {} were verified in the last hour", agents.done_last_hour));
    }
    if let Some((count, mean_ms)) = agents.recovered {
        let mean = crate::span::Span::from_ms(mean_ms).roughly();
        says.push_str(&format!("; {count} recovered, after {mean} on average"));
    }
    if !critical.is_empty() {
        says.push_str(&format!("; critical: {}", names(&critical)));
    }
    if !unhealthy.is_empty() {
        says.push_str(&format!("; unhealthy: {}", names(&unhealthy)));
    }
    says.push('.');
    // Without work nobody misses an agent.
    let level = match word {
        "critical" if agents.ready > 0 => Level::Critical,
        "critical" if runs == 0 => Level::Ok,
        "healthy" | "degraded" if runs == 0 => Level::Ok,
        "healthy" if critical.is_empty() => Level::Ok,
        _ => Level::Warning,
    };
    let share = if runs == 0 { 0.0 } else { bad as f64 / runs as f64 };
    check("agents", level, says)
        .figure(share, 0.1, "share")
        .advice("orkestra agent list tells who does badly; orkestra agent show NAME tells why.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, active: bool, runs: u64, bad: u64) -> AgentFact {
        AgentFact { name: name.into(), active, runs, bad }
    }

    #[test]
    fn row_119_the_system_goes_by_active_agents_and_the_share_of_bad_runs() {
        for (all, word, level) in [
            (vec![agent("a", true, 10, 0)], "healthy", Level::Ok),
            (vec![agent("a", true, 10, 1)], "healthy", Level::Ok),
            (vec![agent("a", true, 100, 11)], "degraded", Level::Warning),
            (vec![agent("a", true, 100, 31)], "unhealthy", Level::Warning),
            (vec![agent("a", false, 10, 0), agent("b", false, 0, 0)], "critical", Level::Critical),
            (vec![agent("a", true, 9, 0), agent("b", false, 1, 0)], "degraded", Level::Warning),
            (
                vec![agent("a", true, 9, 0), agent("b", true, 0, 0), agent("c", false, 0, 0)],
                "healthy",
                Level::Ok,
            ),
            // Six of ten: that agent is critical, whatever the others do.
            (vec![agent("a", true, 10, 6), agent("b", true, 90, 0)], "healthy", Level::Warning),
        ] {
            let agents = Agents { all, ready: 1, ..Agents::default() };
            assert_eq!(system(&agents), word, "{agents:?}");
            let check = agents_check(&agents);
            assert_eq!(check.level, level, "{agents:?}: {}", check.says);
        }
        let agents = Agents { all: vec![agent("a", true, 10, 6)], ..Agents::default() };
        assert!(agents_check(&agents).says.contains("critical: a"));
        // Nobody misses an agent where there is nothing to do.
        let idle = Agents { all: vec![agent("a", false, 0, 0)], ..Agents::default() };
        assert_eq!(agents_check(&idle).level, Level::Ok);
    }
}

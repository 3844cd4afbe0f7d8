//! What follows for a session from what happens.

use super::{About, Comment, Criterion, Question, Session, SessionState, TaskLink};
use crate::event::{Cause, Draft, Topic};
use crate::id::RunId;
use crate::plan::Plan;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Of a refused answer so much is kept, to be shown to the planner again.
const REFUSED_CHARS_MAX: usize = 8_000;

/// What deciding needs beside the session.
#[derive(Debug, Clone, Copy)]
pub struct Ctx<'a> {
    /// Now (UTC).
    pub now: Timestamp,
    /// Who brings the input.
    pub actor: &'a str,
    /// How often a planner is asked for one plan.
    pub plan_tries: u32,
    /// How many rounds of review a plan has at most.
    pub plan_rounds: u32,
}

/// What happens to a session.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionInput {
    /// The planner's run is over.
    Planned {
        /// Which asking it was.
        asked: u32,
        /// Who planned.
        by: String,
        /// The run.
        run: Option<RunId>,
        /// The plan, or what is wrong with the answer.
        answer: Result<Plan, Vec<String>>,
        /// The answer's words, when it was wrong.
        words: Option<String>,
    },
    /// A planner could not be begun, or ended without an answer.
    PlannerFailed {
        /// Which asking it was.
        asked: u32,
        /// Who.
        by: String,
        /// In words.
        why: String,
    },
    /// Nobody could plan: this is the plan by roles.
    Template {
        /// The plan.
        plan: Plan,
        /// Why there is no other.
        why: String,
    },
    /// An agent said what it thinks of the plan, or could not.
    Commented(Comment),
    /// A person wrote the plan.
    Edited(Plan),
    /// A person says yes to what is asked.
    Approve {
        /// Also when not every point of done holds.
        anyway: bool,
    },
    /// The tasks are made.
    Began(Vec<TaskLink>),
    /// Every task is verified.
    TasksVerified,
    /// A task of it is under way again.
    TasksOpen,
    /// No task can go on, and not all are verified.
    TasksFailed {
        /// Which, and why.
        why: String,
    },
    /// All work is on the session's branch.
    Merged,
    /// Work cannot be brought together by itself.
    MergeStuck {
        /// In words.
        why: String,
    },
    /// It was looked whether it is done.
    Checked(Vec<Criterion>),
    /// The person's own branch was moved.
    Delivered {
        /// To which commit.
        commit: String,
    },
    /// A person halts it.
    Pause,
    /// What it may cost is used up.
    OverBudget {
        /// In words.
        why: String,
    },
    /// These runs were halted with it.
    Halted(Vec<RunId>),
    /// What was halted with it goes on again.
    Thawed,
    /// A person lets it go on, also after it failed.
    Resume,
    /// A person stops it.
    Stop,
    /// It cannot go on.
    Fail {
        /// In words.
        why: String,
    },
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// What follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The session as it is then.
    pub session: Session,
    /// What happened.
    pub events: Vec<Draft>,
    /// Whether its tasks are to be made, in the same commit.
    pub make_tasks: bool,
    /// Whether its tasks that are not over are to be cancelled, in the same commit.
    pub cancel_tasks: bool,
}

struct Turn<'a> {
    now: Session,
    ctx: &'a Ctx<'a>,
    events: Vec<Draft>,
    make_tasks: bool,
    cancel_tasks: bool,
}

impl Session {
    /// What follows from an input. An input that comes late, from a state that has passed, changes
    /// nothing; one that a person gives and that makes no sense is refused in words.
    ///
    /// # Errors
    /// The input makes no sense in this state.
    pub fn decide(&self, input: SessionInput, ctx: &Ctx<'_>) -> Result<Option<Decision>, Refusal> {
        let mut turn = Turn {
            now: self.clone(),
            ctx,
            events: Vec::new(),
            make_tasks: false,
            cancel_tasks: false,
        };
        turn.take(input)?;
        if turn.events.is_empty() && turn.now == *self {
            return Ok(None);
        }
        turn.now.updated_at = ctx.now;
        Ok(Some(Decision {
            session: turn.now,
            events: turn.events,
            make_tasks: turn.make_tasks,
            cancel_tasks: turn.cancel_tasks,
        }))
    }
}

impl Turn<'_> {
    fn event(&mut self, kind: &str, body: Value) {
        let cause = match (self.events.len().checked_sub(1), self.now.latest) {
            (Some(earlier), _) => Cause::Earlier(earlier),
            (None, Some(latest)) => Cause::Event(latest),
            (None, None) => Cause::Root,
        };
        let draft =
            Draft::new(kind, Topic::Session, &self.now.id.to_string(), self.ctx.actor, body);
        self.events.push(draft.because(cause));
    }

    fn enter(&mut self, state: SessionState) {
        self.now.state = state;
        self.now.question = None;
        self.now.why = None;
        if !state.is_over() {
            self.now.ended_at = None;
        }
    }

    /// It is looked, anew, whether it is done.
    fn look(&mut self) {
        self.enter(SessionState::Checking);
        self.now.checks = self.now.checks.saturating_add(1);
    }

    fn end(&mut self, state: SessionState, kind: &str, why: Option<String>) {
        self.enter(state);
        self.now.ended_at = Some(self.ctx.now);
        self.now.halted.clear();
        self.now.paused_from = None;
        self.event(kind, json!({"why": why}));
        self.now.why = why;
    }

    fn ask(&mut self, about: About, text: String) {
        self.enter(SessionState::AwaitingPerson);
        self.event("session.asked", json!({"about": about, "text": text}));
        self.now.question = Some(Question { about, text, since: self.ctx.now });
    }

    fn take(&mut self, input: SessionInput) -> Result<(), Refusal> {
        match input {
            SessionInput::Planned { asked, by, run, answer, words } => {
                self.planned(asked, by, run, answer, words);
            }
            SessionInput::PlannerFailed { asked, by, why } => self.planner_failed(asked, &by, why),
            SessionInput::Template { plan, why } => self.template(plan, &why),
            SessionInput::Commented(comment) => self.commented(comment),
            SessionInput::Edited(plan) => return self.edited(plan),
            SessionInput::Approve { anyway } => return self.approve(anyway),
            SessionInput::Began(tasks) => {
                self.now.tasks = tasks;
                self.now.began_at = Some(self.ctx.now);
                let tasks = json!({"tasks": self.now.tasks});
                self.event("session.began", tasks);
            }
            SessionInput::TasksVerified => {
                if self.now.state == SessionState::Working {
                    self.enter(SessionState::Merging);
                    self.event("session.merging", json!({"branch": self.now.branch}));
                }
            }
            SessionInput::TasksOpen => self.tasks_open(),
            SessionInput::TasksFailed { why } => {
                if self.now.state == SessionState::Working {
                    self.end(SessionState::Failed, "session.failed", Some(why));
                }
            }
            SessionInput::Merged => {
                if self.now.state == SessionState::Merging {
                    self.look();
                    self.event("session.checking", json!({}));
                }
            }
            SessionInput::MergeStuck { why } => {
                // Tasks that come after would begin without that work.
                if matches!(self.now.state, SessionState::Working | SessionState::Merging) {
                    self.ask(About::Merge, why);
                }
            }
            SessionInput::Checked(criteria) => self.checked(criteria),
            SessionInput::Delivered { commit } => {
                if self.now.delivered.as_ref() != Some(&commit) {
                    self.event("session.delivered", json!({"commit": commit}));
                    self.now.delivered = Some(commit);
                }
            }
            SessionInput::Halted(runs) => {
                for run in runs {
                    if !self.now.halted.contains(&run) {
                        self.now.halted.push(run);
                    }
                }
            }
            SessionInput::Thawed => self.now.halted.clear(),
            SessionInput::Pause => return self.pause(None),
            SessionInput::OverBudget { why } => {
                if !self.now.state.is_over() && self.now.state != SessionState::Paused {
                    self.now.over_budget = true;
                    return self.pause(Some(why));
                }
            }
            SessionInput::Resume => return self.resume(),
            SessionInput::Stop => {
                if !self.now.state.is_over() {
                    self.cancel_tasks = true;
                    self.end(SessionState::Cancelled, "session.cancelled", None);
                }
            }
            SessionInput::Fail { why } => {
                if !self.now.state.is_over() {
                    self.cancel_tasks = true;
                    self.end(SessionState::Failed, "session.failed", Some(why));
                }
            }
        }
        Ok(())
    }

    fn planned(
        &mut self,
        asked: u32,
        by: String,
        run: Option<RunId>,
        answer: Result<Plan, Vec<String>>,
        words: Option<String>,
    ) {
        if self.now.state != SessionState::Planning || asked != self.now.planning.asked {
            return;
        }
        match answer {
            Ok(plan) => {
                let revised = self.now.planning.revising;
                let kind = if revised { "session.replanned" } else { "session.planned" };
                self.event(
                    kind,
                    json!({"by": by, "run": run, "tasks": plan.tasks.len(), "plan": plan}),
                );
                self.now.plan = Some(plan);
                self.now.planned_by = Some(by);
                self.plan_is_there();
            }
            Err(problems) => {
                let tries = self.now.planning.tries;
                self.event(
                    "session.plan_refused",
                    json!({"by": by, "run": run, "try": tries, "problems": problems}),
                );
                self.now.planning.refused =
                    words.map(|words| words.chars().take(REFUSED_CHARS_MAX).collect());
                self.now.planning.problems = problems;
                self.ask_again("no answer of the planner was a plan that can be carried out");
            }
        }
    }

    /// The next asking, or, when it was asked often enough, what is there instead.
    fn ask_again(&mut self, why: &str) {
        let planning = &mut self.now.planning;
        if planning.tries < self.ctx.plan_tries {
            planning.asked = planning.asked.saturating_add(1);
            planning.tries = planning.tries.saturating_add(1);
            return;
        }
        self.without_planner(why);
    }

    fn planner_failed(&mut self, asked: u32, by: &str, why: String) {
        if self.now.state != SessionState::Planning || asked != self.now.planning.asked {
            return;
        }
        self.event("session.planner_failed", json!({"by": by, "why": why}));
        let planning = &mut self.now.planning;
        planning.failed.push(by.to_owned());
        planning.asked = planning.asked.saturating_add(1);
        let planning = &self.now.planning;
        let left = self.now.roles.there.iter().any(|name| !planning.failed.contains(name));
        if !left {
            self.without_planner(&format!("no agent could plan; the last one, {by}: {why}"));
        }
    }

    /// No planner gave a plan: a plan that is there stays, else a person who is there is asked, else
    /// (by the reconciler, which knows the roles) it is divided by roles.
    fn without_planner(&mut self, why: &str) {
        if self.now.plan.is_some() {
            self.event("session.plan_kept", json!({"why": why}));
            self.plan_is_there();
            return;
        }
        if self.now.wishes.involvement == super::Involvement::Low {
            let plan = crate::plan::template(&self.now.goal, &self.now.roles);
            self.template(plan, why);
            return;
        }
        self.ask(
            About::NoPlan,
            format!(
                "There is no plan: {why}. Approve to divide the work by roles, or write a plan."
            ),
        );
    }

    fn template(&mut self, plan: Plan, why: &str) {
        self.event(
            "session.planned",
            json!({"by": "template", "run": null, "tasks": plan.tasks.len(), "plan": plan, "why": why}),
        );
        self.now.plan = Some(plan);
        self.now.planned_by = Some("template".to_owned());
        self.plan_is_there();
    }

    /// There is a plan that can be carried out: a round is over.
    fn plan_is_there(&mut self) {
        let planning = &mut self.now.planning;
        planning.revising = false;
        planning.problems.clear();
        planning.refused = None;
        planning.rounds = planning.rounds.saturating_add(1);
        let (rounds, reviewed) = (planning.rounds, planning.reviewed);
        if self.now.wishes.involvement.asks_after(rounds) {
            let what = if reviewed == 0 { "The plan is there" } else { "The plan was reviewed" };
            self.ask(About::Plan, format!("{what}. Approve it, edit it, or stop."));
        } else {
            self.next_of_plan();
        }
    }

    /// Whether the agents look at the plan once more.
    fn wants_review(&self) -> bool {
        let reviewed = self.now.planning.reviewed;
        let said_nothing = reviewed > 0
            && self
                .now
                .comments
                .iter()
                .filter(|comment| comment.round == reviewed)
                .all(|comment| comment.suggestions.is_empty());
        self.now.wishes.plan_review
            && reviewed < self.ctx.plan_rounds
            && !said_nothing
            && !self.now.plan_reviewers().is_empty()
    }

    fn next_of_plan(&mut self) {
        if self.wants_review() {
            self.enter(SessionState::PlanReview);
            let (round, agents) =
                (self.now.planning.reviewed.saturating_add(1), self.now.plan_reviewers());
            self.event("session.plan_review", json!({"round": round, "agents": agents}));
        } else if self.now.wishes.plan_only {
            self.ask(
                About::Plan,
                "Only the plan was wanted. Approve to begin the work.".to_owned(),
            );
        } else {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.enter(SessionState::Working);
        self.make_tasks = true;
    }

    fn commented(&mut self, comment: Comment) {
        let round = self.now.planning.reviewed.saturating_add(1);
        let known = self.now.comments_now().any(|known| known.agent == comment.agent);
        if self.now.state != SessionState::PlanReview || comment.round != round || known {
            return;
        }
        self.event(
            "session.commented",
            json!({"agent": comment.agent, "run": comment.run, "round": round,
                "agrees": comment.agrees, "suggestions": comment.suggestions,
                "trouble": comment.trouble}),
        );
        self.now.comments.push(comment);
        let said = |name: &String| self.now.comments_now().any(|known| known.agent == *name);
        if !self.now.plan_reviewers().iter().all(said) {
            return;
        }
        let suggestions =
            self.now.comments_now().map(|comment| comment.suggestions.len()).sum::<usize>();
        self.now.planning.reviewed = round;
        self.event("session.plan_reviewed", json!({"round": round, "suggestions": suggestions}));
        if suggestions == 0 {
            self.plan_is_there();
            return;
        }
        self.ask_planner();
        self.now.planning.revising = true;
    }

    /// A planner is asked anew, with all its tries.
    fn ask_planner(&mut self) {
        self.enter(SessionState::Planning);
        let planning = &mut self.now.planning;
        planning.asked = planning.asked.saturating_add(1);
        planning.tries = 1;
        planning.problems.clear();
        planning.refused = None;
        planning.failed.clear();
    }

    fn edited(&mut self, plan: Plan) -> Result<(), Refusal> {
        if !self.now.tasks.is_empty() {
            return Err(Refusal(
                "its tasks have begun; edit them with orkestra task edit, or stop the session"
                    .to_owned(),
            ));
        }
        let allowed = matches!(
            self.now.state,
            SessionState::AwaitingPerson | SessionState::Planning | SessionState::PlanReview
        );
        if !allowed {
            return Err(Refusal(format!(
                "a session that is {} takes no plan",
                self.now.state.word()
            )));
        }
        let actor = self.ctx.actor.to_owned();
        self.event("session.plan_edited", json!({"tasks": plan.tasks.len(), "plan": plan}));
        self.now.plan = Some(plan);
        self.now.planned_by = Some(actor);
        // What is being asked now is not waited for any more.
        self.now.planning.asked = self.now.planning.asked.saturating_add(1);
        self.now.planning.revising = false;
        self.ask(About::Plan, "You wrote the plan. Approve it, edit it again, or stop.".to_owned());
        Ok(())
    }

    fn approve(&mut self, anyway: bool) -> Result<(), Refusal> {
        let Some(question) = self.now.asked().cloned() else {
            return Err(Refusal(format!(
                "the session is {} and asks nothing",
                self.now.state.word()
            )));
        };
        let approved = json!({"about": question.about, "anyway": anyway});
        match question.about {
            About::Plan if self.now.wishes.plan_only && !self.wants_review() => {
                self.event("session.approved", approved);
                self.begin();
            }
            About::Plan => {
                self.event("session.approved", approved);
                // A plan of a person needs nobody's review.
                if self.now.planned_by.as_deref().is_some_and(|by| by.starts_with("person")) {
                    self.begin();
                } else {
                    self.next_of_plan();
                }
            }
            About::NoPlan => {
                self.event("session.approved", approved);
                let plan = crate::plan::template(&self.now.goal, &self.now.roles);
                self.event(
                    "session.planned",
                    json!({"by": "template", "run": null, "tasks": plan.tasks.len(), "plan": plan}),
                );
                self.now.plan = Some(plan);
                self.now.planned_by = Some("template".to_owned());
                self.next_of_plan();
            }
            About::Merge if anyway => return Err(Refusal(
                "work that is not brought together cannot be taken; mend it and resume, or cancel the task".to_owned(),
            )),
            About::Merge => {
                self.event("session.approved", approved);
                self.enter(SessionState::Merging);
            }
            About::NotDone if !anyway => {
                return Err(Refusal(
                    "not every point of done holds; mend it and resume the session, or take it as it is with --anyway".to_owned(),
                ));
            }
            About::NotDone => {
                self.event("session.approved", approved);
                self.now.waived_by = Some(self.ctx.actor.to_owned());
                let actor = self.ctx.actor.to_owned();
                self.end(
                    SessionState::Verified,
                    "session.verified",
                    Some(format!("{actor} took it although not every point of done holds.")),
                );
            }
            About::End => {
                self.event("session.approved", approved);
                self.end(SessionState::Verified, "session.verified", None);
            }
        }
        Ok(())
    }

    /// A task is under way again: what was decided of the end does not hold.
    fn tasks_open(&mut self) {
        let asked_end = self.now.question.as_ref().is_some_and(|question| {
            matches!(question.about, About::NotDone | About::End | About::Merge)
        });
        let again = matches!(
            self.now.state,
            SessionState::Merging | SessionState::Checking | SessionState::Failed
        ) || (self.now.state == SessionState::AwaitingPerson && asked_end);
        if again {
            self.enter(SessionState::Working);
            self.now.criteria.clear();
            self.event("session.reopened", json!({"why": "a task of it is under way again"}));
        }
    }

    fn checked(&mut self, criteria: Vec<Criterion>) {
        if self.now.state != SessionState::Checking {
            return;
        }
        let open: Vec<&Criterion> = criteria.iter().filter(|point| !point.holds).collect();
        let text = open
            .iter()
            .map(|point| format!("{}: {}", point.point.word(), point.why))
            .collect::<Vec<_>>()
            .join(" ");
        let done = open.is_empty();
        self.event("session.checked", json!({"done": done, "criteria": criteria}));
        self.now.criteria = criteria;
        let low = self.now.wishes.involvement == super::Involvement::Low;
        if !done {
            self.ask(About::NotDone, format!("It is not done. {text}"));
        } else if self.now.wishes.headless && low {
            self.end(SessionState::Verified, "session.verified", None);
        } else {
            self.ask(
                About::End,
                format!(
                    "Every point of done holds; the work is on the branch {}. Approve to end the session.",
                    self.now.branch
                ),
            );
        }
    }

    fn pause(&mut self, why: Option<String>) -> Result<(), Refusal> {
        let state = self.now.state;
        if state == SessionState::Paused {
            return Ok(());
        }
        if state.is_over() {
            return Err(Refusal(format!("a session that is {} cannot be paused", state.word())));
        }
        self.now.paused_from = Some(state);
        // What was asked is asked again when it goes on.
        self.now.state = SessionState::Paused;
        self.event("session.paused", json!({"from": state, "why": why}));
        self.now.why = why;
        Ok(())
    }

    fn resume(&mut self) -> Result<(), Refusal> {
        match self.now.state {
            SessionState::Paused => {
                let state = self.now.paused_from.take().unwrap_or(SessionState::Working);
                self.now.state = state;
                self.now.why = None;
                // Whoever lets it go on after its budget was used up lets it go on without one.
                if std::mem::take(&mut self.now.over_budget) {
                    self.now.wishes.budget_usd = None;
                }
                self.event("session.resumed", json!({"to": state}));
                Ok(())
            }
            // It is looked at again whether it can go on.
            SessionState::Failed if self.now.tasks.is_empty() && self.now.plan.is_none() => {
                self.ask_planner();
                self.event("session.resumed", json!({"to": self.now.state}));
                Ok(())
            }
            SessionState::Failed if !self.now.tasks.is_empty() => {
                self.enter(SessionState::Working);
                self.event("session.resumed", json!({"to": self.now.state}));
                Ok(())
            }
            SessionState::AwaitingPerson => match self.now.asked().map(|question| question.about) {
                Some(About::NotDone) => {
                    self.look();
                    self.event("session.resumed", json!({"to": self.now.state}));
                    Ok(())
                }
                Some(About::Merge) => {
                    self.enter(SessionState::Merging);
                    self.event("session.resumed", json!({"to": self.now.state}));
                    Ok(())
                }
                _ => Err(Refusal(
                    "it waits for your answer: orkestra session approve, plan --edit or stop"
                        .to_owned(),
                )),
            },
            state if state.is_over() => {
                Err(Refusal(format!("a session that is {} does not go on", state.word())))
            }
            _ => Ok(()),
        }
    }
}

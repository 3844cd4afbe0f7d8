//! Votes: open, ballots, outcomes, and looking back at them.

use crate::Problem;
use crate::extract::{Body, Path, Query};
use crate::guard::Actor;
use crate::listen::App;
use crate::wire::{
    BallotRequest, Need, StatsView, VoteDecideRequest, VoteDetail, VoteList, VoteMarkRequest,
    VoteReplayView, VoteRequest, VoteVerifyView, VoteView, voter_kind,
};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use orkestra_core::id::VoteId;
use orkestra_core::span::Span;
use orkestra_core::vote::{
    Choice, Form, Method, Quorum, Remedy, Rule, Says, Share, TieBreak, Vote, VoteInput, VoterKind,
    Weight,
};
use orkestra_engine::{NewVote, NewVoter, WeightsFrom};
use orkestra_store::VotesIn;
use serde::Deserialize;
use std::path::PathBuf;

/// Votes of one answer.
const LIST_MAX: usize = 500;

/// Votes that are shown as what needs a person.
const NEEDS_MAX: usize = 20;

/// Which votes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// `all` [all], `open`, `asking` (a person is asked), `decided` (the list of decisions).
    state: Option<String>,
    /// At most so many, up to 500 [50].
    limit: Option<usize>,
    /// Only older than this vote, by its whole id.
    before: Option<String>,
    /// Only of this session, by its whole id; then all of them.
    session: Option<String>,
    /// Only about this task, by its whole id; then all of them.
    task: Option<String>,
}

/// Votes, the newest first.
#[utoipa::path(get, path = "/api/v1/votes", params(Which),
    responses((status = 200, body = VoteList), (status = 400, body = Problem)))]
pub(crate) async fn list(
    State(app): State<App>,
    Query(which): Query<Which>,
) -> Result<Json<VoteList>, Problem> {
    let state = match which.state.as_deref() {
        None | Some("all") => VotesIn::All,
        Some("open") => VotesIn::Open,
        Some("asking") => VotesIn::Asking,
        Some("decided") => VotesIn::Decided,
        Some(other) => {
            let detail = format!("{other:?} is not all, open, asking or decided");
            return Err(Problem::bad_request(detail));
        }
    };
    let before: Option<VoteId> = which
        .before
        .map(|id| id.parse())
        .transpose()
        .map_err(|_| Problem::bad_request("before is not the whole id of a vote"))?;
    let limit = which.limit.unwrap_or(50).clamp(1, LIST_MAX);
    if which.session.is_some() || which.task.is_some() {
        let session = which.session.as_deref().map(str::parse).transpose();
        let task = which.task.as_deref().map(str::parse).transpose();
        let (Ok(session), Ok(task)) = (session, task) else {
            return Err(Problem::bad_request("session and task are whole ids"));
        };
        let votes = app.engine.votes_about(session, task).await?;
        return Ok(Json(VoteList { votes: votes.iter().map(VoteView::new).collect(), next: None }));
    }
    let votes = app.engine.votes(state, limit, before).await?;
    let next = if votes.len() == limit { votes.last().map(|one| one.id.to_string()) } else { None };
    Ok(Json(VoteList { votes: votes.iter().map(VoteView::new).collect(), next }))
}

async fn detail(app: &App, vote: &Vote) -> Result<VoteDetail, Problem> {
    let ballots = app.engine.ballots(vote.id).await?;
    Ok(VoteDetail::new(vote, &ballots))
}

/// One vote with its ballots and what each round came to; the end of its id is enough.
#[utoipa::path(get, path = "/api/v1/votes/{id}", params(("id" = String, Path)),
    responses((status = 200, body = VoteDetail), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<VoteDetail>, Problem> {
    let vote = app.engine.find_vote(&id).await?;
    detail(&app, &vote).await.map(Json)
}

fn wrong(key: &str, text: &str, expected: &str) -> Problem {
    Problem::bad_request(format!("{key}: {text:?} is not {expected}"))
}

fn rule(app: &App, wanted: &VoteRequest, form: Form) -> Result<Rule, Problem> {
    let word = wanted.method.as_deref().unwrap_or("majority");
    let mut rule = match Method::parse(word) {
        Some(method) => Rule::of(method),
        None if word.replace('-', "_") == "two_thirds" => Rule::two_thirds_or_person(),
        None => {
            let words: Vec<&str> = Method::ALL.iter().map(|method| method.word()).collect();
            let expected = format!("one of {}, two_thirds", words.join(", "));
            return Err(wrong("method", word, &expected));
        }
    };
    if let Some(text) = &wanted.threshold {
        let share: Share = text.parse().map_err(|_| wrong("threshold", text, "a share"))?;
        rule.threshold = Some(share);
    }
    rule.quorum = match (&wanted.quorum, wanted.emergency) {
        (Some(text), _) => {
            let expected = "a share (60 %) or a number of voters";
            text.parse::<Quorum>().map_err(|_| wrong("quorum", text, expected))?
        }
        (None, true) => Quorum::ALL,
        (None, false) => app.engine.upkeep().votes.quorum,
    };
    if let Some(words) = &wanted.tie_break {
        rule.tie_break.clear();
        for word in words {
            let one = TieBreak::parse(word);
            let expected = "expertise, creator, random or person";
            rule.tie_break.push(one.ok_or_else(|| wrong("tie_break", word, expected))?);
        }
    }
    if let Some(words) = &wanted.on_deadlock {
        rule.on_deadlock.clear();
        for word in words {
            let one = Remedy::parse(word);
            let expected = "runoff, mediation or person";
            rule.on_deadlock.push(one.ok_or_else(|| wrong("on_deadlock", word, expected))?);
        }
    }
    rule.rounds = wanted.rounds.unwrap_or(if form == Form::Question { 2 } else { 1 });
    rule.security = wanted.security;
    Ok(rule)
}

/// Opens a vote. With an `Idempotency-Key`, asking again gives the same vote.
#[utoipa::path(post, path = "/api/v1/votes", request_body = VoteRequest,
    responses((status = 201, body = VoteView), (status = 400, body = Problem),
        (status = 409, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn open(
    State(app): State<App>,
    actor: Actor,
    headers: HeaderMap,
    Body(wanted): Body<VoteRequest>,
) -> Result<(StatusCode, Json<VoteView>), Problem> {
    let form = match wanted.form.as_deref() {
        None | Some("options") => Form::Options,
        Some("question") => Form::Question,
        Some(other) => return Err(wrong("form", other, "options or question")),
    };
    let rule = rule(&app, &wanted, form)?;
    let mut voters = Vec::new();
    for voter in &wanted.voters {
        let kind = voter_kind(&voter.kind)
            .ok_or_else(|| wrong("voters.kind", &voter.kind, "agent, person or external"))?;
        let weight = voter.weight.map(Weight::try_from).transpose();
        let weight = weight.map_err(|error| Problem::bad_request(error.to_string()))?;
        voters.push(NewVoter { name: voter.name.clone(), kind, weight });
    }
    let weights_from = match wanted.weights_from.as_deref() {
        None => WeightsFrom::Usual,
        Some("one") => WeightsFrom::One,
        Some("domain") => WeightsFrom::Domain,
        Some("record") => WeightsFrom::Record,
        Some(other) => return Err(wrong("weights_from", other, "one, domain or record")),
    };
    let deadline: Option<Span> = match &wanted.deadline {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|_| wrong("deadline", text, "a length of time, like 1h"))?)
        }
    };
    let follows = match &wanted.follows {
        Some(text) => Some(app.engine.find_vote(text).await?.id),
        None => None,
    };
    let task = wanted.task.as_deref().map(str::parse).transpose();
    let session = wanted.session.as_deref().map(str::parse).transpose();
    let choice = |option: crate::wire::VoteOptionRequest| Choice {
        text: option.text.unwrap_or_else(|| option.id.clone()),
        id: option.id,
        proposed_by: option.proposed_by,
    };
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let new = NewVote {
        form,
        question: wanted.question,
        detail: wanted.detail,
        kind: wanted.kind.unwrap_or_else(|| "decision".to_owned()),
        domain: wanted.domain,
        options: wanted.options.into_iter().map(choice).collect(),
        rule,
        voters,
        weights_from,
        creator: wanted.creator,
        target: wanted.target.map(PathBuf::from),
        files: wanted.files,
        task: task.map_err(|_| Problem::bad_request("task is not the whole id of a task"))?,
        session: session
            .map_err(|_| Problem::bad_request("session is not the whole id of a session"))?,
        deadline,
        mediator: wanted.mediator,
        follows,
        request_key: key.map(str::to_owned),
    };
    let vote = app.engine.open_vote(new, actor.0).await?;
    Ok((StatusCode::CREATED, Json(VoteView::new(&vote))))
}

/// Whose ballot a person brings: an agent's never.
fn voter_of(vote: &Vote, wanted: Option<String>) -> Result<String, Problem> {
    let name = match wanted {
        Some(name) => name,
        None => {
            let mut people = vote.electorate.iter().filter(|one| one.kind == VoterKind::Person);
            match (people.next(), people.next()) {
                (Some(one), None) => one.name.clone(),
                _ => return Err(Problem::bad_request("say whose ballot it is: voter")),
            }
        }
    };
    match vote.voter(&name) {
        Some(voter) if voter.kind == VoterKind::Agent => Err(refused(format!(
            "{name} is an agent: it is asked by Orkestra, and nobody votes for it"
        ))),
        _ => Ok(name),
    }
}

fn refused(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::CONFLICT, "ORK-1302", detail)
}

/// A person's ballot, or one that a person brings for somebody outside. It is never changed: a
/// second one in the same round is refused.
#[utoipa::path(post, path = "/api/v1/votes/{id}/cast", params(("id" = String, Path)),
    request_body = BallotRequest,
    responses((status = 200, body = VoteDetail), (status = 400, body = Problem),
        (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn cast(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(ballot): Body<BallotRequest>,
) -> Result<Json<VoteDetail>, Problem> {
    let vote = app.engine.find_vote(&id).await?;
    let given = [
        ballot.option.is_some(),
        ballot.ranking.is_some(),
        ballot.abstain,
        ballot.veto,
        ballot.answer.is_some(),
    ];
    if given.into_iter().filter(|one| *one).count() != 1 {
        let detail = "say one of option, ranking, answer, abstain, veto";
        return Err(Problem::bad_request(detail));
    }
    let voter = voter_of(&vote, ballot.voter)?;
    let says = match (ballot.option, ballot.ranking, ballot.answer) {
        (Some(option), _, _) if vote.rule.method.ranks() => Says::Ranking { options: vec![option] },
        (Some(option), _, _) => Says::Choice { option },
        (None, Some(options), _) if vote.rule.method.ranks() => Says::Ranking { options },
        (None, Some(_), _) => {
            let detail = format!("{} takes one option, not a ranking", vote.rule.method.word());
            return Err(Problem::bad_request(detail));
        }
        (None, None, Some(text)) => Says::Answer { text, changed: None },
        (None, None, None) if ballot.veto => Says::Veto,
        (None, None, None) => Says::Abstain,
    };
    let (reason, confidence) = (ballot.reason, ballot.confidence);
    let input = VoteInput::Cast { voter, says, reason, confidence, run: None };
    let vote = app.engine.vote_input(vote.id, input, actor.0).await?;
    detail(&app, &vote).await.map(Json)
}

/// Ends a vote now with the ballots that are there; one that asks a person is left undecided.
#[utoipa::path(post, path = "/api/v1/votes/{id}/close", params(("id" = String, Path)),
    responses((status = 200, body = VoteDetail), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn close(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
) -> Result<Json<VoteDetail>, Problem> {
    let vote = app.engine.find_vote(&id).await?;
    let vote = app.engine.vote_input(vote.id, VoteInput::Close, actor.0).await?;
    detail(&app, &vote).await.map(Json)
}

/// A person decides what the voters could not.
#[utoipa::path(post, path = "/api/v1/votes/{id}/decide", params(("id" = String, Path)),
    request_body = VoteDecideRequest,
    responses((status = 200, body = VoteDetail), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn decide(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(word): Body<VoteDecideRequest>,
) -> Result<Json<VoteDetail>, Problem> {
    let vote = app.engine.find_vote(&id).await?;
    let input = VoteInput::Decide { option: word.option, why: word.reason };
    let vote = app.engine.vote_input(vote.id, input, actor.0).await?;
    detail(&app, &vote).await.map(Json)
}

/// A person says afterwards whether it was right; it may be said anew.
#[utoipa::path(post, path = "/api/v1/votes/{id}/mark", params(("id" = String, Path)),
    request_body = VoteMarkRequest,
    responses((status = 200, body = VoteDetail), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn mark(
    State(app): State<App>,
    actor: Actor,
    Path(id): Path<String>,
    Body(word): Body<VoteMarkRequest>,
) -> Result<Json<VoteDetail>, Problem> {
    let vote = app.engine.find_vote(&id).await?;
    let input = VoteInput::Mark { right: word.right, instead: word.instead, why: word.reason };
    let vote = app.engine.vote_input(vote.id, input, actor.0).await?;
    detail(&app, &vote).await.map(Json)
}

/// Counts the kept ballots again, round by round.
#[utoipa::path(get, path = "/api/v1/votes/{id}/replay", params(("id" = String, Path)),
    responses((status = 200, body = VoteReplayView), (status = 404, body = Problem)))]
pub(crate) async fn replay(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Json<VoteReplayView>, Problem> {
    let vote = app.engine.find_vote(&id).await?;
    let replayed = app.engine.replay_vote(vote.id).await?;
    Ok(Json(VoteReplayView::from(&replayed)))
}

/// Of which vote.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Of {
    /// One vote; all without it.
    vote: Option<String>,
}

/// Looks whether ballots, rules and outcomes are as they were written.
#[utoipa::path(get, path = "/api/v1/votes/verify", params(Of),
    responses((status = 200, body = VoteVerifyView), (status = 404, body = Problem)))]
pub(crate) async fn verify(
    State(app): State<App>,
    Query(of): Query<Of>,
) -> Result<Json<VoteVerifyView>, Problem> {
    let one = match &of.vote {
        Some(text) => Some(app.engine.find_vote(text).await?.id),
        None => None,
    };
    let verified = app.engine.verify_votes(one).await?;
    Ok(Json(VoteVerifyView::from(&verified)))
}

/// Track records, how votes compare with the best single voter, and whether several agents beat one.
#[utoipa::path(get, path = "/api/v1/stats", responses((status = 200, body = StatsView)))]
pub(crate) async fn stats(State(app): State<App>) -> Result<Json<StatsView>, Problem> {
    let stats = app.engine.vote_stats().await?;
    Ok(Json(StatsView::from(&stats)))
}

/// Votes that wait for a person: to decide, or to give a ballot.
pub(super) async fn needs(app: &App) -> Result<Vec<Need>, Problem> {
    let mut needs = Vec::new();
    for vote in app.engine.votes(VotesIn::Asking, NEEDS_MAX, None).await? {
        let Some(asks) = &vote.asks else { continue };
        needs.push(Need {
            kind: "vote".to_owned(),
            subject: vote.id.to_string(),
            title: format!("{} {asks}", vote.question),
            since: vote.closed_at.map(|at| at.to_string()),
            action: format!("orkestra vote decide {} --option OPTION", vote.id.short()),
        });
    }
    for vote in app.engine.votes(VotesIn::Open, NEEDS_MAX, None).await? {
        let ballots = app.engine.ballots(vote.id).await?;
        let Some(person) = vote.waits_for(&ballots).find(|one| one.kind == VoterKind::Person)
        else {
            continue;
        };
        needs.push(Need {
            kind: "vote".to_owned(),
            subject: vote.id.to_string(),
            title: format!("{} waits for the ballot of {}.", vote.question, person.name),
            since: Some(vote.round_at.to_string()),
            action: format!(
                "orkestra vote cast {} --voter {} --option OPTION",
                vote.id.short(),
                person.name
            ),
        });
    }
    Ok(needs)
}

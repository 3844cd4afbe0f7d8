//! `orkestra vote …`: questions that are decided by a rule.

use super::{Context, Outcome, encode};
use crate::cli::{AskVote, CastVote, Electorate, Json, MarkWord, OpenVote, Vote};
use crate::exit::{Code, Failure};
use crate::terminal::{self, Color, harmless, paint, shorten, table};
use orkestra_core::vote::Election;
use orkestra_server::client::Client;
use orkestra_server::wire::{
    BallotRequest, BallotView, RoundCountView, TallyView, VoteDecideRequest, VoteDetail, VoteList,
    VoteMarkRequest, VoteOptionRequest, VoteReplayView, VoteRequest, VoteVerifyView, VoteView,
    VoterRequest,
};
use serde_json::{Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest election that is read from a file.
const FILE_MAX: u64 = 16 * 1024 * 1024;

/// How often it is looked whether a vote is over.
const LOOK: Duration = Duration::from_millis(300);

pub(super) async fn run(context: Context, args: Vote) -> Outcome {
    match args {
        Vote::Tally { file, json } => tally(&file, json),
        Vote::Open(args) => {
            let (request, who) = wanted(&context, *args)?;
            open(&context, &request, who).await
        }
        Vote::Ask(args) => {
            let (request, who) = question(&context, args)?;
            open(&context, &request, who).await
        }
        Vote::Cast(args) => cast(&context, args).await,
        Vote::Close(one) => {
            let path = format!("/api/v1/votes/{}/close", encode(&one.id));
            let detail: VoteDetail = context.client()?.post(&path, &()).await?;
            show(&detail, one.json);
            Ok(code_of(&detail.vote))
        }
        Vote::Decide { id, option, reason, json } => {
            let path = format!("/api/v1/votes/{}/decide", encode(&id));
            let word = VoteDecideRequest { option, reason };
            let detail: VoteDetail = context.client()?.post(&path, &word).await?;
            show(&detail, json);
            Ok(Code::Success)
        }
        Vote::Show(one) => {
            let path = format!("/api/v1/votes/{}", encode(&one.id));
            let detail: VoteDetail = context.client()?.get(&path).await?;
            show(&detail, one.json);
            Ok(Code::Success)
        }
        Vote::List { state, limit, json } => {
            let path = format!("/api/v1/votes?state={}&limit={limit}", state.as_str());
            let list: VoteList = context.client()?.get(&path).await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.votes.is_empty() {
                terminal::complain("There are no such votes; orkestra vote open opens one.");
            } else {
                let rows: Vec<Vec<String>> = list.votes.iter().map(row).collect();
                terminal::print(&table(&["VOTE", "STATE", "METHOD", "DECIDED", "QUESTION"], &rows));
            }
            Ok(Code::Success)
        }
        Vote::Replay(one) => replay(&context, &one.id, one.json).await,
        Vote::Verify { id, json } => verify(&context, id.as_deref(), json).await,
        Vote::Mark { id, word, instead, reason, json } => {
            let path = format!("/api/v1/votes/{}/mark", encode(&id));
            let word = VoteMarkRequest { right: word == MarkWord::Right, instead, reason };
            let detail: VoteDetail = context.client()?.post(&path, &word).await?;
            show(&detail, json);
            Ok(Code::Success)
        }
    }
}

/// A vote that decided nothing is no success for a script.
fn code_of(vote: &VoteView) -> Code {
    match (vote.state.as_str(), &vote.decided, &vote.asks) {
        (_, Some(_), _) | ("open" | "mediating", _, _) => Code::Success,
        (_, None, Some(_)) => Code::NeedsPerson,
        (_, None, None) if vote.next.is_some() || vote.form == "question" => Code::Success,
        (_, None, None) => Code::Failure,
    }
}

fn target(context: &Context, wanted: Option<PathBuf>) -> String {
    let cwd = &context.surroundings.cwd;
    let target = wanted.map_or_else(|| cwd.clone(), |target| cwd.join(target));
    target.display().to_string()
}

fn voters(who: &Electorate, weights: &[String]) -> Result<Vec<VoterRequest>, Failure> {
    let mut voters: Vec<VoterRequest> = Vec::new();
    let kinds = [(&who.agents, "agent"), (&who.people, "person"), (&who.others, "external")];
    for (names, kind) in kinds {
        voters.extend(names.iter().map(|name| VoterRequest {
            name: name.clone(),
            kind: kind.to_owned(),
            weight: None,
        }));
    }
    for text in weights {
        let wrong = || {
            Failure::new(Code::Usage, format!("--weight {text:?} is not NAME=WEIGHT"))
                .hint("for example --weight gemini=2.0")
        };
        let (name, weight) = text.rsplit_once('=').ok_or_else(wrong)?;
        let voter = voters.iter_mut().find(|voter| voter.name == name).ok_or_else(|| {
            Failure::new(Code::Usage, format!("--weight names {name:?}, who is no voter"))
        })?;
        voter.weight = Some(weight.parse().map_err(|_| wrong())?);
    }
    if voters.is_empty() {
        return Err(Failure::new(Code::Usage, "nobody may vote")
            .hint("name voters by --agents, --people or --others"));
    }
    Ok(voters)
}

/// `ID=TEXT`, or a text that is its own id; a long text gets a letter.
fn option(text: &str, index: usize) -> VoteOptionRequest {
    let is_id = |id: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        !id.is_empty() && id.len() <= 40 && id.chars().all(fits)
    };
    let (id, text) = match text.split_once('=') {
        Some((id, text)) if is_id(id) => (id.to_owned(), text.to_owned()),
        _ if text.chars().count() <= 40 => (text.to_owned(), text.to_owned()),
        _ => {
            let letter = u8::try_from(index).ok().and_then(|index| b'A'.checked_add(index));
            let id = letter.filter(u8::is_ascii_uppercase).map(char::from);
            (id.map_or_else(|| format!("option-{}", index + 1), String::from), text.to_owned())
        }
    };
    VoteOptionRequest { id, text: Some(text), proposed_by: None }
}

fn wanted(context: &Context, args: OpenVote) -> Result<(VoteRequest, Electorate), Failure> {
    let list = |words: Vec<String>| (!words.is_empty()).then_some(words);
    let none = args.on_deadlock == ["none"];
    let request = VoteRequest {
        voters: voters(&args.who, &args.weight)?,
        question: args.question,
        form: None,
        detail: args.detail,
        kind: Some(args.kind),
        domain: args.domain,
        options: args.options.iter().enumerate().map(|(at, text)| option(text, at)).collect(),
        method: Some(args.method),
        threshold: args.threshold,
        quorum: args.quorum,
        emergency: args.emergency,
        security: args.security,
        tie_break: list(args.tie_break),
        on_deadlock: if none { Some(Vec::new()) } else { list(args.on_deadlock) },
        rounds: Some(args.rounds),
        weights_from: args.weights,
        creator: args.creator,
        target: Some(target(context, args.who.target.clone())),
        files: args.files,
        task: args.task,
        session: args.session,
        deadline: args.who.deadline.clone(),
        mediator: args.mediator,
        follows: args.follows,
    };
    Ok((request, args.who))
}

fn question(context: &Context, args: AskVote) -> Result<(VoteRequest, Electorate), Failure> {
    let request = VoteRequest {
        voters: voters(&args.who, &[])?,
        question: args.question,
        form: Some("question".to_owned()),
        detail: args.detail,
        rounds: Some(args.rounds),
        target: Some(target(context, args.who.target.clone())),
        files: args.files,
        deadline: args.who.deadline.clone(),
        mediator: args.synthesis,
        ..VoteRequest::default()
    };
    Ok((request, args.who))
}

async fn open(context: &Context, request: &VoteRequest, who: Electorate) -> Outcome {
    let client = context.client()?;
    let key = who.key.as_deref();
    let vote: VoteView = client.post_once("/api/v1/votes", request, key).await?;
    if !who.wait {
        if who.json.json {
            terminal::print_json(&vote);
        } else {
            terminal::print(&format!("Vote {} is open: {}.", vote.short, vote.rule.says));
        }
        return Ok(Code::Success);
    }
    if !who.json.json {
        terminal::complain(&format!(
            "Vote {} is open; its deadline is {}.",
            vote.short, vote.deadline
        ));
    }
    let detail = wait(&client, &vote.id).await?;
    show(&detail, who.json);
    Ok(code_of(&detail.vote))
}

/// Waits until a vote, or the last one that follows from it, is over.
async fn wait(client: &Client, id: &str) -> Result<VoteDetail, Failure> {
    let mut id = id.to_owned();
    loop {
        let detail: VoteDetail = client.get(&format!("/api/v1/votes/{}", encode(&id))).await?;
        match (&detail.vote.next, detail.vote.state.as_str()) {
            (Some(next), "closed") => id.clone_from(next),
            (None, "closed") => return Ok(detail),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

async fn cast(context: &Context, args: CastVote) -> Outcome {
    let given = args.option.is_some()
        || args.ranking.is_some()
        || args.answer.is_some()
        || args.abstain
        || args.veto;
    if !given {
        return Err(Failure::new(Code::Usage, "the ballot says nothing")
            .hint("add --option, --ranking, --answer, --abstain or --veto"));
    }
    let path = format!("/api/v1/votes/{}/cast", encode(&args.id));
    let ballot = BallotRequest {
        voter: args.voter,
        option: args.option,
        ranking: args.ranking,
        abstain: args.abstain,
        veto: args.veto,
        answer: args.answer,
        reason: args.reason,
        confidence: args.confidence,
    };
    let detail: VoteDetail = context.client()?.post(&path, &ballot).await?;
    show(&detail, args.json);
    Ok(Code::Success)
}

async fn replay(context: &Context, id: &str, json: Json) -> Outcome {
    let path = format!("/api/v1/votes/{}/replay", encode(id));
    let view: VoteReplayView = context.client()?.get(&path).await?;
    if json.json {
        terminal::print_json(&view);
    } else {
        let mut lines = Vec::new();
        for round in &view.rounds {
            let mark = if round.same { "the same as it was kept" } else { "NOT as it was kept" };
            lines.push(format!("Round {}: {mark}.", round.round));
            lines.push(counted(&round.counted));
        }
        lines.push(if view.same {
            paint(Color::Green, "✓ Counting again gives the same.")
        } else {
            paint(Color::Red, "✗ Counting again gives something else.")
        });
        terminal::print(&lines.join("\n"));
    }
    Ok(if view.same { Code::Success } else { Code::Tampered })
}

async fn verify(context: &Context, id: Option<&str>, json: Json) -> Outcome {
    let path = match id {
        Some(id) => format!("/api/v1/votes/verify?vote={}", encode(id)),
        None => "/api/v1/votes/verify".to_owned(),
    };
    let view: VoteVerifyView = context.client()?.get(&path).await?;
    if json.json {
        terminal::print_json(&view);
    } else if view.ok {
        let text =
            format!("✓ {} ballots of {} votes are as they were cast.", view.ballots, view.votes);
        terminal::print(&paint(Color::Green, &text));
    } else {
        for fault in &view.faults {
            let short = fault.vote.rsplit('-').next().unwrap_or(&fault.vote);
            let short = short.get(short.len().saturating_sub(8)..).unwrap_or(short);
            let place = fault.ballot.map_or_else(String::new, |at| format!(", ballot {at}"));
            let text = format!("✗ vote {short}{place}: {}", harmless(&fault.what));
            terminal::print(&paint(Color::Red, &text));
        }
    }
    Ok(if view.ok { Code::Success } else { Code::Tampered })
}

fn tally(file: &Path, json: Json) -> Outcome {
    let name = file.display().to_string();
    let failed =
        |error: std::io::Error| Failure::new(Code::Failure, format!("cannot read {name}: {error}"));
    let mut text = String::new();
    if name == "-" {
        std::io::stdin().take(FILE_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    } else {
        let opened = std::fs::File::open(file).map_err(failed)?;
        opened.take(FILE_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    }
    if text.len() as u64 > FILE_MAX {
        return Err(Failure::new(Code::Failure, format!("{name} is larger than 16 MB")));
    }
    let value: Value = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Failure::new(Code::Failure, format!("{name}:{line}:{column}: not JSON: {error}"))
    })?;
    let election = Election::read(&value).map_err(|error| {
        Failure::new(Code::Failure, format!("{name}: {error}"))
            .hint("docs/votes.md has the shape of the file")
    })?;
    let counted_now = TallyView::from(&election.tally());
    if json.json {
        let mut out = json!({
            "outcome": counted_now.outcome,
            "winner": counted_now.winner,
            "method": election.rule().method.word(),
            "threshold": election.rule().effective_threshold().map(|share| share.to_string()),
        });
        let rest = serde_json::to_value(&counted_now).unwrap_or_default();
        if let (Some(out), Value::Object(rest)) = (out.as_object_mut(), rest) {
            for (key, value) in rest {
                out.entry(key).or_insert(value);
            }
            out.insert("notes".to_owned(), json!(election.notes));
        }
        terminal::print_json(&out);
    } else {
        for note in &election.notes {
            terminal::complain(&format!("note: {note}"));
        }
        terminal::print(&counted(&counted_now));
    }
    Ok(Code::Success)
}

/// A tally as text.
fn counted(tally: &TallyView) -> String {
    let mut lines = Vec::new();
    for round in &tally.rounds {
        if tally.rounds.len() > 1 {
            lines.push(count(round));
        }
    }
    if tally.rounds.len() <= 1 {
        for score in &tally.scores {
            let weight = if (score.weight - score.votes as f64).abs() > 1e-9 {
                format!(" (weight {})", score.weight)
            } else {
                String::new()
            };
            lines.push(format!("  {}: {}{weight}", harmless(&score.option), score.votes));
        }
    }
    lines.push(format!(
        "  {} of {} took part ({} needed), {} chose.",
        tally.participated, tally.electorate, tally.quorum, tally.chose
    ));
    let color = if tally.outcome == "decided" { Color::Green } else { Color::Amber };
    let outcome = match &tally.winner {
        Some(winner) => format!("{}: {} ({})", tally.outcome, harmless(winner), tally.level),
        None => tally.outcome.clone(),
    };
    lines.push(format!("{}. {}.", paint(color, &outcome), harmless(&tally.why)));
    lines.join("\n")
}

fn count(round: &RoundCountView) -> String {
    let votes: Vec<String> =
        round.votes.iter().map(|(option, votes)| format!("{} {votes}", harmless(option))).collect();
    let mut text = format!("  count {}: {}", round.round, votes.join(", "));
    if round.exhausted > 0 {
        text += &format!("; {} name nobody that is left", round.exhausted);
    }
    if let Some(out) = &round.eliminated {
        text += &format!("; {} is out", harmless(out));
        match round.by.as_deref() {
            Some("order") => text += " (last of the equal in the list of options)",
            Some(_) => text += " (of the equal the one with the fewest before)",
            None => {}
        }
    }
    text
}

fn row(vote: &VoteView) -> Vec<String> {
    let state = match (&vote.asks, &vote.outcome) {
        (Some(_), _) => paint(Color::Amber, "asks you"),
        (None, Some(outcome)) if vote.state == "closed" => outcome.clone(),
        _ => vote.state.clone(),
    };
    let decided = vote.decided.as_ref().map_or_else(|| "–".to_owned(), |d| harmless(&d.option));
    vec![
        vote.short.clone(),
        state,
        vote.rule.method.clone(),
        shorten(&decided, 30),
        shorten(&vote.question, 60),
    ]
}

fn show(detail: &VoteDetail, json: Json) {
    if json.json {
        terminal::print_json(detail);
        return;
    }
    let vote = &detail.vote;
    let mut lines = vec![paint(Color::Amber, &harmless(&vote.question))];
    lines.push(format!("vote {} · {} · {}", vote.short, vote.state, vote.rule.says));
    if vote.state == "open" {
        lines
            .push(format!("round {} of {}, until {}", vote.round, vote.rule.rounds, vote.deadline));
    }
    for option in &vote.options {
        if option.text == option.id {
            lines.push(format!("  {}", harmless(&option.id)));
        } else {
            lines.push(format!("  {}: {}", harmless(&option.id), harmless(&option.text)));
        }
    }
    if !detail.ballots.is_empty() {
        lines.push(String::new());
        lines.extend(detail.ballots.iter().map(ballot));
    }
    for change in &vote.changes {
        lines.push(format!(
            "  round {}: {} changed from {} to {}",
            change.round,
            harmless(&change.voter),
            harmless(&change.from),
            harmless(&change.to)
        ));
    }
    for absent in &vote.absent {
        let (who, why) = (harmless(&absent.voter), harmless(&absent.why));
        lines.push(format!("  round {}: nothing from {who}: {why}", absent.round));
    }
    lines.extend(ending(vote));
    terminal::print(&lines.join("\n"));
}

/// How it stands at the end of the page.
fn ending(vote: &VoteView) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(tally) = vote.tallies.last() {
        lines.push(String::new());
        lines.push(counted(tally));
    }
    if let Some(decided) = &vote.decided {
        let by = if decided.by == "rule" { "by the rule" } else { &decided.by };
        let option = harmless(&decided.option);
        lines.push(paint(Color::Green, &format!("✓ Decided {by}: {option}.")));
    } else if vote.state == "closed" && vote.form == "options" {
        lines.push("Nothing is decided.".to_owned());
    }
    if let Some(text) = &vote.synthesis {
        lines.push(format!("\n{}", harmless(text)));
    }
    if let Some(next) = &vote.next {
        lines.push(format!("It goes on: orkestra vote show {}", short_of(next)));
    }
    if let Some(asks) = &vote.asks {
        lines.push(paint(Color::Amber, &format!("You are asked. {}", harmless(asks))));
        lines.push(format!("  orkestra vote decide {} --option OPTION --reason WHY", vote.short));
    }
    if let Some(mark) = &vote.mark {
        let word = if mark.right { "right" } else { "wrong" };
        lines.push(format!("Marked {word} by {}.", mark.by));
    }
    lines
}

fn short_of(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

fn ballot(ballot: &BallotView) -> String {
    let says = match (&ballot.choice, &ballot.ranking, &ballot.answer) {
        (Some(option), _, _) => option.clone(),
        (None, Some(ranking), _) => ranking.join(" > "),
        (None, None, Some(answer)) => answer.clone(),
        (None, None, None) if ballot.veto => "veto".to_owned(),
        (None, None, None) => "abstains".to_owned(),
    };
    let sure = ballot.confidence.map_or_else(String::new, |percent| format!(" ({percent} % sure)"));
    let reason = if ballot.reason.is_empty() {
        String::new()
    } else {
        format!(": {}", harmless(&ballot.reason))
    };
    let (voter, says) = (harmless(&ballot.voter), harmless(&says));
    format!("  {}.{} {voter}: {says}{sure}{reason}", ballot.round, ballot.number)
}

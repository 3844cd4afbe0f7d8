//! `orkestra review …`, and `orkestra run review`.

use super::{Context, Outcome, encode};
use crate::cli::{Review, ReviewAnswer, StartReview};
use crate::exit::Code;
use crate::terminal::{self, Color, harmless, paint, shorten};
use orkestra_server::wire::{
    OpinionView, ReviewAnswerRequest, ReviewDetail, ReviewIssueView, ReviewList, ReviewRequest,
    ReviewView, SeatView,
};

pub(super) async fn run(context: Context, args: Review) -> Outcome {
    match args {
        Review::List { open, run, limit, json } => {
            let run = run.map(|run| format!("&run={}", encode(&run))).unwrap_or_default();
            let state = if open { "open" } else { "all" };
            let limit = limit.clamp(1, 500);
            let path = format!("/api/v1/reviews?state={state}&limit={limit}{run}");
            let list: ReviewList = context.client()?.get(&path).await?;
            if json.json {
                terminal::print_json(&list);
            } else if list.reviews.is_empty() {
                terminal::complain("No reviews. Ask for one: orkestra run review ID");
            } else {
                terminal::print(&table(&list.reviews));
            }
            Ok(Code::Success)
        }
        Review::Show { id, json } => {
            let path = format!("/api/v1/reviews/{}", encode(&id));
            let detail: ReviewDetail = context.client()?.get(&path).await?;
            if json.json {
                terminal::print_json(&detail);
            } else {
                show(&detail);
            }
            Ok(Code::Success)
        }
        Review::Start(args) => start(context, args).await,
        Review::Answer { id, answer, note, json } => {
            let answer = match answer {
                ReviewAnswer::Approve => "approve",
                ReviewAnswer::Concern => "concern",
                ReviewAnswer::Stop => "stop",
            };
            let request = ReviewAnswerRequest { answer: answer.to_owned(), note };
            let path = format!("/api/v1/reviews/{}/answer", encode(&id));
            let review: ReviewView = context.client()?.post(&path, &request).await?;
            tell(&review, json.json);
            Ok(Code::Success)
        }
    }
}

/// Asks for a review; it goes on by itself.
pub(super) async fn start(context: Context, args: StartReview) -> Outcome {
    let request = ReviewRequest { run: args.id, focus: args.focus };
    // A request that is sent twice because its answer was lost is one review.
    let key = uuid::Uuid::now_v7().to_string();
    let client = context.client()?;
    let review: ReviewView = client.post_once("/api/v1/reviews", &request, Some(&key)).await?;
    tell(&review, args.json.json);
    Ok(Code::Success)
}

fn tell(review: &ReviewView, json: bool) {
    if json {
        terminal::print_json(review);
    } else {
        let line = format!("{}  {}  {}", review.short, review.state, harmless(&review.why));
        terminal::complain(&line);
    }
}

fn verdict(word: Option<&str>) -> String {
    match word {
        Some("approved") => paint(Color::Green, "approved"),
        Some("blocker") => paint(Color::Red, "blocker"),
        Some(other) => paint(Color::Amber, &other.replace('_', " ")),
        None => paint(Color::Grey, "–"),
    }
}

fn table(reviews: &[ReviewView]) -> String {
    let lines = reviews.iter().map(|review| {
        let reviewers: Vec<&str> = review.seats.iter().map(|seat| seat.reviewer.as_str()).collect();
        let reviewers =
            if reviewers.is_empty() { "nobody yet".to_owned() } else { reviewers.join(", ") };
        format!(
            "{}  {}  run {} of {} by {}  round {}  {}  {}",
            review.short,
            review.trigger.kind,
            tail(&review.run),
            harmless(&review.author),
            harmless(&reviewers),
            review.round,
            verdict(review.verdict.as_deref()),
            shorten(&review.why, 100)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The end of an id.
fn tail(id: &str) -> &str {
    id.get(id.len().saturating_sub(8)..).unwrap_or(id)
}

fn show(detail: &ReviewDetail) {
    let review = &detail.review;
    let mut lines = vec![
        format!(
            "Review {}  ({} of {}, round {})  {}",
            review.short,
            review.number,
            if review.session.is_some() { "its session" } else { "its run" },
            review.round,
            review.created_at
        ),
        format!("run       {} of {}", tail(&review.run), harmless(&review.author)),
        format!("because   {} ({})", review.trigger.kind, harmless(&review.trigger.by)),
    ];
    if let Some(task) = &review.task {
        lines.push(format!("task      {}", tail(task)));
    }
    if let Some(text) = &review.trigger.text {
        lines.push(format!("          {}", harmless(text)));
    }
    if let Some(focus) = &review.focus {
        lines.push(format!("focus     {}", harmless(focus)));
    }
    for seat in &review.seats {
        lines.extend(seat_lines(seat));
    }
    for decision in &review.decisions {
        lines.push(format!(
            "\n{}  {} ({})",
            decision.action,
            harmless(&decision.reason),
            harmless(&decision.by)
        ));
        lines.extend(decision.next_steps.iter().map(|step| format!("  then: {}", harmless(step))));
    }
    lines.push(format!("\n{}  {}", review.state, harmless(&review.why)));
    if review.state == "needs_person" {
        lines.push(format!(
            "Decide: orkestra review answer {} approve|concern|stop [--note TEXT]",
            review.short
        ));
    }
    lines.push(paint(Color::Grey, &detail.file));
    terminal::print(&lines.join("\n"));
}

fn seat_lines(seat: &SeatView) -> Vec<String> {
    let who = harmless(&seat.reviewer);
    let mut lines = match (&seat.opinion, &seat.missing) {
        (Some(opinion), _) => opinion_lines(&who, opinion),
        (None, Some(why)) => {
            vec![format!("\n{who}  {}: {}", verdict(Some("no_verdict")), harmless(why))]
        }
        (None, None) => vec![format!("\n{who}  {}", paint(Color::Blue, "is asked"))],
    };
    if let Some(why) = &seat.sent_back {
        lines.push(format!("  it was asked twice: {}", harmless(why)));
    }
    if let Some(run) = &seat.run {
        lines.push(paint(Color::Grey, &format!("  orkestra run show {}", tail(run))));
    }
    lines
}

fn opinion_lines(who: &str, opinion: &OpinionView) -> Vec<String> {
    let cut =
        if opinion.cut { format!(" (cut from {} words)", opinion.words) } else { String::new() };
    let head = format!(
        "\n{who}  {}{cut}: {}",
        verdict(Some(&opinion.verdict)),
        harmless(&opinion.summary)
    );
    let issues = opinion.issues.iter().map(issue_line);
    let advice =
        opinion.recommendations.iter().map(|text| format!("  recommends: {}", harmless(text)));
    [head].into_iter().chain(issues).chain(advice).collect()
}

fn issue_line(issue: &ReviewIssueView) -> String {
    let place = match (&issue.file, issue.line) {
        (Some(file), Some(line)) => format!("{file}:{line}  "),
        (Some(file), None) => format!("{file}  "),
        (None, _) => String::new(),
    };
    format!("  - {}  {}{}", issue.severity, harmless(&place), harmless(&issue.description))
}

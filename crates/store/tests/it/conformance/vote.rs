//! Votes and ballots.

use jiff::Timestamp;
use orkestra_core::id::{SessionId, VoteId};
use orkestra_store::{BallotRow, Error, Store, VoteRow, VotesIn};
use uuid::Uuid;

fn row(number: u128, state: &str) -> VoteRow {
    VoteRow {
        id: VoteId::new(Uuid::from_u128(number)),
        state: state.to_owned(),
        outcome: None,
        is_decided: false,
        asks: false,
        request_key: Some(format!("k{number}")),
        task: None,
        session: None,
        body: "{}".to_owned(),
        updated_at: Timestamp::UNIX_EPOCH,
    }
}

fn ballot(vote: &VoteRow, number: u32, voter: &str) -> BallotRow {
    BallotRow {
        vote: vote.id,
        number,
        round: 1,
        voter: voter.to_owned(),
        hash: format!("h{number}"),
        body: "{}".to_owned(),
    }
}

/// Votes are found by id, end, key, state and session; a ballot is written once.
pub(super) fn votes(store: &Store) {
    let (first, second) = (row(0xab01, "open"), row(0xcd02, "closed"));
    let session = SessionId::new(Uuid::from_u128(7));
    let second = VoteRow {
        outcome: Some("decided".to_owned()),
        is_decided: true,
        session: Some(session),
        ..second
    };
    let (a, b) = (first.clone(), second.clone());
    store
        .write_blocking(move |tx| {
            tx.put_vote(&a)?;
            tx.put_vote(&b)?;
            tx.add_ballot(&ballot(&a, 1, "ann"))?;
            tx.add_ballot(&ballot(&a, 2, "bob"))
        })
        .unwrap();
    let ids = |which| {
        let rows = store.read_blocking(move |read| read.votes(which, 10, None)).unwrap();
        rows.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(VotesIn::All), [second.id, first.id]);
    assert_eq!(ids(VotesIn::Open), [first.id]);
    assert_eq!(ids(VotesIn::Decided), [second.id]);
    assert!(ids(VotesIn::Asking).is_empty());
    let before = store.read_blocking(move |read| read.votes(VotesIn::All, 10, Some(second.id)));
    assert_eq!(before.unwrap().len(), 1);
    let found = store.read_blocking(move |read| {
        let by_end = read.vote_by_suffix("CD02")?.len();
        let by_key = read.vote_by_key("k43777")?.map(|row| row.id);
        Ok((by_end, by_key, read.votes_of_session(session)?.len()))
    });
    assert_eq!(found.unwrap(), (1, Some(first.id), 1));
    let id = first.id;
    let kept = store.read_blocking(move |read| read.ballots(id)).unwrap();
    assert_eq!(kept, [ballot(&first, 1, "ann"), ballot(&first, 2, "bob")]);
    for again in [ballot(&first, 3, "ann"), ballot(&first, 1, "eve")] {
        let refused = store.write_blocking(move |tx| tx.add_ballot(&again));
        assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    }
    let same_key = VoteRow { request_key: first.request_key.clone(), ..row(0xee, "open") };
    let refused = store.write_blocking(move |tx| tx.put_vote(&same_key));
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
}

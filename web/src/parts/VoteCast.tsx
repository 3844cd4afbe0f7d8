/** A person's ballot, or one that a person brings for somebody outside. It is never changed afterwards. */
import { Button, Checkbox, Group, Radio, Select, Stack, Textarea } from '@mantine/core';
import { IconArrowDown, IconArrowUp } from '@tabler/icons-react';
import { useState } from 'react';
import { type NewBallot, useVoteVerb, type VoteDetail } from '../api/vote';
import { Band } from './Page';
import { ProblemNote } from './Problem';
import classes from './vote.module.css';

const ABSTAIN = '\0abstain';
const VETO = '\0veto';

export function VoteCast({ data }: { data: VoteDetail }) {
  const { vote, ballots } = data;
  const done = new Set(
    ballots.filter((ballot) => ballot.round === vote.round).map(({ voter }) => voter),
  );
  const voters = vote.electorate.filter(({ kind, name }) => kind !== 'agent' && !done.has(name));
  const act = useVoteVerb();
  const [voter, setVoter] = useState<string | null>(null);
  const [choice, setChoice] = useState('');
  const [order, setOrder] = useState(vote.options.map(({ id }) => id));
  const [abstain, setAbstain] = useState(false);
  const [answer, setAnswer] = useState('');
  const [reason, setReason] = useState('');
  if (voters.length === 0) return null;
  const ranked = vote.rule.method.startsWith('ranked');
  const whose = voter ?? (voters.length === 1 ? (voters[0]?.name ?? null) : null);
  const ballot = (): NewBallot => {
    const base = { voter: whose ?? undefined, reason: reason.trim() };
    if (abstain || choice === ABSTAIN) return { ...base, abstain: true };
    if (choice === VETO) return { ...base, veto: true };
    if (vote.form === 'question') return { ...base, answer };
    return ranked ? { ...base, ranking: order } : { ...base, option: choice };
  };
  const ready =
    whose !== null &&
    (abstain || (vote.form === 'question' ? answer.trim() !== '' : ranked ? true : choice !== ''));
  const move = (index: number, by: number) => {
    const next = [...order];
    const [moved] = next.splice(index, 1);
    if (moved !== undefined) next.splice(index + by, 0, moved);
    setOrder(next);
  };
  const textOf = (id: string) => vote.options.find((option) => option.id === id)?.text ?? id;
  return (
    <Band title="Your ballot" note="it cannot be changed afterwards">
      <form
        className={classes.pad}
        data-testid="cast"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) act.mutate({ id: vote.id, verb: 'cast', body: ballot() });
        }}
      >
        <Stack gap="md">
          {voters.length > 1 && (
            <Select
              label="Who votes"
              maw={260}
              value={whose}
              onChange={setVoter}
              data={voters.map(({ name }) => name)}
            />
          )}
          {vote.form === 'options' && !ranked && (
            <Radio.Group label="Choice" value={choice} onChange={setChoice}>
              <Stack gap="xs" mt={4}>
                {vote.options.map((option) => (
                  <Radio key={option.id} value={option.id} label={option.text} />
                ))}
                <Radio value={ABSTAIN} label="Abstain: I take part, and leave it to the others" />
                {vote.rule.security && <Radio value={VETO} label="Veto: this must not be done" />}
              </Stack>
            </Radio.Group>
          )}
          {vote.form === 'options' && ranked && (
            <>
              <ol className={classes.order} aria-label="Your order, the best first">
                {order.map((id, index) => (
                  <li key={id}>
                    <span className="num dim">{index + 1}.</span>
                    <span className={classes.orderText}>{textOf(id)}</span>
                    <Button
                      size="compact-xs"
                      variant="default"
                      disabled={index === 0}
                      aria-label={`${textOf(id)} up`}
                      onClick={() => move(index, -1)}
                    >
                      <IconArrowUp size={14} aria-hidden />
                    </Button>
                    <Button
                      size="compact-xs"
                      variant="default"
                      disabled={index === order.length - 1}
                      aria-label={`${textOf(id)} down`}
                      onClick={() => move(index, 1)}
                    >
                      <IconArrowDown size={14} aria-hidden />
                    </Button>
                  </li>
                ))}
              </ol>
              <Checkbox
                label="Abstain: I take part, and leave it to the others"
                checked={abstain}
                onChange={(event) => setAbstain(event.currentTarget.checked)}
              />
            </>
          )}
          {vote.form === 'question' && (
            <Textarea
              label="Your answer"
              autosize
              minRows={3}
              value={answer}
              onChange={(event) => setAnswer(event.currentTarget.value)}
            />
          )}
          <Textarea
            label="Why"
            autosize
            minRows={2}
            value={reason}
            onChange={(event) => setReason(event.currentTarget.value)}
          />
          {act.error && <ProblemNote error={act.error} />}
          <Group>
            <Button type="submit" loading={act.isPending} disabled={!ready}>
              Cast the ballot
            </Button>
          </Group>
        </Stack>
      </form>
    </Band>
  );
}

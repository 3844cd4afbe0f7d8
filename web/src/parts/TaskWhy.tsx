/** Who gets a task, and why: everybody who was looked at, and what spoke for and against. */
import { useQuery } from '@tanstack/react-query';
import { type Candidate, type Choice, type Task, taskWhyQuery } from '../api/task';
import { AgentName } from './AgentName';
import { Empty } from './Facts';
import { Band, Waiting } from './Page';
import { ProblemNote } from './Problem';
import { Ago } from './Time';
import classes from './task.module.css';
import { many } from './words';

export function TaskWhy({ task }: { task: Task }) {
  const { data, error } = useQuery(taskWhyQuery(task.id));
  if (!data) return error ? <ProblemNote error={error} /> : <Waiting rows={3} />;
  return (
    <>
      {data.held && <p className={`card ${classes.held}`}>{data.held}</p>}
      {data.now && (
        <Band title="Who would get it now">
          <OneChoice choice={data.now} />
        </Band>
      )}
      {data.made.map((choice, index) => (
        <Band
          key={choice.fence ?? choice.at}
          title={index === 0 ? 'Who got it' : 'Before that'}
          note={<Ago at={choice.at} />}
        >
          <OneChoice choice={choice} />
        </Band>
      ))}
      {!data.now && data.made.length === 0 && (
        <Band title="Who gets it">
          <Empty>Nobody was chosen yet.</Empty>
        </Band>
      )}
    </>
  );
}

function OneChoice({ choice }: { choice: Choice }) {
  return (
    <>
      <p className={classes.sentence}>{choice.sentence}</p>
      <ul className={classes.candidates} aria-label="Who was looked at">
        {choice.candidates.map((candidate) => (
          <OneCandidate
            key={candidate.agent}
            candidate={candidate}
            chosen={candidate.agent === choice.agent}
          />
        ))}
      </ul>
    </>
  );
}

function OneCandidate({ candidate, chosen }: { candidate: Candidate; chosen: boolean }) {
  const { matching } = candidate;
  return (
    <li className={classes.candidate} data-candidate={candidate.agent} data-chosen={chosen}>
      <span className={classes.candidateName}>
        <AgentName name={candidate.agent} faint={candidate.excluded !== null} />
        {chosen && <span className={classes.chosen}>chosen</span>}
      </span>
      <span className={classes.candidateText}>
        {candidate.excluded ?? (
          <>
            {candidate.runs > 0
              ? `${candidate.verified} of ${many(candidate.runs, 'run')} verified`
              : 'no runs at this kind of work yet'}
            {matching.length > 0 && `, good at ${matching.join(', ')}`}
            {candidate.load > 0 && `, has ${many(candidate.load, 'task')}`}
          </>
        )}
      </span>
      <span className="num dim">
        {candidate.score}
        {candidate.penalty > 0 && ` − ${candidate.penalty}`}
      </span>
    </li>
  );
}

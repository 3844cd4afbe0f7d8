/** Agents keep one hue each wherever they are named; the name always stands beside it. */
import classes from './agent.module.css';

const HUES = 6;

/** The same name has the same hue, on every page and every day. */
export function hueOf(agent: string): number {
  let sum = 7;
  for (const letter of agent.toLowerCase()) sum = (sum * 31 + letter.charCodeAt(0)) >>> 0;
  return sum % HUES;
}

export function AgentName({ name, faint }: { name: string; faint?: boolean }) {
  return (
    <span className={`${classes.agent} ${faint ? 'dim' : ''}`} data-hue={hueOf(name)}>
      <span className={classes.face} aria-hidden="true">
        {name.charAt(0).toUpperCase()}
      </span>
      <span className="clip">{name}</span>
    </span>
  );
}

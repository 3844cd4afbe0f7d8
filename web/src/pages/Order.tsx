/** Who waits for whom: units from left to right, with what each waits for on the lines. */
import { Link } from 'react-router';
import type { Unit } from '../api/model';
import { type Edge, layers, type Spot } from '../live/layers';
import { Empty } from '../parts/Facts';
import { UnitPill } from '../parts/StatePill';
import styles from './order.module.css';
import classes from './pages.module.css';

const NODE = { width: 176, height: 58 };
const GAP = { x: 112, y: 18 };
const EDGE = 16;

const left = (spot: Spot) => EDGE + spot.level * (NODE.width + GAP.x);
const top = (spot: Spot) => EDGE + spot.row * (NODE.height + GAP.y);

function curve({ from, to }: Edge): string {
  const x1 = left(from) + NODE.width;
  const y1 = top(from) + NODE.height / 2;
  const x2 = left(to) - 7;
  const y2 = top(to) + NODE.height / 2;
  const bend = Math.max(40, (x2 - x1) / 2);
  return `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`;
}

/** Words stand near the end of a line, where lines from one unit have parted. */
function wordSpot({ from, to }: Edge) {
  const y1 = top(from) + NODE.height / 2;
  const y2 = top(to) + NODE.height / 2;
  return { x: left(to) - GAP.x / 2 + 6, y: y1 + (y2 - y1) * 0.56 };
}

export function Order({ units }: { units: Unit[] }) {
  const { spots, edges, levels, rows, alone } = layers(units);
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  const width = 2 * EDGE + levels * NODE.width + Math.max(0, levels - 1) * GAP.x;
  const height = 2 * EDGE + rows * NODE.height + Math.max(0, rows - 1) * GAP.y;
  return (
    <>
      <section className={classes.card} aria-label="Order of units">
        {spots.length === 0 && (
          <Empty>
            No unit waits for another. <span className="mono">after</span> in the configuration says
            who starts after whom.
          </Empty>
        )}
        {spots.length > 0 && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled region must be reachable by keyboard.
          <section className={styles.scroll} aria-label="Units from left to right" tabIndex={0}>
            <div className={styles.graph} style={{ width, height }}>
              <svg width={width} height={height} aria-hidden="true" className={styles.lines}>
                <defs>
                  <marker
                    id="tip"
                    viewBox="0 0 8 8"
                    refX="6"
                    refY="4"
                    markerWidth="8"
                    markerHeight="8"
                    orient="auto"
                  >
                    <path d="M0,0.5 L7,4 L0,7.5 Z" className={styles.tip} />
                  </marker>
                </defs>
                {edges.map((edge) => (
                  <path
                    key={`${edge.from.name} ${edge.to.name}`}
                    className={styles.line}
                    d={curve(edge)}
                    markerEnd="url(#tip)"
                  />
                ))}
                {edges.map((edge) => {
                  const { x, y } = wordSpot(edge);
                  return (
                    <text
                      key={`${edge.from.name} ${edge.to.name}`}
                      className={styles.word}
                      x={x}
                      y={y}
                    >
                      {edge.condition}
                    </text>
                  );
                })}
              </svg>
              <ul aria-label="Units in their order">
                {spots.map((spot) => {
                  const unit = byName.get(spot.name);
                  return unit && <Node key={spot.name} unit={unit} spot={spot} />;
                })}
              </ul>
            </div>
          </section>
        )}
      </section>
      {alone.length > 0 && spots.length > 0 && (
        <section className={styles.alone} aria-label="Units on their own">
          <h2 className={classes.bandHead}>
            On their own <span className="num">{alone.length}</span>
          </h2>
          <div className={classes.card}>
            <ul className={classes.chips}>
              {alone.map((name) => {
                const unit = byName.get(name);
                return (
                  unit && (
                    <li key={name} className={classes.chip}>
                      <UnitPill unit={unit} />
                      <Link
                        to={`/units/${encodeURIComponent(name)}`}
                        className={classes.open}
                        data-row
                      >
                        {name}
                      </Link>
                    </li>
                  )
                );
              })}
            </ul>
          </div>
        </section>
      )}
    </>
  );
}

function Node({ unit, spot }: { unit: Unit; spot: Spot }) {
  const waits = Object.entries(unit.after).map(([other, condition]) => `${other} (${condition})`);
  return (
    <li
      className={styles.node}
      style={{ left: left(spot), top: top(spot), width: NODE.width, height: NODE.height }}
      data-unit={unit.name}
      data-level={spot.level}
    >
      <Link
        to={`/units/${encodeURIComponent(unit.name)}`}
        className={`${classes.open} clip`}
        title={unit.name}
        data-row
      >
        {unit.name}
      </Link>
      <UnitPill unit={unit} />
      <span className="hidden-text">
        {waits.length > 0 ? `starts after ${waits.join(', ')}` : 'starts first'}
      </span>
    </li>
  );
}

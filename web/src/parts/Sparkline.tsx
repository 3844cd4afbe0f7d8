/** A small line of one figure over time. What it shows stands in its text, too. */
import { type Point, pieces, place, topOf } from '../live/usage';
import classes from './sparkline.module.css';

interface Props {
  points: Point[];
  /** The stretch of time that the picture is wide. */
  from: number;
  until: number;
  /** Points further apart than this are not joined. */
  gapMs: number;
  /** The lowest top. */
  least: number;
  limit?: number | null;
  /** What a picture says to who cannot see it. */
  label: string;
  width: number;
  height: number;
}

/** Room for the width of the line. */
const EDGE = 2;

export function Sparkline(props: Props) {
  const { points, from, until, gapMs, least, limit = null, label, width, height } = props;
  const scale = { from, until, top: topOf(points, least, limit) };
  const spot = (point: Pick<Point, 'at' | 'value'>) => {
    const { x, y } = place(point, scale);
    return `${(x * width).toFixed(1)},${(height - EDGE - y * (height - 2 * EDGE)).toFixed(1)}`;
  };
  const shown = points.filter((point) => point.at >= from);
  const limitAt = limit === null ? null : Number(spot({ at: from, value: limit }).split(',')[1]);
  return (
    <svg
      className={classes.spark}
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      style={{ height }}
      role="img"
      aria-label={label}
      data-testid="sparkline"
    >
      <line className={classes.ground} x1={0} x2={width} y1={height - 0.5} y2={height - 0.5} />
      {pieces(shown, gapMs).map((piece) => {
        const [first] = piece;
        const last = piece.at(-1);
        if (!first || !last) return null;
        const line = piece.map(spot);
        // A single point is a line of no length: round ends make it a dot.
        if (piece.length === 1) line.push(line[0] ?? '');
        const left = spot(first).split(',')[0];
        const right = spot(last).split(',')[0];
        return (
          <g key={first.at}>
            <path
              className={classes.area}
              d={`M${left},${height} L${line.join(' L')} L${right},${height} Z`}
            />
            <path className={classes.line} d={`M${line.join(' L')}`} data-line />
          </g>
        );
      })}
      {limitAt !== null && (
        <line className={classes.limit} x1={0} x2={width} y1={limitAt} y2={limitAt} />
      )}
    </svg>
  );
}

/** Things by what they come after: each as far right as its longest way. Cycles cannot occur. */
/** A thing, and what it comes after: whose name, and on which condition. */
export interface Following {
  name: string;
  after: Record<string, string>;
}

export interface Spot {
  name: string;
  level: number;
  row: number;
}

export interface Edge {
  from: Spot;
  to: Spot;
  condition: string;
}

export interface Layers {
  spots: Spot[];
  edges: Edge[];
  levels: number;
  rows: number;
  /** Those that wait for nobody and for whom nobody waits. */
  alone: string[];
}

export function layers(units: Following[]): Layers {
  const byName = new Map(units.map((unit) => [unit.name, unit]));
  const needs = (name: string) =>
    Object.keys(byName.get(name)?.after ?? {}).filter((other) => byName.has(other));
  const needed = new Set(units.flatMap((unit) => needs(unit.name)));
  const levels = new Map<string, number>();
  const levelOf = (name: string, path: Set<string>): number => {
    const known = levels.get(name);
    if (known !== undefined) return known;
    // The daemon refuses cycles; should one come, the picture is odd and the page still there.
    if (path.has(name)) return 0;
    const on = new Set(path).add(name);
    const level = Math.max(-1, ...needs(name).map((other) => levelOf(other, on))) + 1;
    levels.set(name, level);
    return level;
  };
  const columns: string[][] = [];
  const alone: string[] = [];
  for (const { name } of units) {
    if (needs(name).length === 0 && !needed.has(name)) {
      alone.push(name);
      continue;
    }
    const level = levelOf(name, new Set());
    for (let each = columns.length; each <= level; each += 1) columns.push([]);
    columns[level]?.push(name);
  }
  const spots = new Map<string, Spot>();
  columns.forEach((column, level) => {
    // Near to what it waits for, so that few lines cross.
    const middle = (name: string) => {
      const rows = needs(name).map((other) => spots.get(other)?.row ?? 0);
      return rows.length === 0 ? 0 : rows.reduce((sum, row) => sum + row, 0) / rows.length;
    };
    const sorted = level === 0 ? column : column.toSorted((a, b) => middle(a) - middle(b));
    sorted.forEach((name, row) => {
      spots.set(name, { name, level, row });
    });
  });
  const edges = units.flatMap(({ name, after }) =>
    Object.entries(after).flatMap(([other, condition]) => {
      const from = spots.get(other);
      const to = spots.get(name);
      return from && to ? [{ from, to, condition }] : [];
    }),
  );
  return {
    spots: [...spots.values()],
    edges,
    levels: columns.length,
    rows: Math.max(0, ...columns.map((column) => column.length)),
    alone,
  };
}

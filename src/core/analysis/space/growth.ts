import { TradedbError } from '../../error.ts';

export interface ObjectGrowth {
  readonly name: string;
  readonly kind: string;
  /** Bytes and entries now minus then; a new object counts from nothing, one that is gone to nothing. */
  readonly bytes: number;
  readonly entries: number | null;
  readonly change: 'grown' | 'shrunk' | 'new' | 'gone';
}

/** What became of the file since an earlier report. */
export interface SpaceGrowth {
  /** When that report was made, ISO 8601. */
  readonly since: string;
  readonly days: number;
  readonly fileBytes: number;
  /** Of the objects of the file, free pages left out; null within the first hour. */
  readonly bytesPerDay: number | null;
  /** Objects that changed, largest change first. */
  readonly objects: readonly ObjectGrowth[];
}

/** The part of an earlier report that growth is told from. */
export interface EarlierSpace extends Sizes {
  readonly startedAt: string;
}

interface Sizes {
  readonly fileBytes: number;
  readonly objects: readonly {
    readonly name: string;
    readonly kind: string;
    readonly sizeBytes: number;
    readonly entries: number | null;
  }[];
}

/** Reads a JSON report of `analyze space` or `analyze`; throws `usage` for anything else. */
export function readEarlierSpace(text: string, path: string): EarlierSpace {
  const refuse = (why: string): TradedbError =>
    new TradedbError('usage', `${JSON.stringify(path)} is no earlier report: ${why}`, {
      hint: 'make one with: tradedb analyze space --json -o last.json',
    });
  let report: { command?: unknown; startedAt?: unknown; data?: unknown };
  try {
    report = JSON.parse(text) as typeof report;
  } catch {
    throw refuse('it is no JSON');
  }
  const data = (report?.command === 'analyze report' ? (report.data as { space?: unknown })?.space : report?.data) as
    | Partial<Sizes>
    | null
    | undefined;
  if (report?.command !== 'analyze space' && report?.command !== 'analyze report')
    throw refuse('another command made it');
  if (typeof report.startedAt !== 'string' || Number.isNaN(Date.parse(report.startedAt)))
    throw refuse('it has no time');
  if (typeof data?.fileBytes !== 'number' || !Array.isArray(data.objects)) throw refuse('it tells nothing about space');
  return { startedAt: report.startedAt, fileBytes: data.fileBytes, objects: data.objects };
}

const dayMs = 86_400_000;
const shortestDays = 1 / 24;

export function growthSince(earlier: EarlierSpace, now: Sizes, nowMs: number): SpaceGrowth {
  const before = new Map(earlier.objects.map((object) => [object.name, object]));
  const after = new Map(now.objects.map((object) => [object.name, object]));
  const objects = [...new Set([...before.keys(), ...after.keys()])].flatMap((name): ObjectGrowth[] => {
    const [then, here] = [before.get(name), after.get(name)];
    const bytes = (here?.sizeBytes ?? 0) - (then?.sizeBytes ?? 0);
    const entries =
      here?.entries === null || then?.entries === null ? null : (here?.entries ?? 0) - (then?.entries ?? 0);
    if (then !== undefined && here !== undefined && bytes === 0 && (entries ?? 0) === 0) return [];
    const change = then === undefined ? 'new' : here === undefined ? 'gone' : bytes < 0 ? 'shrunk' : 'grown';
    return [{ name, kind: (here ?? then)?.kind ?? 'table', bytes, entries, change }];
  });
  const days = Math.max(0, (nowMs - Date.parse(earlier.startedAt)) / dayMs);
  const bytes = objects.reduce((sum, object) => sum + object.bytes, 0);
  return {
    since: earlier.startedAt,
    days,
    fileBytes: now.fileBytes - earlier.fileBytes,
    bytesPerDay: days < shortestDays ? null : bytes / days,
    objects: objects.sort((a, b) => Math.abs(b.bytes) - Math.abs(a.bytes) || (a.name < b.name ? -1 : 1)),
  };
}

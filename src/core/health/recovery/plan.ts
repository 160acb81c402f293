import type { Damage, Inspection } from './inspection.ts';

export const methods = ['replay', 'page-repair', 'vacuum-into', 'reindex', 'restore', 'salvage'] as const;
export type Method = (typeof methods)[number];

export interface PlannedWay {
  readonly method: Method;
  readonly offered: boolean;
  readonly reason: string;
  /** It brings everything back that is known to have been committed. */
  readonly lossless: boolean;
  /** In words: what it cannot bring back. */
  readonly expectedLoss: string;
  /** 0 when nothing is lost; null when nobody can know. */
  readonly expectedRowsLost: number | null;
  /** Free space that it takes, besides the frozen copies. */
  readonly diskBytes: number | null;
  /** By the size of the files, on an ordinary disk. */
  readonly estimatedMs: number | null;
}

/** The ways back, best first. Pure: prints and changes nothing. */
export function planRecovery(inspection: Inspection): PlannedWay[] {
  const ways = [
    replayWay(inspection),
    pageRepairWay(inspection),
    vacuumWay(inspection),
    reindexWay(inspection),
    restoreWay(inspection),
    salvageWay(inspection),
  ];
  const rank = (way: PlannedWay): number => (!way.offered ? 2 : way.lossless ? 0 : 1);
  return ways
    .map((way, place) => ({ way, place }))
    .sort((a, b) => rank(a.way) - rank(b.way) || a.place - b.place)
    .map(({ way }) => way);
}

/** The ways that are tried one after the other when none is named. A restore that loses commits is a person's decision. */
export function triedWays(plan: readonly PlannedWay[]): PlannedWay[] {
  return plan.filter(({ offered, lossless, method }) => offered && (lossless || method !== 'restore'));
}

const bytesPerMs = { copy: 250_000, vacuum: 50_000, restore: 120_000, salvage: 15_000 } as const;

type Facts = Pick<PlannedWay, 'reason' | 'expectedLoss'> & {
  readonly offered: boolean;
  readonly copies: number;
  readonly speed: number;
};

function way(inspection: Inspection, method: Method, facts: Facts): PlannedWay {
  const { pageSize, pageCount } = inspection.source;
  const bytes = pageSize * pageCount;
  const { offered, reason, expectedLoss, copies, speed } = facts;
  const lossless = offered && expectedLoss === 'none';
  return {
    method,
    offered,
    reason,
    lossless,
    expectedLoss: offered ? expectedLoss : '-',
    expectedRowsLost: lossless ? 0 : null,
    diskBytes: offered ? copies * bytes : null,
    estimatedMs: offered ? Math.ceil((copies * bytes) / speed) : null,
  };
}

/** Classes that do not touch the pages of the database. */
const besidePages: ReadonlySet<string> = new Set(['wal-chain', 'wal-foreign', 'journal']);
/** Classes that do not touch any row. */
const bookkeeping: ReadonlySet<string> = new Set([...besidePages, 'freelist', 'unused', 'pointer-map']);

function replayWay(inspection: Inspection): PlannedWay {
  const { source, damage } = inspection;
  const has = (name: string): boolean => damage.some((one) => one.class === name);
  const blocking = damage.filter((one) => !besidePages.has(one.class));
  const offered = !source.headerLost && blocking.length === 0 && source.pageCount > 0;
  const whole = reanchorsWhole(inspection);
  const reason = !offered
    ? (blocking[0]?.message ?? 'the header is lost')
    : whole
      ? `the WAL is broken, but ${inspection.salvageSource.reanchored?.commits} commits behind the break verify, and nothing is missing between`
      : source.journal !== undefined
        ? 'SQLite rolls the interrupted transaction back on a copy'
        : has('wal-foreign')
          ? 'all pages of the database are sound; the foreign WAL is left out'
          : 'all pages are sound through the WAL';
  const expectedLoss = whole
    ? 'none'
    : has('wal-chain')
      ? 'the commits behind the broken frame'
      : has('wal-foreign')
        ? 'commits that were in a WAL of its own, if there was one'
        : has('journal')
          ? 'the state before the interrupted transaction is not complete'
          : 'none';
  return way(inspection, 'replay', { offered, reason, expectedLoss, copies: 1, speed: bytesPerMs.copy });
}

/** Commits behind a break verify, and no page of a broken frame is missing. */
export function reanchorsWhole({ salvageSource }: Pick<Inspection, 'salvageSource'>): boolean {
  const { reanchored, faults, freelist } = salvageSource;
  if (reanchored === undefined || !reanchored.certain || reanchored.stalePages.length > 0) return false;
  return faults.length === 0 && freelist.fault === undefined;
}

function pageRepairWay(inspection: Inspection): PlannedWay {
  const { found, noEvidence, source } = inspection;
  const pages = found?.differences?.pages ?? [];
  const offer = (offered: boolean, reason: string): PlannedWay =>
    way(inspection, 'page-repair', { offered, reason, expectedLoss: 'none', copies: 1, speed: bytesPerMs.copy });
  if (found === undefined) return offer(false, noEvidence ?? 'there is no backup');
  const { coverage, evidence } = found;
  if (!coverage.complete) return offer(false, coverage.reason);
  if (pages.length === 0) return offer(false, `no page differs from backup ${evidence.backupId}`);
  const unknown = pages.filter((page) => page > evidence.pageCount);
  if (unknown.length > 0) return offer(false, `page ${unknown[0]} is in no backup`);
  const most = Math.max(64, Math.floor(source.pageCount / 4));
  if (pages.length > most) return offer(false, `${pages.length} pages differ: a restore is the better way`);
  return offer(true, `${pages.length} ${pages.length === 1 ? 'page' : 'pages'} from backup ${evidence.backupId}`);
}

function vacuumWay(inspection: Inspection): PlannedWay {
  const { damage } = inspection;
  const kept = damage.filter((one) => bookkeeping.has(one.class) && !besidePages.has(one.class));
  const offered = kept.length > 0 && damage.every((one) => bookkeeping.has(one.class));
  const reason = offered
    ? 'only the bookkeeping of free pages is wrong'
    : 'more or other things than free pages are damaged';
  const expectedLoss = lossOfWal(damage);
  return way(inspection, 'vacuum-into', { offered, reason, expectedLoss, copies: 2, speed: bytesPerMs.vacuum });
}

function reindexWay(inspection: Inspection): PlannedWay {
  const { byTree, schema, source, damage } = inspection;
  const indexes = byTree.indexes.map(({ entry }) => entry.name);
  const hasIndexes = schema.entries.some(({ type, rootPage }) => type === 'index' && rootPage > 0);
  const tables = byTree.tables.map(({ entry }) => entry.name);
  const ofIndexes = new Set(byTree.indexes.flatMap(({ pages }) => pages));
  const changed = (inspection.found?.differences?.pages ?? []).find((page) => !ofIndexes.has(page));
  const readable = tables.length === 0 && !byTree.schema && !source.headerLost && !isCut(damage);
  const sound = readable && hasIndexes && changed === undefined;
  const blocked =
    tables.length > 0
      ? `table ${tables[0]} is damaged too`
      : changed !== undefined
        ? `page ${changed} is not as it was backed up`
        : hasIndexes
          ? 'the schema or the length of the file is damaged'
          : 'there is no index';
  const which =
    indexes.length > 0
      ? `${indexes.length} damaged ${indexes.length === 1 ? 'index' : 'indexes'}, all tables are sound`
      : 'no index page is damaged, but entries may disagree with the rows';
  const reason = sound ? `${which}; table and indexes vote first` : blocked;
  const expectedLoss = lossOfWal(damage);
  return way(inspection, 'reindex', { offered: sound, reason, expectedLoss, copies: 2, speed: bytesPerMs.vacuum });
}

function isCut(damage: readonly Damage[]): boolean {
  return damage.some((one) => one.class === 'truncated');
}

function lossOfWal(damage: readonly Damage[]): string {
  if (damage.some((one) => one.class === 'wal-chain')) return 'the commits behind the broken frame';
  return damage.some((one) => one.class === 'wal-foreign')
    ? 'commits that were in a WAL of its own, if there was one'
    : 'none';
}

function restoreWay(inspection: Inspection): PlannedWay {
  const { found, noEvidence } = inspection;
  const facts = { copies: 1, speed: bytesPerMs.restore };
  if (found === undefined) {
    const reason = noEvidence ?? 'there is no backup';
    return way(inspection, 'restore', { ...facts, offered: false, reason, expectedLoss: '-' });
  }
  const { evidence, coverage } = found;
  const segments = evidence.segments === 0 ? '' : ` and ${evidence.segments} segments of archived WAL`;
  const at = new Date(evidence.stateAt).toISOString();
  const tail = coverage.complete && coverage.tail.size > 0 ? ', then the commits of the WAL that is here' : '';
  return way(inspection, 'restore', {
    ...facts,
    offered: true,
    reason: `backup ${evidence.backupId}${segments}${tail}`,
    expectedLoss: coverage.complete ? 'none' : `everything after ${at}`,
  });
}

function salvageWay(inspection: Inspection): PlannedWay {
  const { schema, byTree, salvageSource, damage } = inspection;
  const rows = byTree.readable.reduce((sum, table) => sum + table.rows, 0);
  const broken = byTree.readable.filter(({ brokenPages }) => brokenPages > 0);
  const pages = broken.reduce((sum, { brokenPages }) => sum + brokenPages, 0);
  const names = broken.slice(0, 3).map(({ name }) => name);
  const reason =
    schema.origin === 'none'
      ? 'no schema is left: rows go to quarantine; give one with --schema'
      : `about ${rows} rows of ${byTree.readable.length} ${byTree.readable.length === 1 ? 'table' : 'tables'} can be read from the pages that are left`;
  const { reanchored } = salvageSource;
  const ofPages =
    pages === 0
      ? undefined
      : `rows on ${pages} damaged or missing ${pages === 1 ? 'page' : 'pages'} of ${names.join(', ')}${broken.length > 3 ? ' and others' : ''}`;
  const ofWal =
    reanchored === undefined
      ? lossOfWal(damage)
      : `commits in the broken frames, ${reanchored.commits} behind them come back`;
  const changed = inspection.found?.differences?.pages.length ?? 0;
  const ofValues = changed === 0 ? undefined : `true values on ${changed} pages that differ from the backup`;
  const losses = [
    ofPages,
    ofValues,
    ofWal === 'none' ? undefined : ofWal,
    byTree.schema ? 'what the schema said' : undefined,
  ];
  const expectedLoss = losses.filter((one) => one !== undefined).join('; ') || 'none';
  return way(inspection, 'salvage', { offered: true, reason, expectedLoss, copies: 1, speed: bytesPerMs.salvage });
}

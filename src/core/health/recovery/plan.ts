import { isBtreeType, isTableType } from '../../file-format/btree-page.ts';
import type { BackupFacts } from '../check.ts';
import type { SalvageSource } from './salvage-source.ts';
import type { SalvageSchema } from './schema-source.ts';
import { walkTree } from './tree-walk.ts';

export interface Damage {
  /** `header`, `truncated`, `wal-chain`, `wal-foreign`, `freelist`, or the kind of a page fault. */
  readonly class: string;
  readonly count: number;
  /** The first pages, where pages are concerned. */
  readonly pages: readonly number[];
  readonly message: string;
}

export interface PlannedWay {
  readonly method: 'replay' | 'restore' | 'salvage';
  readonly offered: boolean;
  readonly reason: string;
  /** In words: what it cannot bring back. */
  readonly expectedLoss: string;
  /** Free space that it takes; null where another command does the work. */
  readonly diskBytes: number | null;
}

/** What is damaged, by class. */
export function inspectDamage(source: SalvageSource): Damage[] {
  const { target } = source;
  const damage: Damage[] = [];
  const note = (name: string, message: string, pages: readonly number[] = [], count = 1): void => {
    damage.push({ class: name, count, pages: pages.slice(0, 50), message });
  };
  if (target.headerProblem !== undefined) note('header', 'the header of the database is destroyed', [1]);
  const expected = target.pageCount * target.pageSize;
  if (!source.headerLost && target.sizeBytes < expected && target.wal.frameOf.size === 0) {
    const missing = target.pageCount - Math.floor(target.sizeBytes / target.pageSize);
    note('truncated', `the file is cut: ${missing} pages are missing`, [], missing);
  }
  if (source.walIgnored !== undefined)
    note('wal-foreign', `the -wal file is not of this database: ${source.walIgnored}`);
  else if (target.wal.fault !== undefined) note('wal-chain', target.wal.fault.message);
  if (source.freelist.fault !== undefined) note('freelist', source.freelist.fault.message);
  for (const [kind, faults] of Map.groupBy(source.faults, (fault) => fault.kind)) {
    const pages = [...new Set(faults.map(({ page }) => page))];
    note(kind, faults[0]?.message ?? kind, pages, faults.length);
  }
  return damage;
}

/** The ways back, best first. Pure: prints and changes nothing. */
export function planRecovery(
  source: SalvageSource,
  schema: SalvageSchema,
  damage: readonly Damage[],
  backup: BackupFacts | undefined,
): PlannedWay[] {
  const size = source.target.sizeBytes + source.target.wal.fileBytes;
  return [replayWay(source, damage, size), restoreWay(backup), salvageWay(source, schema, size)];
}

function replayWay(source: SalvageSource, damage: readonly Damage[], size: number): PlannedWay {
  const { target } = source;
  const hasJournal = target.journal?.header !== undefined;
  const harmless = new Set(['wal-chain', 'wal-foreign']);
  const blocking = damage.filter((one) => !harmless.has(one.class));
  // Pages are whole only after the journal is rolled back: with one, SQLite judges the copy.
  const offered = !source.headerLost && (blocking.length === 0 || hasJournal);
  const chain = damage.some((one) => one.class === 'wal-chain');
  const foreign = damage.some((one) => one.class === 'wal-foreign');
  const reason = !offered
    ? `${blocking[0]?.message ?? 'the header is lost'}`
    : hasJournal
      ? 'SQLite rolls the interrupted transaction back on a copy'
      : foreign
        ? 'all pages of the database are sound; the foreign WAL is left out'
        : 'all pages are sound through the WAL';
  const expectedLoss = chain
    ? 'the commits behind the broken frame'
    : foreign
      ? 'commits that were in a WAL of its own, if there was one'
      : 'none';
  return {
    method: 'replay',
    offered,
    reason,
    expectedLoss: offered ? expectedLoss : '-',
    diskBytes: offered ? 3 * size : null,
  };
}

function restoreWay(backup: BackupFacts | undefined): PlannedWay {
  if (backup?.newestAt === undefined) {
    return { method: 'restore', offered: false, reason: 'there is no backup', expectedLoss: '-', diskBytes: null };
  }
  const at = new Date(backup.newestAt).toISOString();
  return {
    method: 'restore',
    offered: true,
    reason: `backup ${backup.id} in ${backup.place}; run: tradedb restore`,
    expectedLoss: `everything since ${at}`,
    diskBytes: null,
  };
}

function salvageWay(source: SalvageSource, schema: SalvageSchema, size: number): PlannedWay {
  const tables = schema.entries.filter(({ type }) => type === 'table').length;
  const reason =
    schema.origin === 'none'
      ? 'no schema is left: rows go to quarantine; give one with --schema'
      : `rows of ${tables} ${tables === 1 ? 'table' : 'tables'} are read from the pages that are left`;
  const broken = brokenTables(source, schema);
  const pages = broken.reduce((sum, table) => sum + table.pages, 0);
  const names = broken.slice(0, 3).map(({ name }) => name);
  const expectedLoss =
    pages === 0
      ? 'none: every page of every table is sound'
      : `rows on ${pages} damaged or missing ${pages === 1 ? 'page' : 'pages'} of ${names.join(', ')}${broken.length > 3 ? ' and others' : ''}`;
  return { method: 'salvage', offered: true, reason, expectedLoss, diskBytes: 3 * size };
}

/** Tables whose trees point at pages that are damaged or gone. */
function brokenTables(source: SalvageSource, schema: SalvageSchema): { name: string; pages: number }[] {
  const taken = new Set<number>();
  return schema.entries
    .filter(({ type, rootPage }) => type === 'table' && rootPage > 0)
    .map(({ name, rootPage, sql }) => {
      // Where the words stand in a comment alone, the root page tells.
      const type = source.pages.read(rootPage)?.[0] ?? 0;
      const isIndexTree = /without[\s\S]*rowid/i.test(sql) && isBtreeType(type) && !isTableType(type);
      return { name, pages: walkTree(source, rootPage, !isIndexTree, taken).broken.length };
    })
    .filter(({ pages }) => pages > 0);
}

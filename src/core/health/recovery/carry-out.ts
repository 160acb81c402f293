import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { openReadWrite } from '../../sqlite/connection.ts';
import { fullProfile } from '../../sqlite/pragma-profile.ts';
import type { Inspection } from './inspection.ts';
import { materialize } from './materialize.ts';
import { repairPages } from './page-repair.ts';
import { type Method, reanchorsWhole } from './plan.ts';
import { Quarantine } from './quarantine.ts';
import type { Outcome } from './recover-data.ts';
import { reindexInto } from './reindex.ts';
import { replay } from './replay.ts';
import { restoreInto } from './restore-way.ts';
import { salvage } from './salvage.ts';
import { keepUnprovenRows } from './unproven-rows.ts';
import { vacuumInto } from './vacuum-into.ts';

export interface Places {
  /** The result while it is made. */
  readonly resultPath: string;
  readonly quarantinePath: string;
  readonly workFolder: string;
}

type Made = Omit<Outcome, 'verification'>;

const nothing: Made = { tables: [], failedObjects: [], quarantine: null, replacedPages: [], reindexed: [] };

/** Makes the result in one way. */
export async function carryOut(
  method: Method,
  inspection: Inspection,
  places: Places,
  options: { readonly includeFreed: boolean },
  context: OperationContext,
): Promise<Made> {
  const { source, salvageSource, schema, found } = inspection;
  const { resultPath } = places;
  switch (method) {
    case 'replay':
      if (reanchorsWhole(inspection)) materialize(salvageSource, resultPath, context);
      else replay(source.target.path, resultPath, { withWal: source.walIgnored === undefined }, context);
      return nothing;
    case 'page-repair': {
      if (found === undefined) throw noBackup();
      mkdirSync(places.workFolder, { recursive: true });
      const { replaced } = await repairPages(source, found, places, context);
      return { ...nothing, replacedPages: replaced };
    }
    case 'restore':
      if (found === undefined) throw noBackup();
      await restoreInto(source, found, resultPath);
      return nothing;
    case 'vacuum-into':
      vacuumInto(source, resultPath, context);
      keepJournalMode(inspection, resultPath, context);
      return nothing;
    case 'reindex': {
      const { votes } = reindexInto(inspection, resultPath, context);
      keepJournalMode(inspection, resultPath, context);
      const damaged = inspection.byTree.indexes.map(({ entry }) => entry.name);
      const names = new Set([...damaged, ...votes.map(({ index }) => index)]);
      const rowsOf = (name: string): number => votes.find(({ index }) => index === name)?.rows ?? 0;
      return { ...nothing, reindexed: [...names].map((name) => ({ name, rows: rowsOf(name) })) };
    }
    case 'salvage': {
      const done = salvage(salvageSource, schema, { ...places, includeFreed: options.includeFreed }, context);
      const { tables, failedObjects, quarantined, deletedRows } = done;
      const empty = quarantined === 0 && deletedRows === 0;
      const aside = { rows: quarantined, deletedRows, unprovenRows: 0, path: places.quarantinePath };
      const quarantine = empty ? null : aside;
      return { ...nothing, tables, failedObjects, quarantine };
    }
  }
}

/** Rows that only a WAL has which the result was made without are kept apart, so that a person can judge them. */
export function keepApart(
  made: Made,
  method: Method,
  { inspection, places }: { readonly inspection: Inspection; readonly places: Places },
  context: OperationContext,
): Made {
  const { source, salvageSource, olderWal } = inspection;
  const behindBreak = method === 'salvage' || salvageSource === source || reanchorsWhole(inspection);
  const left = olderWal ?? (behindBreak ? undefined : salvageSource);
  if (left === undefined) return made;
  const quarantine = new Quarantine(places.quarantinePath, context);
  try {
    keepUnprovenRows(left, places.resultPath, quarantine, context);
  } finally {
    quarantine.close();
  }
  const { unproven } = quarantine;
  if (unproven === 0) return made;
  const before = made.quarantine ?? { rows: 0, deletedRows: 0, path: places.quarantinePath };
  return { ...made, quarantine: { ...before, unprovenRows: unproven } };
}

function noBackup(): TradedbError {
  return new TradedbError('backup_not_found', 'there is no backup to take pages from');
}

/** VACUUM INTO writes a rollback-journal database whatever it reads. */
function keepJournalMode({ source }: Inspection, path: string, context: OperationContext): void {
  if (source.target.header?.readVersion !== 2) return;
  const connection = openReadWrite(path, { ...fullProfile, foreignKeys: false }, context);
  try {
    connection.pragma('journal_mode = WAL');
  } finally {
    connection.close();
  }
}

/** Everything that an unfinished way left. */
export function removeUnfinished({ resultPath, quarantinePath, workFolder }: Places): void {
  for (const path of [resultPath, `${resultPath}-source`, `${resultPath}-reindex`, quarantinePath]) {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${path}${suffix}`, { force: true });
  }
  rmSync(join(workFolder, 'backup-pages.db'), { force: true });
  rmSync(join(workFolder, 'replaced-pages'), { recursive: true, force: true });
}

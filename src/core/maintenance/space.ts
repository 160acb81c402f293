import { statSync } from 'node:fs';
import type { Connection } from '../sqlite/connection.ts';

export type AutoVacuum = 'none' | 'full' | 'incremental';

/** What a file holds and how much of it is empty. */
export interface DatabaseSpace {
  readonly sizeBytes: number;
  readonly pageSizeBytes: number;
  readonly pageCount: number;
  /** Pages of the freelist: in the file, without content. */
  readonly freePages: number;
  readonly autoVacuum: AutoVacuum;
  readonly journalMode: string;
}

const autoVacuumNames: readonly AutoVacuum[] = ['none', 'full', 'incremental'];

/** The space of an open database; in WAL mode it includes what is committed but not checkpointed. */
export function readSpace(connection: Connection): DatabaseSpace {
  const number = (name: string): number => Number(connection.pragmaValue(name) ?? 0);
  return {
    sizeBytes: statSync(connection.path).size,
    pageSizeBytes: number('page_size'),
    pageCount: number('page_count'),
    freePages: number('freelist_count'),
    autoVacuum: autoVacuumName(number('auto_vacuum')),
    journalMode: String(connection.pragmaValue('journal_mode')),
  };
}

/** The name of the value that SQLite gives for `PRAGMA auto_vacuum`. */
export function autoVacuumName(value: number): AutoVacuum {
  return autoVacuumNames[value] ?? 'none';
}

/** Empty pages as a share of the file. */
export function freeShare(space: Pick<DatabaseSpace, 'pageCount' | 'freePages'>): number {
  return space.pageCount === 0 ? 0 : space.freePages / space.pageCount;
}

/**
 * How many free pages have to leave so that at most the share `until` of the remaining file is empty. The file shrinks
 * while pages are freed: (free - x) / (pages - x) = until.
 */
export function pagesToFree(space: Pick<DatabaseSpace, 'pageCount' | 'freePages'>, until: number): number {
  if (until >= 1) return 0;
  const exact = (space.freePages - until * space.pageCount) / (1 - until);
  return Math.min(space.freePages, Math.max(0, Math.ceil(exact - 1e-9)));
}

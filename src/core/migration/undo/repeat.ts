import { TradedbError } from '../../error.ts';
import { parseStored } from '../format/native.ts';
import type { HistoryEvent, HistoryRow } from '../history.ts';
import type { MigrationFile, Section } from '../migration.ts';
import type { Step } from '../run.ts';

/** Events that changed more than the history. */
export const changingEvents: ReadonlySet<HistoryEvent> = new Set(['applied', 'rolled_back', 'seeded']);

interface StoredSql {
  readonly up: string | null;
  readonly down: string | null;
}

/** What a row of the history did, as a step that can run again on a copy. */
export function stepAgain(row: HistoryRow, stored: StoredSql, files: ReadonlyMap<string, MigrationFile>): Step {
  const { version, name, kind, sha256 } = row;
  const back = row.event === 'rolled_back';
  const label = name === '' ? version : `${version}_${name}`;
  const sql = back ? stored.down : stored.up;
  const section =
    sql === null ? sectionOfFile(label, { sha256, back }, files) : parseStored(sql, back ? 'down' : 'up', label);
  return {
    place: { version, name, kind, file: label },
    section,
    row: { event: row.event, sha256, sqlUp: stored.up, sqlDown: stored.down },
    isDone: () => false,
  };
}

/** Programs are not kept in the history. */
function sectionOfFile(
  label: string,
  wanted: { readonly sha256: string | null; readonly back: boolean },
  files: ReadonlyMap<string, MigrationFile>,
): Section {
  const migration = wanted.sha256 === null ? undefined : files.get(wanted.sha256)?.load();
  const section = wanted.back ? migration?.down : migration?.up;
  if (section !== undefined) return section;
  throw new TradedbError('migration_missing', `the program ${label} is gone, or was edited since it ran`, {
    hint: 'bring the file back as it was',
  });
}

import { hash } from 'node:crypto';
import type { OperationContext } from '../../context.ts';
import { TradedbError } from '../../error.ts';
import { diffObjects, type ObjectDifference } from '../../schema/diff.ts';
import type { Connection } from '../../sqlite/connection.ts';
import type { MigrationFile, MigrationSource } from '../migration.ts';
import { replayFiles } from '../replay.ts';
import { userObjects } from '../snapshot.ts';
import { migrationsFrom } from '../source-folder.ts';
import { defaultHistoryTable } from '../state.ts';
import { type ContentComparison, compareContents, readContents } from '../undo/table-content.ts';
import { compareVersions, isRepeatable, type Version } from '../version.ts';
import { writeSquashed } from './squashed-text.ts';

export interface SquashSettings {
  readonly source: MigrationSource;
  /** Newest version that is squashed; the newest file otherwise. */
  readonly to?: Version;
}

export interface SquashPlan {
  /** Name of the new file. */
  readonly file: string;
  readonly text: string;
  readonly sha256: string;
  /** Files that it stands for, in order of version. */
  readonly replaces: readonly { readonly version: Version; readonly file: string }[];
  /** Both ways lead to the same schema and the same rows. */
  readonly equal: boolean;
  readonly objects: readonly ObjectDifference[];
  readonly tables: readonly ContentComparison[];
}

/**
 * One file for many: what they leave in an empty database, as statements, and the proof that it is the same. Writes
 * nothing. Throws where one of the files cannot be replayed.
 */
export async function planSquash(settings: SquashSettings, context: OperationContext): Promise<SquashPlan> {
  const files = chooseFiles(settings);
  const originals = await replayFiles(files, context);
  try {
    const last = files.at(-1) as MigrationFile;
    const file = `${last.version}_squashed.sql`;
    const text = writeSquashed(originals, files);
    const [squashed] = migrationsFrom([{ file, bytes: Buffer.from(text) }]);
    if (squashed === undefined) throw new TradedbError('internal', `${file} is no name of a migration`);
    const replay = await replayFiles([squashed], context);
    try {
      return {
        file,
        text,
        sha256: hash('sha256', text, 'hex'),
        replaces: files.map((one) => ({ version: one.version, file: one.file })),
        ...compare(originals, replay, context),
      };
    } finally {
      replay.close();
    }
  } finally {
    originals.close();
  }
}

function compare(
  originals: Connection,
  replay: Connection,
  { signal }: OperationContext,
): Pick<SquashPlan, 'equal' | 'objects' | 'tables'> {
  const table = defaultHistoryTable;
  const objects = diffObjects(userObjects(originals, table), userObjects(replay, table));
  const tables = compareContents(readContents(originals, table, signal), readContents(replay, table, signal));
  return { equal: objects.length === 0 && tables.every((one) => one.equal), objects, tables };
}

function chooseFiles({ source, to }: SquashSettings): MigrationFile[] {
  const files = source.list().filter((file) => !isRepeatable(file.version));
  if (to !== undefined && !files.some((file) => compareVersions(file.version, to) === 0)) {
    throw new TradedbError('usage', `there is no migration with version ${JSON.stringify(to)}`, {
      hint: 'the versions are listed by: tradedb migrate status',
    });
  }
  const chosen = files.filter((file) => to === undefined || compareVersions(file.version, to) <= 0);
  if (chosen.length < 2) {
    throw new TradedbError('usage', 'there are no two files to put together', { hint: 'check --dir and --to' });
  }
  return chosen;
}

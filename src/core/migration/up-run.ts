import type { OperationContext } from '../context.ts';
import type { Place } from './failure.ts';
import { readHooks } from './hooks.ts';
import type { LongSettings } from './long/settings.ts';
import { openForMigration } from './open.ts';
import type { FileResult } from './run.ts';
import { readSeeds, runSeeds } from './seeds.ts';
import { folderSource } from './source-folder.ts';
import { applyMigrations, type UpResult } from './up.ts';

/** Everything that a run of `up` needs, as plain data: it may be carried out by another process. */
export interface UpRequest {
  readonly database: string;
  /** Make the database when it does not exist. */
  readonly create: boolean;
  readonly directory: string;
  readonly table: string;
  readonly hooksDirectory: string;
  /** Seeds run behind the files; null without. */
  readonly seedsDirectory: string | null;
  readonly run: string;
  readonly tool: string;
  readonly lockTimeoutMs: number;
  readonly atomic: boolean;
  readonly allowOutOfOrder: boolean;
  readonly to?: string;
  readonly steps?: number;
  readonly mirror?: 'knex';
  /** For files that take many transactions. The owner is the command, whichever process does the work. */
  readonly long?: LongSettings;
}

export interface UpEvents {
  /** A statement is about to run. */
  readonly onStart?: (place: Place) => void;
  /** It has ended. */
  readonly onStatement?: () => void;
  /** Told after the COMMIT. */
  readonly onFile?: (file: FileResult) => void;
  readonly onSeed?: (file: FileResult) => void;
}

export interface UpRunResult extends UpResult {
  readonly seeded: readonly FileResult[];
}

/** `source` spares reading the folder again. Opens the database, applies what is pending, then the seeds, and closes it. */
export async function runUp(
  request: UpRequest,
  events: UpEvents,
  context: OperationContext,
  source = folderSource(request.directory),
): Promise<UpRunResult> {
  const { database, create, directory, hooksDirectory, seedsDirectory, ...settings } = request;
  // The files are read first: a typing error in a path must not leave a new, empty database behind.
  const files = source.list();
  const hooks = await readHooks(hooksDirectory);
  const seeds = seedsDirectory === null ? [] : await readSeeds(seedsDirectory);
  const connection = await openForMigration(database, { create, lockTimeoutMs: request.lockTimeoutMs }, context);
  try {
    const { onSeed, ...told } = events;
    const shared = { ...settings, ...told, connection };
    const result = await applyMigrations({ ...shared, hooks, source: { directory, list: () => files } }, context);
    if (seeds.length === 0 || result.failed !== null || result.conflicts.length > 0) return { ...result, seeded: [] };
    const seeding = { ...shared, ...(onSeed === undefined ? {} : { onFile: onSeed }) };
    const { done, failed, run } = await runSeeds(seeds, seeding, context);
    return { ...result, run: result.run === '' ? run : result.run, failed, seeded: done };
  } finally {
    connection.close();
  }
}

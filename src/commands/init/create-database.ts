import {
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fromFileSystem, TradedbError } from '../../core/error.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import type { SampleOptions, SampleResult } from '../../core/trading/market/generator.ts';
import type { ReferenceMigration } from '../../core/trading/reference-schema.ts';
import type { CommandContext } from '../definition.ts';
import { configText, type InitLayout } from './layout.ts';

export interface Created {
  readonly applied: number;
  readonly sample: SampleResult | null;
  readonly sizeBytes: number;
}

/**
 * Makes migration files, database and configuration. The database is built under another name and appears whole; when
 * anything fails or is cancelled, what this run has made is taken away again.
 */
export async function createAll(
  layout: InitLayout,
  migrations: readonly ReferenceMigration[],
  sample: SampleOptions | undefined,
  context: CommandContext,
): Promise<Created> {
  const undo: (() => void)[] = [];
  try {
    makeFolder(dirname(layout.database), undo);
    await copyMigrations(layout, migrations, undo);
    const created = await buildDatabase(layout, sample, context, undo);
    if (!layout.keepsConfig) writeNew(layout.configPath, configText(layout));
    return created;
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

/** Makes a folder with those above it that are missing; undoing takes exactly these away. */
function makeFolder(path: string, undo: (() => void)[]): void {
  if (existsSync(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path), undo);
  try {
    mkdirSync(path);
  } catch (error) {
    const translated = fromFileSystem(error, path);
    if (!(translated instanceof TradedbError)) throw translated;
    throw new TradedbError(
      translated.code,
      `the folder ${JSON.stringify(path)} cannot be made: ${translated.message}`,
      {
        hint: 'choose another place with --database',
        cause: error,
      },
    );
  }
  undo.push(() => rmdirSync(path));
}

async function copyMigrations(
  layout: InitLayout,
  migrations: readonly ReferenceMigration[],
  undo: (() => void)[],
): Promise<void> {
  const { referenceMigrationsFolder } = await import('../../core/trading/migrations-folder.ts');
  makeFolder(layout.migrationsDirectory, undo);
  for (const { file } of migrations) {
    const target = join(layout.migrationsDirectory, file);
    try {
      copyFileSync(join(referenceMigrationsFolder, file), target, constants.COPYFILE_EXCL);
    } catch (error) {
      throw fromFileSystem(error, target);
    }
    undo.push(() => rmSync(target, { force: true }));
  }
}

async function buildDatabase(
  layout: InitLayout,
  sample: SampleOptions | undefined,
  context: CommandContext,
  undo: (() => void)[],
): Promise<Created> {
  const { createDatabase } = await import('../../core/sqlite/connection.ts');
  const { normalProfile } = await import('../../core/sqlite/pragma-profile.ts');
  const building = `${layout.database}.init-partial`;
  const removeBuilding = (): void => {
    for (const end of ['', '-wal', '-shm', '-journal']) rmSync(building + end, { force: true });
  };
  // What a killed run has left under this name is of no use to anybody.
  removeBuilding();
  undo.push(removeBuilding);
  // A configuration further up belongs to another database; the new one starts with the defaults.
  const pageSizeBytes = governs(layout, context) ? context.config.database.pageSize : normalProfile.pageSizeBytes;
  const profile = { ...normalProfile, foreignKeys: false, pageSizeBytes };
  const connection = createDatabase(building, profile, { clock: context.clock, random: context.random });
  let built: Omit<Created, 'sizeBytes'>;
  try {
    built = await fill(connection, layout, sample, context);
    connection.pragma('wal_checkpoint(TRUNCATE)');
  } finally {
    connection.close();
  }
  if (existsSync(layout.database)) {
    throw new TradedbError(
      'database_exists',
      `${JSON.stringify(layout.database)} was made by another process meanwhile`,
      {
        hint: 'choose another path with --database',
      },
    );
  }
  renameSync(building, layout.database);
  undo.push(() => rmSync(layout.database, { force: true }));
  return { ...built, sizeBytes: statSync(layout.database).size };
}

async function fill(
  connection: Connection,
  layout: InitLayout,
  sample: SampleOptions | undefined,
  context: CommandContext,
): Promise<Omit<Created, 'sizeBytes'>> {
  const { applyMigrations, requireApplied } = await import('../../core/migration/up.ts');
  const { folderSource } = await import('../../core/migration/source-folder.ts');
  const result = await applyMigrations(
    {
      connection,
      source: folderSource(layout.migrationsDirectory),
      ...(governs(layout, context) ? { table: context.config.migrations.table } : {}),
      tool: `tradedb ${context.host.version}`,
      lockTimeoutMs: context.config.migrations.lockTimeout,
    },
    context,
  );
  requireApplied(result);
  if (sample === undefined) return { applied: result.applied.length, sample: null };
  const { generateSample } = await import('../../core/trading/market/generator.ts');
  const made = await generateSample(connection, sample, context);
  // Without statistics the planner guesses; every later command and the operator's own queries profit.
  connection.exec('ANALYZE');
  return { applied: result.applied.length, sample: made };
}

/** True when the configuration that was read will be that of the new database. */
function governs(layout: InitLayout, context: CommandContext): boolean {
  return layout.keepsConfig || context.configPath === undefined;
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    throw fromFileSystem(error, path);
  }
}

import { TradedbError } from '../core/error.ts';
import type { MigrationFile, Section } from '../core/migration/migration.ts';

/** The part of knex that the files need. */
interface KnexLike {
  raw(sql: string): PromiseLike<unknown>;
}

/** What `knex.migrate.latest({ migrationSource })` takes. */
export interface KnexMigrationSource {
  getMigrations(): Promise<readonly string[]>;
  getMigrationName(name: string): string;
  getMigration(name: string): Promise<{
    up(knex: KnexLike): Promise<void>;
    down(knex: KnexLike): Promise<void>;
  }>;
}

/**
 * The migration files of a folder for programs that call `knex.migrate` themselves. knex then runs them its own way:
 * with foreign keys on, without checksums, without the checks before COMMIT, with its own table rebuild and its own
 * lock. `tradedb migrate up` gives all of these; with `migrations.mirror` set to `knex`, knex still sees what is applied.
 * Table changes (`migrate:table`) and files of several transactions are refused here.
 *
 * Throws TradedbError `file_not_found` for a missing folder, `migration_invalid` with file and line.
 */
export function knexMigrationSource(directory: string): KnexMigrationSource {
  // The parsers are loaded by whoever asks, not by everybody who imports the library.
  const list = async (): Promise<readonly MigrationFile[]> => {
    const { folderSource } = await import('../core/migration/source-folder.ts');
    return folderSource(directory).list();
  };
  return {
    getMigrations: async () => (await list()).filter((file) => file.kind !== 'repeatable').map((file) => file.file),
    getMigrationName: (name) => name,
    getMigration: async (name) => {
      const file = (await list()).find((one) => one.file === name);
      if (file === undefined) {
        throw new TradedbError('migration_missing', `${JSON.stringify(name)} is not in ${JSON.stringify(directory)}`);
      }
      const { up, down } = file.load();
      return { up: work(up, file), down: work(down, file) };
    },
  };
}

function work(section: Section | undefined, file: MigrationFile): (knex: KnexLike) => Promise<void> {
  return async (knex) => {
    if (section === undefined) {
      throw new TradedbError('migration_irreversible', `${file.file} has no way down`);
    }
    if (section.program !== undefined) {
      const { path, direction } = section.program;
      const { loadProgram } = await import('../core/migration/program.ts');
      await (await loadProgram(path))[direction]?.(knex, undefined);
      return;
    }
    for (const statement of section.statements) {
      refuse(file, statement, section);
      await knex.raw(statement.text);
    }
  };
}

/** What only our own run can do. */
function refuse(file: MigrationFile, statement: Section['statements'][number], section: Section): void {
  const own = ['insert', 'update', 'delete'].includes(statement.kind) && /@after\b/.test(statement.text);
  if (statement.kind !== 'change_table' && section.options.transaction && !own) return;
  throw new TradedbError('unsupported', `${file.file}:${statement.line}: knex cannot run this`, {
    hint: 'use: tradedb migrate up',
  });
}

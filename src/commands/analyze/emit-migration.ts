import { dirname } from 'node:path';
import type { MigrationDraft } from '../../core/analysis/index-advice/recommendation.ts';
import type { CommandContext } from '../definition.ts';

export interface MigrationTarget {
  readonly path: string;
  readonly directory: string;
}

/** The file that the advice would be written to; undefined when it was not asked for. Nothing is written yet. */
export async function resolveMigrationFile(
  options: { readonly emitMigration: boolean; readonly apply: boolean; readonly migrationFile: string | undefined },
  context: CommandContext,
): Promise<MigrationTarget | undefined> {
  if (options.migrationFile !== undefined) {
    const path = context.resolve(options.migrationFile);
    return { path, directory: dirname(path) };
  }
  if (!options.emitMigration && !options.apply) return undefined;
  const { planNewFile } = await import('../../core/migration/template.ts');
  const directory = context.resolveConfigured(context.config.migrations.directory);
  return { path: planNewFile(directory, { kind: 'sql', name: 'indexes' }, context).path, directory };
}

/** Writes the draft as a native migration; never over another file. */
export async function emitMigration(draft: MigrationDraft, target: MigrationTarget): Promise<string> {
  const { writeNewFile } = await import('../../core/migration/template.ts');
  const block = (statements: readonly string[]): string => statements.map((sql) => `${sql};\n`).join('');
  const text = `-- Indexes as advised by tradedb analyze indexes.\n\n-- migrate:up\n${block(draft.up)}\n-- migrate:down\n${block(draft.down)}`;
  const file = target.path.slice(target.directory.length + 1);
  writeNewFile({ version: '', file, path: target.path, text }, target.directory);
  return target.path;
}

import type { OperationContext } from '../context.ts';
import { TradedbError } from '../error.ts';
import type { Connection } from '../sqlite/connection.ts';
import { type LintHit, type LintLevel, type LintRule, type LintTarget, lintLevels } from './lint-rule.ts';
import { changeRules } from './lint-rules/change.ts';
import { historyRules } from './lint-rules/history.ts';
import { shadowRules } from './lint-rules/shadow.ts';
import { statementRules } from './lint-rules/statement.ts';
import { walkOnShadow } from './lint-walk.ts';
import type { MigrationFile } from './migration.ts';

/** Every rule, by code. */
export const lintRules: readonly LintRule[] = [...changeRules, ...statementRules, ...shadowRules, ...historyRules].sort(
  (left, right) => (left.code < right.code ? -1 : 1),
);

export interface LintSettings {
  /** Files that lead from the database to where the last of them stands, in order of version. */
  readonly files: readonly MigrationFile[];
  /** Names of those that are judged; all otherwise. */
  readonly judged?: ReadonlySet<string>;
  /** Every file of the folder. */
  readonly folder: readonly MigrationFile[];
  /** The database before the files; undefined to start from an empty one. */
  readonly connection: Connection | undefined;
  readonly table: string;
  /** Levels that differ from those of the rules. */
  readonly levels?: Readonly<Record<string, LintLevel>>;
  /** A table with at least so many rows is large. */
  readonly largeTableRows: number;
}

export interface LintFinding extends LintHit {
  readonly code: string;
  readonly level: Exclude<LintLevel, 'off'>;
  readonly file: string;
}

export interface LintResult {
  readonly findings: readonly LintFinding[];
  readonly filesChecked: number;
  readonly rulesRun: number;
  /** Findings that a file silences, with its reason. */
  readonly ignored: readonly { readonly code: string; readonly file: string; readonly reason: string }[];
  /** The file at which the shadow could not go on; nothing behind it was judged by what it does. */
  readonly stoppedAt: {
    readonly file: string;
    readonly reason: string;
    readonly line: number;
    readonly column: number;
  } | null;
}

/** Judges files by their text, by what they do to a shadow of the schema, and by the sizes of the tables. Only reads. */
export async function lintMigrations(settings: LintSettings, context: OperationContext): Promise<LintResult> {
  requireKnownCodes(Object.keys(settings.levels ?? {}));
  const active = lintRules
    .map((rule) => ({ rule, level: settings.levels?.[rule.code] ?? rule.level }))
    .filter(({ level }) => level !== 'off');
  const findings: LintFinding[] = [];
  const ignored: LintResult['ignored'][number][] = [];
  const migrations = settings.files.map((file) => file.load());
  const walk = await walkOnShadow(migrations, settings, context);
  for (const [index, migration] of migrations.entries()) {
    if (settings.judged?.has(migration.file) === false) continue;
    const target: LintTarget = {
      migration,
      statements: migration.up.statements,
      folder: settings.folder,
      step: walk.steps[index],
      failure: walk.failure?.file === migration.file ? walk.failure : undefined,
      largeTableRows: settings.largeTableRows,
      rowsOf: walk.rowsOf,
      now: context.clock.wallTime(),
    };
    for (const { rule, level } of active) {
      for (const hit of rule.check(target)) {
        const reason = migration.up.options.lintIgnore.find((one) => one.code === rule.code)?.reason;
        if (reason !== undefined) ignored.push({ code: rule.code, file: migration.file, reason });
        else
          findings.push({
            ...hit,
            code: rule.code,
            level: (hit.level ?? level) as LintFinding['level'],
            file: migration.file,
          });
      }
    }
  }
  const order = new Map(migrations.map((migration, index) => [migration.file, index]));
  findings.sort((left, right) => (order.get(left.file) ?? 0) - (order.get(right.file) ?? 0) || left.line - right.line);
  return {
    findings,
    filesChecked: settings.judged?.size ?? migrations.length,
    rulesRun: active.length,
    ignored,
    stoppedAt: walk.failure ?? null,
  };
}

function requireKnownCodes(codes: readonly string[]): void {
  const unknown = codes.find((code) => !lintRules.some((rule) => rule.code === code));
  if (unknown === undefined) return;
  throw new TradedbError('usage', `there is no lint rule ${JSON.stringify(unknown)}`, {
    hint: `rules are ${lintRules[0]?.code} to ${lintRules.at(-1)?.code}; levels are ${lintLevels.join(', ')}`,
  });
}

import { TradedbError } from '../../core/error.ts';
import type { LateFile } from '../../core/migration/independence.ts';
import type { LintFinding, LintResult } from '../../core/migration/lint.ts';
import type { BaseProblem } from '../../core/migration/lint-base.ts';
import type { MigrationFile, MigrationSource } from '../../core/migration/migration.ts';
import type { Connection } from '../../core/sqlite/connection.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import { lintFinding } from './lint-before.ts';
import { folderOptions, lateFinding, migrationSource, openForReading } from './settings.ts';

export interface MigrateLintData extends Omit<LintResult, 'findings'> {
  readonly hits: readonly LintFinding[];
  readonly failOn: 'error' | 'warning';
  /** Only with --base. */
  readonly base: {
    readonly ref: string;
    readonly problems: readonly BaseProblem[];
    readonly late: readonly LateFile[];
  } | null;
}

export const definition = defineCommand({
  path: ['migrate', 'lint'],
  summary: 'judge migration files before they run',
  description:
    'Looks at the text, runs the files on a shadow of the schema, and takes sizes from the database when there is one. Without a database the files start from an empty schema. A file silences a rule with: -- migrate:up lint-ignore="M011:reason".',
  arguments: [{ name: 'files', summary: 'only these files', variadic: true }],
  options: {
    ...folderOptions,
    all: { type: 'flag', summary: 'all files instead of the pending ones, from an empty schema' },
    failOn: {
      type: 'choice',
      choices: ['error', 'warning'],
      summary: 'level that makes it fail',
      config: 'migrations.lint.failOn',
    },
    base: {
      type: 'text',
      value: 'git ref',
      summary: 'compare with the folder at this commit: late, double, edited and removed files',
    },
    ignore: { type: 'text', value: 'code', repeatable: true, summary: 'leave a rule out' },
  },
  examples: [
    { command: 'migrate lint -d trading.db', does: 'the pending files' },
    { command: 'migrate lint --all --fail-on warning', does: 'every file, without a database' },
    { command: 'migrate lint --all --base origin/main', does: 'before a merge: do the branches fit together' },
    { command: 'migrate lint --all -f junit -o lint.xml', does: 'for a build server' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'nothing found, or only information',
    3: 'warnings',
    4: 'errors, or warnings with --fail-on warning',
    10: 'folder not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['junit', 'markdown'],
  async run({ options, arguments: names }, context) {
    const { lintMigrations, lintRules } = await import('../../core/migration/lint.ts');
    const { source, table } = await migrationSource(options, context);
    const connection = await openIfThere(context);
    try {
      const choice = await chooseFiles(source, { connection, table, all: options.all, names });
      const { lint } = context.config.migrations;
      const levels = {
        ...lint.rules,
        ...Object.fromEntries((options.ignore ?? []).map((code) => [code, 'off' as const])),
      };
      const result = await lintMigrations(
        { ...choice, folder: source.list(), table, levels, largeTableRows: lint.largeTableRows },
        context,
      );
      const { findings: hits, ...rest } = result;
      const findings = hits.map(lintFinding);
      if (
        result.stoppedAt !== null &&
        !hits.some((hit) => hit.file === result.stoppedAt?.file && hit.code === 'M015')
      ) {
        findings.push(stopped(result.stoppedAt));
      }
      const base = options.base === undefined ? null : await againstBase(options.base, source, context);
      findings.push(...(base?.problems ?? []).map(baseFinding), ...(base?.late ?? []).map(lateFinding));
      const failOn = options.failOn ?? lint.failOn;
      const checks = lintRules.map((rule) => checkOf(rule, hits));
      return context.report<MigrateLintData>({ ...rest, hits, failOn, base }, { findings, checks });
    } finally {
      connection?.close();
    }
  },
  exitCode: ({ findings, data }) => {
    const worst = (severity: string): boolean => findings.some((finding) => finding.severity === severity);
    if (worst('critical') || (data.failOn === 'warning' && worst('warning'))) return 4;
    return worst('warning') ? 3 : 0;
  },
});

/** A database that is not there yet is no reason to fail: a build server has none. */
async function openIfThere(context: CommandContext): Promise<Connection | undefined> {
  const path = context.databasePathIfAny();
  if (path === undefined) return undefined;
  try {
    return await openForReading(path, context);
  } catch (error) {
    if (!(error instanceof TradedbError) || error.code !== 'database_not_found') throw error;
    context.log.info(`no database at ${JSON.stringify(path)}: the files start from an empty schema`);
    return undefined;
  }
}

interface Choice {
  readonly connection: Connection | undefined;
  readonly table: string;
  readonly all: boolean;
  readonly names: readonly string[];
}

async function chooseFiles(source: MigrationSource, { connection, table, all, names }: Choice) {
  const files = source.list();
  const base = names.map((name) => name.split(/[/\\]/).at(-1) ?? name);
  const unknown = base.find((name) => !files.some((file) => file.file === name));
  if (unknown !== undefined) {
    throw new TradedbError('file_not_found', `there is no migration file ${JSON.stringify(unknown)} in the folder`, {
      hint: 'name the folder with --dir',
    });
  }
  const judged = base.length === 0 ? {} : { judged: new Set(base) };
  const pending = connection === undefined || all ? undefined : await pendingFiles(connection, source, table);
  if (pending === undefined || !base.every((name) => pending.some((file) => file.file === name))) {
    return { files, connection: undefined, ...judged };
  }
  return { files: pending, connection, ...judged };
}

async function pendingFiles(
  connection: Connection,
  source: MigrationSource,
  table: string,
): Promise<readonly MigrationFile[]> {
  const { readMigrationState } = await import('../../core/migration/state.ts');
  return readMigrationState(connection, source, { table }).pending;
}

async function againstBase(ref: string, source: MigrationSource, context: CommandContext) {
  const { compareWithBase } = await import('../../core/migration/lint-base.ts');
  const { migrationsFrom } = await import('../../core/migration/source-folder.ts');
  const { readFolderAt } = await import('./git-base.ts');
  const base = migrationsFrom(await readFolderAt(source.directory, ref, context.signal));
  const folder = source.list();
  const problems = compareWithBase(folder, base);
  const { judgeEach } = await import('../../core/migration/independence.ts');
  const late = new Set(problems.filter((one) => one.kind === 'late').map((one) => one.file));
  const versions = base.filter((file) => file.kind !== 'repeatable');
  return {
    ref,
    problems,
    late: await judgeEach(
      folder.filter((file) => late.has(file.file)),
      versions,
      context,
    ),
  };
}

function baseFinding({ kind, file, message, hint }: BaseProblem) {
  return {
    id: `lint.base-${kind}`,
    severity: 'critical' as const,
    subject: `${file}:1:1`,
    message,
    hint,
    values: { file, line: 1, column: 1, level: 'error' as const },
  };
}

function stopped({ file, reason, line, column }: NonNullable<LintResult['stoppedAt']>) {
  return {
    id: 'lint.cannot-run',
    severity: 'critical' as const,
    subject: `${file}:${line}:${column}`,
    message: `cannot run: ${reason}`,
    hint: 'later files were judged by their text alone',
    values: { file, line, column, level: 'error' as const },
  };
}

function checkOf(rule: { code: string; summary: string }, hits: readonly LintFinding[]) {
  const found = hits.filter((hit) => hit.code === rule.code && hit.level !== 'info');
  const worst = found.some((hit) => hit.level === 'error') ? ('critical' as const) : ('warning' as const);
  return {
    id: rule.code,
    group: 'lint',
    status: found.length === 0 ? ('ok' as const) : worst,
    message:
      found.length === 0 ? rule.summary : found.map((hit) => `${hit.file}:${hit.line} ${hit.message}`).join('; '),
    durationMs: 0,
  };
}

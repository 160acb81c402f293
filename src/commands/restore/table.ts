import { TradedbError } from '../../core/error.ts';
import type { Finding } from '../../core/report.ts';
import type { TableCopied, TableMode } from '../../core/restore/table/copy-table.ts';
import type { BackupTable, Violation } from '../../core/restore/table/restore-table.ts';
import { ownerOf, recordFindings, repositoryOption, workerCount, workersOption } from '../backup/repository-option.ts';
import { defineCommand } from '../definition.ts';
import { routeFinding, routesTo } from './routes.ts';
import { stateFacts } from './state-facts.ts';
import { restoreTargetOf, targetOptions } from './target-options.ts';

interface TablePlan {
  readonly tables: readonly { readonly name: string; readonly as: string }[];
  /** Folder of the private file. */
  readonly folder: string;
  readonly bytes: { readonly read: number; readonly written: number };
}

export interface RestoreTableData {
  readonly dryRun: boolean;
  readonly outcome: 'planned' | 'listed' | 'copied' | 'violated' | 'different';
  readonly database: string;
  readonly target: {
    readonly time: string | null;
    readonly backup: string | null;
    readonly tx: number | null;
    readonly epoch: string | null;
    readonly uncertaintyMs: number | null;
  };
  readonly mode: TableMode;
  /** Ways to the state that were tried; more than one when inputs were damaged. */
  readonly routesTried: number;
  readonly tables: readonly TableCopied[];
  /** What a dry run would do; null otherwise. Whether the tables are in the backup is seen only by restoring it. */
  readonly plan: TablePlan | null;
  /** Tables of the backup (--list). */
  readonly available: readonly BackupTable[];
  /** Rows that would point to nothing; with `violated` nothing was changed. */
  readonly foreignKeyViolations: readonly Violation[];
  /** Why the rows do not fit; nothing was changed. */
  readonly differences: readonly { readonly table: string; readonly message: string }[];
}

export const definition = defineCommand({
  path: ['restore', 'table'],
  summary: 'bring single tables of a backup back into an existing database',
  description:
    'The state is restored to a private file first, then the rows are copied in one transaction, beside running applications. By default into a new table <name>_restored_<n>. Rowids are kept, triggers do not fire, and rows whose foreign keys point to nothing take everything back.',
  arguments: [{ name: 'name', summary: 'tables', variadic: true }],
  options: {
    repository: repositoryOption,
    ...targetOptions,
    list: { type: 'flag', summary: 'only list the tables of that state, with their rows' },
    mode: {
      type: 'choice',
      choices: ['new', 'missing', 'upsert', 'replace'],
      default: 'new',
      summary: 'new table; rows that are missing; those and changed ones; all rows instead of the ones there',
    },
    as: { type: 'text', value: 'name', summary: 'name of the new table (with --mode new and one table)' },
    columnsCommon: { type: 'flag', summary: 'when the definitions differ, take the columns that both have' },
    fireTriggers: { type: 'flag', summary: 'let the triggers of the table fire for every row' },
    temp: { type: 'path', value: 'folder', summary: 'where the private file is made' },
    workers: workersOption,
  },
  examples: [
    { command: 'restore table orders --to-time 2026-03-14T08:13:00Z', does: 'into a new table beside orders' },
    { command: 'restore table orders fills --mode missing --yes', does: 'the rows that somebody deleted' },
    { command: 'restore table --list --backup 7f3k', does: 'what is in that backup' },
  ],
  exitCodes: {
    0: 'restored',
    1: 'failed; nothing was changed',
    3: 'restored, but rows were skipped, point to nothing (mode new), or inputs were damaged and another way was taken',
    10: 'no such backup, commit or table',
    11: 'the database is locked',
    12: 'damaged backup, or rows would point to nothing; nothing was changed',
    13: 'the definitions differ; nothing was changed',
  },
  changes: true,
  asks: true,
  async run({ options, arguments: tables }, context) {
    const wanted = restoreTargetOf(options);
    if (!options.list && tables.length === 0) {
      throw new TradedbError('usage', 'give the name of a table', { hint: 'see them with: restore table --list' });
    }
    if (options.as !== undefined && (options.mode !== 'new' || tables.length !== 1)) {
      throw new TradedbError('usage', '--as names one new table', { hint: 'give one table, and no other --mode' });
    }
    const database = context.databasePath();
    const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
    requireDatabaseFile(database);
    const routes = await routesTo(options.repository, wanted, context);
    const facts = stateFacts(routes.first);
    const nothing: RestoreTableData = {
      dryRun: context.dryRun,
      outcome: 'planned',
      database,
      target: facts.target,
      mode: options.mode,
      tables: [],
      available: [],
      foreignKeyViolations: [],
      differences: [],
      routesTried: 0,
      plan: null,
    };
    const suffix = String(facts.target.tx ?? facts.target.backup?.slice(-4));
    const folder = options.temp === undefined ? context.host.temporaryDirectory : context.resolve(options.temp);
    const before = [...routes.failed.map(routeFinding), ...recordFindings(routes.first.repository)];
    if (context.dryRun) {
      const { newTableName } = await import('../../core/restore/table/restore-table.ts');
      const as = (name: string): string => (options.mode === 'new' ? (options.as ?? newTableName(name, suffix)) : name);
      const plan = { tables: tables.map((name) => ({ name, as: as(name) })), folder, bytes: facts.bytes };
      return context.report<RestoreTableData>({ ...nothing, plan }, { findings: before });
    }
    const { restoreTables, tablesOf, withPrivateCopy } = await import('../../core/restore/table/restore-table.ts');
    const source = {
      ...routes,
      workers: workerCount(context, options.workers),
      check: context.config.restore.check,
      owner: ownerOf(context),
      leases: context.config.backup.leases,
      stateDirectory: context.stateDirectory(),
      folder,
    };
    if (options.list) {
      const { result, used, failed } = await withPrivateCopy(source, (file) => tablesOf(file, context), context);
      const { target } = stateFacts(used);
      const routesTried = routes.failed.length + failed.length + 1;
      return context.report<RestoreTableData>(
        { ...nothing, outcome: 'listed', target, available: result, routesTried },
        { findings: [...before, ...failed.map(routeFinding)] },
      );
    }
    if (options.mode !== 'new') {
      const what = options.mode === 'replace' ? 'Replace all rows' : 'Change rows';
      await context.confirm(`${what} of ${tables.join(', ')} in ${JSON.stringify(database)}?`);
    }
    const { result, used, failed } = await restoreTables(
      {
        ...source,
        database,
        tables,
        mode: options.mode,
        as: options.as,
        suffix,
        columnsCommon: options.columnsCommon,
        fireTriggers: options.fireTriggers,
        busyTimeoutMs: context.config.connection.busyTimeout,
      },
      context,
    );
    const done = { ...nothing, target: stateFacts(used).target, routesTried: routes.failed.length + failed.length + 1 };
    const data: RestoreTableData =
      result.outcome === 'different'
        ? { ...done, outcome: 'different', differences: result.differences }
        : { ...done, outcome: result.outcome, tables: result.tables, foreignKeyViolations: result.violations };
    return context.report(data, { findings: [...before, ...failed.map(routeFinding), ...findingsOf(data)] });
  },
  exitCode: ({ data, status }) =>
    data.outcome === 'different' ? 13 : data.outcome === 'violated' ? 12 : status === 'ok' ? 0 : 3,
});

const shownViolations = 20;

function findingsOf(data: RestoreTableData): Finding[] {
  const undone = data.outcome !== 'copied';
  const findings = data.differences.map(
    ({ table, message }): Finding => ({
      id: 'table.different',
      severity: 'critical',
      subject: table,
      message,
      hint: '--columns-common takes the columns that both have; --mode new puts the table beside the other',
    }),
  );
  for (const { table, rowid, parent } of data.foreignKeyViolations.slice(0, shownViolations)) {
    findings.push({
      id: 'table.foreign_key',
      severity: undone ? 'critical' : 'warning',
      subject: table,
      message: `row ${rowid ?? 'without a rowid'} points to a row of ${parent} that is not there`,
      ...(undone ? { hint: `nothing was changed; restore ${parent} in the same call` } : {}),
    });
  }
  const more = data.foreignKeyViolations.length - shownViolations;
  if (more > 0) {
    findings.push({ id: 'table.foreign_key', severity: undone ? 'critical' : 'warning', message: `and ${more} more` });
  }
  for (const { as, rowsSkipped } of data.tables.filter((table) => table.rowsSkipped > 0)) {
    findings.push({
      id: 'table.skipped',
      severity: 'warning',
      subject: as,
      message: `${rowsSkipped} rows of the backup were left out: another row has their unique value`,
    });
  }
  return findings;
}

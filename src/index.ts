/**
 * The library: what a trading engine imports from `tradedb`. Nothing here prints or ends the process; the driver is
 * loaded by the first `openTradingDatabase`.
 */
import { dirname, join, resolve } from 'node:path';
import { StatisticsFile } from './core/sqlite/statistics-file.ts';
import { openDatabase } from './core/sqlite/trading-database.ts';
import { readConfiguredOptions } from './library/configured-options.ts';
import { EngineDatabase } from './library/engine-database.ts';
import { resolveOptions, type TradingDatabaseOptions } from './library/options.ts';
import { systemClock } from './system/system-clock.ts';
import { systemRandom } from './system/system-random.ts';

/**
 * Opens the SQLite file at `path` for an engine: one writing and one reading connection, with the durability and limits
 * of `options`.
 *
 * Throws TradedbError: `database_not_found` (without `create`), `database_empty`, `not_a_database`, `database_corrupt`,
 * `read_only`, `database_locked`, `config_invalid` for a wrong option.
 */
export function openTradingDatabase(path: string, options: TradingDatabaseOptions = {}): EngineDatabase {
  const { section, pageSizeBytes } = resolveOptions(options);
  const statistics = statisticsFile(path, options.statistics);
  const settings = {
    section,
    pageSizeBytes,
    create: options.create ?? false,
    hooks: [...(options.hooks ?? []), ...(statistics === undefined ? [] : [statistics])],
    onHookError: options.onHookError ?? warnAboutHook,
    clock: systemClock,
    random: systemRandom,
  };
  const database = openDatabase(path, settings, EngineDatabase);
  if (statistics !== undefined) database.tellStatistics(statistics);
  return database;
}

function statisticsFile(path: string, wanted: TradingDatabaseOptions['statistics']): StatisticsFile | undefined {
  if (wanted === undefined || wanted === false) return undefined;
  const directory = wanted === true ? join(dirname(resolve(path)), '.tradedb', 'queries') : resolve(wanted.directory);
  return new StatisticsFile({ directory, database: path, pid: process.pid, intervalMs: 1000 }, systemClock);
}

/**
 * The options that the operator set for engines: the section `connection` of the tradedb.config.json at `path`, or of the
 * nearest one from the folder `path` upward; environment variables count too.
 *
 * Throws TradedbError: `config_not_found` for a file that is not there, `config_invalid` with every problem at once.
 */
export function configuredOptions(path = '.'): TradingDatabaseOptions {
  return readConfiguredOptions(path, (name) => process.env[name]);
}

function warnAboutHook(error: unknown): void {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`a database hook threw and was removed: ${message}`, 'TradedbWarning');
}

export { StatementCapture } from './core/analysis/workload/capture-writer.ts';
export type { ErrorCode } from './core/error.ts';
export { TradedbError } from './core/error.ts';
export {
  defineScenario,
  type ModuleScenario,
  type ModuleTransaction,
} from './core/loadtest/scenario/define-scenario.ts';
export type { CheckResult, Finding, Metric, Report, ReportStatus, Severity } from './core/report.ts';
export type { PoolMetrics } from './core/sqlite/background-reader/pool.ts';
export type { BackgroundReadOptions } from './core/sqlite/background-reader/request.ts';
export type { CheckpointMetrics, CheckpointResult } from './core/sqlite/checkpoint.ts';
export type { Connection } from './core/sqlite/connection.ts';
export type { GroupMetrics } from './core/sqlite/group-commit.ts';
export type {
  BackgroundReadEvent,
  CheckpointEvent,
  CheckpointMode,
  DatabaseHook,
  GroupEvent,
  ReadEvent,
  StatementEvent,
  TransactionEvent,
} from './core/sqlite/hooks.ts';
export { LatencyRecorder } from './core/sqlite/latency-recorder.ts';
export type { Durability, EffectivePragmas } from './core/sqlite/pragma-profile.ts';
export type { Query, QueryOptions } from './core/sqlite/query.ts';
export { quoteIdentifier } from './core/sqlite/quote-identifier.ts';
export type { ReadOptions, ReadSnapshot } from './core/sqlite/read-snapshot.ts';
export type { ResultCacheMetrics } from './core/sqlite/result-cache.ts';
export type { Row, RunResult, SqlParameters, SqlValue, Statement } from './core/sqlite/statement.ts';
export type { DatabaseMetrics } from './core/sqlite/trading-database.ts';
export type { TransactionOptions } from './core/sqlite/transaction.ts';
export type { TransactionMetrics } from './core/sqlite/transaction-counter.ts';
export { type ErrorClass, errorClass } from './core/sqlite/translate-error.ts';
export { type HistogramData, LatencyHistogram } from './core/statistics/latency-histogram.ts';
export { applyReferenceSchema } from './core/trading/reference-schema.ts';
export type { OrderQueries, OrderStore } from './core/trading/store/order-store.ts';
export {
  ensureAccount,
  ensureAsset,
  ensureInstrument,
  ensureStrategy,
  ensureVenue,
  type NewInstrument,
} from './core/trading/store/reference-data.ts';
export type {
  Balance,
  Fill,
  FillResult,
  NewFill,
  NewOrder,
  OrderEvent,
  OrderState,
  Position,
  Transfer,
} from './core/trading/store/types.ts';
export type { EngineDatabase as TradingDatabase } from './library/engine-database.ts';
export { type KnexMigrationSource, knexMigrationSource } from './library/knex-migration-source.ts';
export type { ByteSize, Duration, TradingDatabaseOptions } from './library/options.ts';

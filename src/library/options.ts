import * as v from 'valibot';
import { connectionSection, databaseSection } from '../core/config/section/database.ts';
import { TradedbError } from '../core/error.ts';
import type { ConnectionSection } from '../core/sqlite/connection-section.ts';
import type { DatabaseHook } from '../core/sqlite/hooks.ts';

/** A text with a unit, such as `250ms`, `5s`, `1m`, or a number of milliseconds. */
export type Duration = string | number;

/** A text with a unit, such as `64MiB`, `1GB`, or a number of bytes. */
export type ByteSize = string | number;

/**
 * Options of `openTradingDatabase`: the names, defaults and limits of the section `connection` in tradedb.config.json,
 * and what only a program can give.
 */
export interface TradingDatabaseOptions {
  /** `full` (default): an acknowledged commit survives power loss. `normal`: the last ones before it may be lost. */
  readonly durability?: 'full' | 'normal';
  /** How long a call waits for a lock of another process: 5s. */
  readonly busyTimeout?: Duration;
  /** Page cache of one connection: 16MiB. */
  readonly cacheSize?: ByteSize;
  /** Memory-mapped part of the file: 0B, which is off. */
  readonly mmapSize?: ByteSize;
  /** Prepared statements kept per connection: 256. */
  readonly statementCacheSize?: number;
  /** Age at which a `read` is reported; at ten times of it, it is refused: 1s. */
  readonly readMaxAge?: Duration;
  readonly checkpoint?: {
    /** WAL pages after which a COMMIT may run a checkpoint: 10000. */
    readonly ceilingPages?: number;
    /** Time without a commit after which one runs: 5ms. */
    readonly idle?: Duration;
    /** Commits that make it worthwhile: 200. */
    readonly minCommits?: number;
    /** Size of the WAL above which it is truncated when nobody reads: 64MiB. */
    readonly walLimit?: ByteSize;
  };
  readonly groupCommit?: {
    /** Operations of `enqueue` per commit: 1, which is off. */
    readonly maxOperations?: number;
    /** Longest wait of the first operation of a group: 0ms, which is the end of the turn. */
    readonly maxDelay?: Duration;
    /** Operations that may wait: 10000. */
    readonly maxQueued?: number;
  };
  readonly backgroundReaders?: {
    /** Threads for long queries: 2, at most 8. */
    readonly size?: number;
    /** Queries that may wait: 64. */
    readonly maxQueued?: number;
    /** Longest wait: 10s. */
    readonly queueTimeout?: Duration;
    /** Longest run: 30s. */
    readonly deadline?: Duration;
  };
  readonly resultCache?: {
    /** Results kept: 1000. */
    readonly entries?: number;
    /** Memory for them: 16MiB. */
    readonly bytes?: ByteSize;
  };
  /** Make the file when it is missing or empty, in WAL mode: false. */
  readonly create?: boolean;
  /** Page size of a file that is made: 4096B. */
  readonly pageSize?: ByteSize;
  /**
   * Write what is done under which name (calls, times, retries, cache, readers) into a file of this folder once a second,
   * where `tradedb monitor` shows it: `true` is the folder `.tradedb/queries` beside the database.
   */
  readonly statistics?: boolean | { readonly directory: string };
  readonly hooks?: readonly DatabaseHook[];
  /** Hears once of each hook that threw and was removed; a process warning otherwise. */
  readonly onHookError?: (error: unknown) => void;
}

const durations = new Set([
  'busyTimeout',
  'readMaxAge',
  'checkpoint.idle',
  'groupCommit.maxDelay',
  'backgroundReaders.queueTimeout',
  'backgroundReaders.deadline',
]);
const sizes = new Set(['cacheSize', 'mmapSize', 'checkpoint.walLimit', 'resultCache.bytes', 'pageSize']);

export interface ResolvedOptions {
  readonly section: ConnectionSection;
  readonly pageSizeBytes: number;
}

/** Fills in defaults and checks every value as the configuration file is checked; throws `config_invalid`. */
export function resolveOptions(options: TradingDatabaseOptions): ResolvedOptions {
  const {
    create: _create,
    hooks: _hooks,
    onHookError: _onHookError,
    statistics: _statistics,
    pageSize,
    ...connection
  } = options;
  const section = parse(connectionSection, withUnits(connection, ''));
  const database = parse(databaseSection, withUnits(pageSize === undefined ? {} : { pageSize }, ''));
  return { section, pageSizeBytes: database.pageSize };
}

function parse<T extends v.GenericSchema>(schema: T, input: unknown): v.InferOutput<T> {
  const result = v.safeParse(schema, input);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => {
    const key = v.getDotPath(issue) ?? 'options';
    if (issue.type === 'strict_object' && issue.expected === 'never') return `${key}: unknown option`;
    return `${key}: ${issue.message}, found ${issue.received}`;
  });
  throw new TradedbError('config_invalid', `options of openTradingDatabase are not valid: ${problems.join('; ')}`, {
    hint: 'docs/library.md lists every option with its default',
    details: { problems },
  });
}

/** Numbers as the texts that the configuration file would hold. */
function withUnits(value: object, prefix: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => {
        const path = `${prefix}${key}`;
        if (typeof item === 'object' && item !== null) return [key, withUnits(item, `${path}.`)];
        if (typeof item !== 'number') return [key, item];
        if (durations.has(path)) return [key, `${item}ms`];
        return [key, sizes.has(path) ? `${item}B` : item];
      }),
  );
}

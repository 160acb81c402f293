import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { makeFolder } from '../../make-folder.ts';
import type { SqlParameters } from '../../sqlite/statement.ts';
import { syncFolder } from '../../sync-folder.ts';
import { decodeParameters, encodeParameters, parseJson } from '../workload/parameter-value.ts';

const format = 'tradedb-analysis-baseline';
const version = 1;

/** A slice of a query beside the slice of calibration that ran right before it, in milliseconds of an execution. */
export interface BaselineSlice {
  readonly p50Ms: number;
  readonly cpuMs: number;
  readonly calibrationMs: number;
}

export interface BaselineSet {
  readonly sql: string;
  readonly values: SqlParameters;
  readonly executions: number;
  readonly plan: string;
  /** The planner's own estimate. */
  readonly cost: number;
}

export interface BaselineQuery {
  readonly fingerprint: string;
  readonly name: string;
  readonly sql: string;
  readonly weight: number;
  readonly pragmas: readonly string[];
  readonly sets: readonly BaselineSet[];
  readonly slices: readonly BaselineSlice[];
}

export interface BaselineMachine {
  readonly hostname: string;
  readonly platform: string;
  readonly cores: number;
  readonly fileSystem: string;
  readonly loadAverage: readonly number[];
}

/** Everything that a later comparison needs: plans, costs, times beside a calibration, sizes. Holds values of statements. */
export interface Baseline {
  readonly name: string;
  /** ISO 8601, UTC. */
  readonly recordedAt: string;
  readonly database: string;
  readonly schemaDigest: string;
  readonly tables: readonly { readonly name: string; readonly rows: number; readonly pages: number }[];
  readonly library: { readonly sqliteVersion: string; readonly stat4: boolean };
  readonly machine: BaselineMachine;
  /** Times of a fixed scan in memory, in milliseconds. */
  readonly calibrationMs: readonly number[];
  readonly queries: readonly BaselineQuery[];
}

/** The file of a name; throws `usage` for a name that is no file name. */
export function baselinePath(directory: string, name: string): string {
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}._-]*$/u.test(name)) {
    throw new TradedbError('usage', `${JSON.stringify(name)} is no name for a baseline`, {
      hint: 'letters, digits, ".", "_" and "-"',
    });
  }
  return join(directory, `${name}.json`);
}

/** Writes the file whole and readable for its owner alone, over an older one of the same name. */
export function writeBaseline(directory: string, baseline: Baseline): string {
  const path = baselinePath(directory, baseline.name);
  const queries = baseline.queries.map((query) => ({
    ...query,
    sets: query.sets.map((set) => ({ ...set, values: JSON.parse(encodeParameters(set.values)) as unknown })),
  }));
  const bytes = Buffer.from(`${JSON.stringify({ format, version, ...baseline, queries })}\n`);
  makeFolder(directory);
  const partial = `${path}.partial`;
  try {
    rmSync(partial, { force: true });
    const descriptor = openSync(partial, 'wx', 0o600);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(partial, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(partial, { force: true });
    throw fromFileSystem(error, path);
  }
  return path;
}

/** Reads a baseline; throws `file_not_found` with those that there are, and `usage` for another format or version. */
export function readBaseline(directory: string, name: string): Baseline {
  const path = baselinePath(directory, name);
  if (!existsSync(path)) {
    const known = listBaselines(directory).map((one) => one.name);
    throw new TradedbError(
      'file_not_found',
      `there is no baseline ${JSON.stringify(name)} in ${JSON.stringify(directory)}`,
      {
        hint:
          known.length === 0 ? 'record one with: tradedb analyze baseline <name>' : `there are: ${known.join(', ')}`,
      },
    );
  }
  let found: Record<string, unknown>;
  try {
    found = parseJson(readFileSync(path, 'utf8')) as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) throw unreadable(path, 'it is no JSON');
    throw fromFileSystem(error, path);
  }
  if (typeof found !== 'object' || found === null || found.format !== format)
    throw unreadable(path, 'it is no baseline');
  if (Number(found.version) !== version) throw unreadable(path, `it has version ${String(found.version)}`);
  return revive(found, path);
}

function unreadable(path: string, why: string): TradedbError {
  return new TradedbError('usage', `${JSON.stringify(path)} cannot be compared: ${why}`, {
    hint: `this tradedb reads ${format} version ${version}; record it anew with: tradedb analyze baseline <name>`,
  });
}

/** Numbers of the file come as BigInt, which the values of statements need and everything else does not. */
function revive(found: Record<string, unknown>, path: string): Baseline {
  const { queries, ...rest } = found;
  const plain = JSON.parse(JSON.stringify(rest, asNumber)) as Omit<Baseline, 'queries'>;
  if (!Array.isArray(queries) || !Array.isArray(plain.calibrationMs) || typeof plain.schemaDigest !== 'string') {
    throw unreadable(path, 'a part is missing');
  }
  return {
    ...plain,
    queries: queries.map((query: Record<string, unknown>) => {
      const sets = query.sets;
      if (!Array.isArray(sets) || !Array.isArray(query.slices)) throw unreadable(path, 'a query is incomplete');
      const { sets: _, ...others } = query;
      return {
        ...(JSON.parse(JSON.stringify(others, asNumber)) as Omit<BaselineQuery, 'sets'>),
        sets: sets.map((set: Record<string, unknown>) => ({
          sql: String(set.sql),
          values: decodeParameters(set.values),
          executions: Number(set.executions),
          plan: String(set.plan),
          cost: Number(set.cost),
        })),
      };
    }),
  };
}

function asNumber(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value;
}

export interface StoredBaseline {
  readonly name: string;
  readonly path: string;
  readonly recordedAt: string;
  readonly database: string;
  readonly queries: number;
}

/** The baselines of a folder, by name; files that are none are left out. */
export function listBaselines(directory: string): StoredBaseline[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const path = join(directory, file);
      try {
        const found = JSON.parse(readFileSync(path, 'utf8')) as Baseline & { format?: string };
        if (found.format !== format) return [];
        const { recordedAt, database, queries } = found;
        return [{ name: file.slice(0, -'.json'.length), path, recordedAt, database, queries: queries.length }];
      } catch {
        return [];
      }
    });
}

/** Removes a baseline; throws `file_not_found` when there is none. */
export function deleteBaseline(directory: string, name: string): string {
  const { name: found } = readableOrForeign(directory, name);
  const path = baselinePath(directory, found);
  rmSync(path);
  return path;
}

/** A baseline of another version may be removed, a file that is none may not. */
function readableOrForeign(directory: string, name: string): { name: string } {
  if (listBaselines(directory).some((one) => one.name === name)) return { name };
  return { name: readBaseline(directory, name).name };
}

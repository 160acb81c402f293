import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, type } from 'node:os';
import { basename, dirname, extname } from 'node:path';
import type { Config } from '../../core/config/schema.ts';
import { fromFileSystem, TradedbError } from '../../core/error.ts';
import { fileSystemOf } from '../../core/file-access/file-system.ts';
import type { ArrivalKind } from '../../core/loadtest/arrival/schedule.ts';
import type { MachineFacts } from '../../core/loadtest/environment.ts';
import { type LoadPlan, makeLoad, parsePragma, parseStages, splitWeight } from '../../core/loadtest/plan.ts';
import { hasTradingSchema } from '../../core/loadtest/prepare.ts';
import { builtinNames, isBuiltin, type ScenarioReference } from '../../core/loadtest/scenario/resolve.ts';
import { parseSqlScenario } from '../../core/loadtest/scenario/sql-file.ts';
import { splitStatements } from '../../core/schema/statement-split.ts';
import { fullProfile, type PragmaProfile } from '../../core/sqlite/pragma-profile.ts';
import { programNames } from '../../core/trading/profile/profile.ts';
import { hasWorkload, scenarioFile } from '../../core/trading/profile/workload-file.ts';
import type { CommandContext, OptionValues } from '../definition.ts';
import type { loadOptions } from './option-list.ts';

/** Turns the options that all forms of `loadtest` share into what core takes. */

export type LoadOptionValues = OptionValues<typeof loadOptions>;

/** Without a choice: the trading mix where its schema is (or is made), the reference transaction elsewhere. */
async function defaultScenario(context: CommandContext): Promise<string> {
  const database = context.databasePathIfAny();
  if (database === undefined) return 'oms';
  return (await hasTradingSchema(database, context.config.connection.busyTimeout)) ? 'oms' : 'order-entry';
}

async function readScenarios(names: readonly string[], context: CommandContext): Promise<ScenarioReference[]> {
  const chosen = names.length > 0 ? names : [context.config.loadtest.scenario ?? (await defaultScenario(context))];
  return chosen.map((text) => readScenario(text, names.length > 0, context));
}

function readScenario(text: string, typed: boolean, context: CommandContext): ScenarioReference {
  const { name, weight } = splitWeight(text);
  if (isBuiltin(name)) return { kind: 'builtin', name, weight };
  const path = hasWorkload(name) ? scenarioFile(name) : typed ? context.resolve(name) : context.resolveConfigured(name);
  if (/\.[cm]?[jt]s$/.test(name) && existsSync(path)) return { kind: 'module', name: basename(path), path, weight };
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    const translated = fromFileSystem(error, path);
    if (!(translated instanceof TradedbError)) throw translated;
    throw new TradedbError('scenario_invalid', `scenario ${JSON.stringify(name)} is neither built in nor a file`, {
      hint: `built in are ${[...builtinNames, ...programNames].join(', ')}; see docs/loadtest.md for files`,
      cause: translated,
    });
  }
  try {
    return { kind: 'sql', spec: parseSqlScenario(source, basename(path, extname(path)), splitStatements), weight };
  } catch (error) {
    if (!(error instanceof TradedbError)) throw error;
    const hint = error.hint === undefined ? {} : { hint: error.hint };
    throw new TradedbError('scenario_invalid', `${JSON.stringify(name)}: ${error.message}`, hint);
  }
}

/** The scenarios as another program's command line takes them: built-in names, and files by their absolute paths. */
export function scenarioWords(typed: readonly string[], plan: LoadPlan, context: CommandContext): string[] {
  const { scenario } = context.config.loadtest;
  const names = typed.length > 0 ? typed : scenario === undefined ? [] : [scenario];
  if (names.length === 0) return plan.scenarios.flatMap((one) => (one.kind === 'builtin' ? [one.name] : []));
  return names.map((text) => {
    const { name, weight } = splitWeight(text);
    if (isBuiltin(name) || hasWorkload(name)) return text;
    return `${typed.length > 0 ? context.resolve(name) : context.resolveConfigured(name)}@${weight}`;
  });
}

export async function readPlan(options: LoadOptionValues, context: CommandContext): Promise<LoadPlan> {
  const { loadtest, connection } = context.config;
  const { kind, traceMs } = readArrivals(options.arrivals ?? loadtest.arrivals, context);
  const rate = options.rate ?? loadtest.rate;
  const stages = options.stages ?? loadtest.stages;
  return {
    scenarios: await readScenarios(options.scenario, context),
    seed: options.seed ?? loadtest.seed ?? Math.floor(context.random.next() * 2 ** 32),
    clients: options.clients ?? loadtest.clients,
    load: makeLoad({
      ...(rate === undefined ? {} : { rate }),
      stages: stages === undefined || stages === '' ? [] : parseStages(stages),
      arrivals: kind,
      ...(traceMs === undefined ? {} : { traceMs }),
      durationMs: options.duration ?? loadtest.duration,
      ...(options.transactions === undefined ? {} : { transactions: options.transactions }),
      thinkMs: options.thinkTime ?? loadtest.thinkTime,
      ...(options.dropLateAfter === undefined ? {} : { dropAfterMs: options.dropLateAfter }),
      drainMs: options.drain,
    }),
    warmupMs: options.warmup ?? loadtest.warmup,
    groupSize: options.groupSize,
    durability: options.durability ?? connection.durability,
    pragmas: options.pragma.map(parsePragma),
    busyTimeoutMs: connection.busyTimeout,
    backgroundReaders: options.backgroundReaders,
    perStatement: options.statements,
    intervalMs: options.interval ?? loadtest.interval,
    rehearsalCalls: 20_000,
    sampleOrders: options.sampleOrders,
  };
}

function readArrivals(text: string, context: CommandContext): { kind: ArrivalKind; traceMs?: number[] } {
  if (text === 'constant' || text === 'poisson' || text === 'burst') return { kind: text };
  if (!text.startsWith('trace:')) {
    throw new TradedbError(
      'usage',
      `--arrivals takes constant, poisson, burst or trace:<file>, not ${JSON.stringify(text)}`,
    );
  }
  const path = context.resolve(text.slice('trace:'.length));
  let lines: string[];
  try {
    lines = readFileSync(path, 'utf8').split('\n');
  } catch (error) {
    throw fromFileSystem(error, path);
  }
  const traceMs: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const offset = Number(line.trim());
    if (!Number.isFinite(offset) || offset < (traceMs.at(-1) ?? 0)) {
      throw new TradedbError(
        'usage',
        `line ${index + 1} of ${JSON.stringify(path)} is no later offset: ${line.trim()}`,
        {
          hint: 'a trace holds one offset in milliseconds a line, in rising order',
        },
      );
    }
    traceMs.push(offset);
  }
  return { kind: 'trace', traceMs };
}

export function readProfile(config: Config, durability: 'full' | 'normal'): PragmaProfile {
  const { connection, database } = config;
  return {
    ...fullProfile,
    durability,
    walAutocheckpointPages: connection.checkpoint.ceilingPages,
    cacheSizeBytes: connection.cacheSize,
    mmapSizeBytes: connection.mmapSize,
    pageSizeBytes: database.pageSize,
  };
}

/** Beside the database, because a load test measures that disk; the temporary folder when there is none. */
export function scratchParent(
  typed: string | undefined,
  database: string | undefined,
  context: CommandContext,
): string {
  if (typed !== undefined) return context.resolve(typed);
  const configured = context.config.loadtest.scratchDirectory;
  if (configured !== undefined) return context.resolveConfigured(configured);
  return database === undefined ? context.host.temporaryDirectory : dirname(database);
}

export function machineFacts(context: CommandContext): MachineFacts {
  return {
    cpuModel: cpus()[0]?.model.trim() ?? 'unknown',
    cores: context.host.cores,
    kernel: `${type()} ${release()}`,
    tradedb: context.host.version,
    loadAverage: () => {
      const [one = 0, five = 0, fifteen = 0] = loadavg();
      return [one, five, fifteen];
    },
    fileSystem: (path) => {
      const { type: name, kind } = fileSystemOf(path);
      return { type: name, inMemory: kind === 'memory' };
    },
  };
}

/** Eight letters and digits that mark the rows and the folder of one run. */
export function makeRunId(context: CommandContext): string {
  return Buffer.from(context.random.bytes(4)).toString('hex');
}

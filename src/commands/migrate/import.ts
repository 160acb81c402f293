import { basename } from 'node:path';
import { TradedbError } from '../../core/error.ts';
import type { Finding } from '../../core/report.ts';
import type { ImportedSource, ImportResult } from '../../core/trading/import/result.ts';
import type { ReaderOptions } from '../../core/trading/import/source.ts';
import { type CommandContext, defineCommand, type OptionValues } from '../definition.ts';
import type { HeldList } from './import-held.ts';
import type { ChosenSource } from './import-reader.ts';
import type { SafetyBackup } from './safety-backup.ts';

export interface MigrateImportData {
  readonly mode: 'import' | 'detect' | 'quarantine';
  readonly dryRun: boolean;
  /** Null with --detect. */
  readonly target: string | null;
  /** What was made before the first write. */
  readonly backup: SafetyBackup | null;
  /** Null with --quarantine. */
  readonly source: ImportedSource | null;
  /** Tables of the source with their rows; only with --detect. */
  readonly tables: readonly { readonly name: string; readonly rows: number }[] | null;
  readonly result: ImportResult | null;
  /** With --quarantine, and what a dry run would hold. */
  readonly held: HeldList | null;
}

const sourceGroup = 'What the source does not tell';
const limitGroup = 'Limits';
const modeGroup = 'Other modes';

const options = {
  from: {
    type: 'choice',
    choices: ['auto', 'freqtrade', 'hummingbot', 'vnpy', 'csv', 'ndjson', 'parquet'],
    default: 'auto',
    summary: 'whose file it is, or its format; auto: a database, told by its tables',
  },
  mapping: {
    type: 'path',
    value: 'file',
    summary: 'mapping file: how an own schema, or the columns of a file, become rows of the trading schema',
  },
  name: { type: 'text', value: 'name', summary: 'name of the source in the target (the file name)' },
  streams: { type: 'text', value: 'list', summary: 'only these streams, with commas between them' },
  create: { type: 'flag', summary: 'make the target with the trading schema when it does not exist' },
  timezone: { type: 'text', value: 'zone', group: sourceGroup, summary: 'IANA name, for times without an offset' },
  venue: { type: 'text', value: 'code', group: sourceGroup, summary: 'venue, instead of what the source names' },
  account: { type: 'text', value: 'name', group: sourceGroup, summary: 'account (the name of the source)' },
  mode: {
    type: 'choice',
    choices: ['live', 'paper', 'auto'],
    default: 'auto',
    group: sourceGroup,
    summary: 'whose money it is; auto: by the order ids',
  },
  kind: {
    type: 'choice',
    choices: ['spot', 'equity', 'perp', 'future', 'option'],
    group: sourceGroup,
    summary: 'kind of the instruments',
  },
  quote: { type: 'text', value: 'asset', group: sourceGroup, summary: 'asset in which the instruments are quoted' },
  attributes: {
    type: 'flag',
    summary: 'keep columns without a place for market data too (import.attributes)',
  },
  opening: {
    type: 'text',
    value: 'asset=amount',
    repeatable: true,
    group: sourceGroup,
    summary: 'balance before the first order, booked once',
  },
  backup: {
    type: 'choice',
    choices: ['auto', 'always', 'never'],
    default: 'auto',
    summary:
      'verified backup of the target before the first write; auto: before the first import of this source into a database that holds orders or prices',
  },
  retry: { type: 'flag', summary: 'try held rows of market data once more' },
  batchRows: {
    type: 'integer',
    value: 'n',
    minimum: 1,
    maximum: 1_000_000,
    config: 'import.batchRows',
    group: limitGroup,
    summary: 'most rows of one transaction',
  },
  readSlice: {
    type: 'duration',
    value: 'time',
    config: 'import.readSlice',
    group: limitGroup,
    summary: 'longest read of a source in use (1s; 50ms without WAL, where a reader stops the COMMIT of the bot)',
  },
  settleLimit: {
    type: 'duration',
    value: 'time',
    config: 'import.settleLimit',
    group: limitGroup,
    summary: 'longest read for the comparison against one state of a source in use',
  },
  copyLimit: {
    type: 'bytes',
    value: 'size',
    config: 'import.copyLimit',
    group: limitGroup,
    summary: 'largest closed source, or target of a dry run, that is copied',
  },
  maxQuarantine: {
    type: 'text',
    value: 'n|percent',
    config: 'import.maxQuarantine',
    group: limitGroup,
    summary: 'stop when more rows are held than this (a percentage counts from 20 rows on)',
  },
  detect: { type: 'flag', group: modeGroup, summary: 'only tell whose file it is, and how many rows it has' },
  quarantine: {
    type: 'text',
    value: 'reason',
    group: modeGroup,
    summary: 'list the rows that are held; all: for any reason',
  },
} as const;

type Options = OptionValues<typeof options>;

export const definition = defineCommand({
  path: ['migrate', 'import'],
  summary: 'move the data of a trading program into the trading schema, while that program runs',
  description:
    'Reads the file of the program without writing to it, and maps its rows with exact decimals. Rows that cannot be mapped are kept in a quarantine with the reason, never dropped. At the end counts, quantities, fees and profit are compared with the source. Running it again adds what is new and applies what has changed; a killed run is taken up by the same command.',
  arguments: [{ name: 'source', summary: 'file of the trading program' }],
  options,
  changes: true,
  formats: ['ndjson'],
  examples: [
    { command: 'migrate import tradesv3.sqlite --detect', does: 'whose file it is' },
    {
      command: 'migrate import tradesv3.sqlite -d trading.db --create --dry-run',
      does: 'try all of it; write nothing',
    },
    { command: 'migrate import tradesv3.sqlite -d trading.db --create', does: 'import, or go on with an import' },
    { command: 'migrate import --quarantine all -d trading.db', does: 'the rows that are held, with their reasons' },
  ],
  exitCodes: {
    0: 'imported and equal to the source',
    3: 'rows are held, or a moving source was not compared against one state',
    10: 'the source or the target does not exist',
    11: 'locked, or another import or operation runs on the target',
    12: 'the figures differ from those of the source; a damaged source; a target without the trading schema',
    15: 'stopped: too many rows are held, or the disk is full; the same command goes on',
  },
  async run({ options, arguments: [argument] }, context) {
    if (options.quarantine !== undefined) return context.report(await listHeld(options.quarantine, context));
    if (argument === undefined) {
      throw new TradedbError('usage', 'no source is named', { hint: 'tradedb migrate import <file> -d <target>' });
    }
    const path = context.resolve(argument);
    const name = options.name ?? basename(path);
    const { chooseSource } = await import('./import-reader.ts');
    const choice = {
      path,
      from: options.from,
      mappingPath: options.mapping,
      copyLimitBytes: options.copyLimit ?? context.config.import.copyLimit,
      options: readerOptionsOf(options, name, context),
    };
    const source = await chooseSource(choice, context);
    try {
      const data = await importFrom({ path, name, source }, options, context);
      return context.report<MigrateImportData>(data, { findings: findingsOf(data, context) });
    } finally {
      source.close();
    }
  },
  exitCode(report) {
    if (report.data.result?.stopped != null) return 15;
    return report.status === 'ok' ? 0 : report.status === 'warning' ? 3 : 12;
  },
});

async function listHeld(reason: string, context: CommandContext): Promise<MigrateImportData> {
  const { readHeld } = await import('./import-held.ts');
  const target = context.databasePath();
  const held = await readHeld(target, reason, context);
  return { mode: 'quarantine', dryRun: false, target, source: null, tables: null, backup: null, result: null, held };
}

interface Opened {
  readonly path: string;
  readonly name: string;
  readonly source: ChosenSource;
}

async function importFrom(opened: Opened, options: Options, context: CommandContext): Promise<MigrateImportData> {
  const { name, source } = opened;
  const about = describe(opened);
  const nothing = {
    dryRun: context.dryRun,
    target: null,
    source: about,
    tables: null,
    backup: null,
    result: null,
    held: null,
  };
  if (options.detect) return { ...nothing, mode: 'detect', tables: source.tables() };
  source.requireImportable();
  const target = context.databasePath();
  const { withTarget } = await import('./import-target.ts');
  const { runImport } = await import('../../core/trading/import/run-import.ts');
  const { parseOpening } = await import('../../core/trading/import/opening.ts');
  const { trading, import: settings } = context.config;
  const choice = {
    path: target,
    create: options.create,
    copyLimitBytes: options.copyLimit ?? settings.copyLimit,
    backup: { mode: options.backup, system: source.detection.system, name },
  };
  const limits = {
    streams: options.streams?.split(',').map((stream) => stream.trim()),
    batchRows: options.batchRows ?? settings.batchRows,
    readSliceMs: options.readSlice ?? settings.readSlice ?? (about.journalMode === 'WAL' ? 1000 : 50),
    settleLimitMs: options.settleLimit ?? settings.settleLimit,
    maxQuarantine: limitOf(options.maxQuarantine ?? settings.maxQuarantine),
    openings: options.opening.map(parseOpening),
    retry: options.retry,
    ruleTimes: {
      tolUs: trading.clockTolerance * 1000,
      fillTolUs: trading.fillTolerance * 1000,
      staleUs: trading.staleOrder * 1000,
    },
    onBatch: (stream: string, counts: object) => context.emit({ type: 'batch', stream, ...counts }),
    onBooked: (fills: number) => context.emit({ type: 'booked', fills }),
  };
  const { detection, mapping, open, source: connection, isLive } = source;
  const { heldIn } = await import('./import-held.ts');
  const done = await withTarget(choice, context, async (into) => {
    const request = { target: into, name, detection, mapping, open, source: connection, isLive, ...limits };
    const result = await runImport(request, context);
    // What a dry run holds is nowhere else to be seen.
    return { result, held: context.dryRun ? heldIn(into, 'all') : null };
  });
  return { ...nothing, mode: 'import', target, backup: done.backup, ...done.result };
}

function describe({ path, name, source }: Opened): ImportedSource {
  const { system, generation, label, evidence } = source.detection;
  return { path, name, system, generation, label, evidence, ...source.access };
}

function readerOptionsOf(options: Options, name: string, { config }: CommandContext): ReaderOptions {
  return {
    timezone: options.timezone ?? config.import.timezones[name],
    venue: options.venue,
    account: options.account ?? name,
    mode: options.mode,
    kind: options.kind,
    quote: options.quote,
    attributes: options.attributes || config.import.attributes,
  };
}

function limitOf(text: string): { rows: number } | { share: number } {
  const percent = /^(\d+(?:\.\d+)?)\s*%$/.exec(text);
  if (percent?.[1] !== undefined) return { share: Number(percent[1]) / 100 };
  if (/^\d+$/.test(text)) return { rows: Number(text) };
  throw new TradedbError('usage', `--max-quarantine ${JSON.stringify(text)} is neither a number nor a percentage`, {
    hint: 'write 50, or 1%',
  });
}

const shownFigures = 20;
/** Rules about what the source itself says of its orders: an import cannot make them true. */
const rulesOfSource: ReadonlySet<string> = new Set(['I03', 'I05', 'I06', 'I20', 'I25', 'I27', 'I22']);

function findingsOf({ result, target, source }: MigrateImportData, context: CommandContext): Finding[] {
  if (result === null || target === null) return [];
  const findings: Finding[] = [];
  const command = `tradedb migrate import --quarantine`;
  const on = `-d ${target}`;
  if (result.stopped !== null) {
    findings.push({
      id: 'import.stopped',
      severity: 'critical',
      message: `stopped: ${result.stopped}; what was committed stays`,
      hint: `see the reasons: ${command} all ${on}; then run the same command again, with another --max-quarantine`,
    });
  }
  const count = result.quarantine.reduce((sum, held) => sum + held.count, 0);
  if (count > 0) {
    findings.push({
      id: 'import.held',
      severity: 'warning',
      message: `${count} ${count === 1 ? 'row is' : 'rows are'} held`,
      ...(context.dryRun ? {} : { hint: `${command} all ${on}` }),
      values: Object.fromEntries(result.quarantine.map((held) => [held.reason, held.count])),
    });
  }
  const unknown = result.plan.columns.filter(({ fate }) => fate === 'unknown');
  if (unknown.length > 0) {
    const names = unknown.map(({ table, column }) => `${table}.${column}`).join(', ');
    const message = `columns of a newer ${source?.system ?? 'source'} than this release knows: ${names}`;
    findings.push({ id: 'import.unknown-columns', severity: 'warning', message });
  }
  if (!result.comparedAtOnce) {
    findings.push({
      id: 'import.not-one-state',
      severity: 'warning',
      message: 'the source was written while its figures were taken: they were not compared against one state',
      hint: 'run it again in a quiet moment, or with a longer --settle-limit',
    });
  }
  return [...findings, ...figureFindings(result), ...ruleFindings(result)];
}

function figureFindings({ reconciliation, comparedAtOnce }: ImportResult): Finding[] {
  const severity = comparedAtOnce ? 'critical' : 'warning';
  return reconciliation
    .filter(({ passed }) => !passed)
    .slice(0, shownFigures)
    .map(({ check, account, instrument, asset, source, target, difference }) => ({
      id: 'import.reconciliation',
      severity,
      subject: [check, account, instrument, asset].filter((part) => part !== null).join(' '),
      message: `the source says ${source}, the target ${target} (${difference})`,
    }));
}

function ruleFindings({ rules }: ImportResult): Finding[] {
  return rules
    .filter(({ status, id, severity }) => status === 'broken' && (severity === 'critical' || rulesOfSource.has(id)))
    .map(({ id, severity, sentence, count, samples }) => ({
      id: `rule.${id}`,
      severity: rulesOfSource.has(id) ? (severity === 'critical' ? ('warning' as const) : ('info' as const)) : severity,
      message: `${count} ${count === 1 ? 'row breaks' : 'rows break'} the rule that ${sentence}: ${samples.join(', ')}`,
      hint: 'tradedb health --profile reference',
    }));
}

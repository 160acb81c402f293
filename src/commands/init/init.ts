import { TradedbError } from '../../core/error.ts';
import type { FlowName } from '../../core/trading/market/order-flow.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import type { InitLayout } from './layout.ts';
import type { PrintedSchedule } from './schedule.ts';

export interface InitSample {
  readonly seed: number;
  readonly mix: FlowName;
  readonly orders: number;
  readonly instruments: number;
  readonly days: number;
  /** What was made; null in a dry run. */
  readonly made: {
    readonly fills: number;
    readonly rows: number;
    readonly rowsPerSecond: number;
    readonly rowsByTable: Readonly<Record<string, number>>;
    /** Dates of the first and the last trading day. */
    readonly firstDay: string;
    readonly lastDay: string;
  } | null;
}

export interface InitData {
  readonly dryRun: boolean;
  readonly database: string;
  readonly sizeBytes: number | null;
  readonly config: { readonly path: string; readonly isNew: boolean } | null;
  readonly migrations: {
    readonly directory: string;
    readonly files: readonly string[];
    readonly applied: number;
  } | null;
  readonly sample: InitSample | null;
  /** With --cron or --systemd; then nothing else is done. */
  readonly schedule: PrintedSchedule | null;
  /** Commands that make sense now. */
  readonly next: readonly string[];
}

interface SampleChoice {
  readonly sample: boolean;
  readonly orders: number | undefined;
  readonly instruments: number | undefined;
  readonly days: number | undefined;
  readonly mix: FlowName | undefined;
  readonly seed: number | undefined;
}

const sampleGroup = 'Sample market';

export const definition = defineCommand({
  path: ['init'],
  summary:
    'make a database with the trading schema and its configuration; fill it with a sample market; print schedules',
  description:
    'The configuration goes beside the database, the schema as migration files into "migrations" beside the configuration: they are yours to extend. Nothing is overwritten, and a run that fails takes away what it has made. The sample market trades synthetic orders around twenty years of real daily prices of the S&P 500; the same options give the same rows.',
  options: {
    sample: { type: 'flag', summary: 'fill the database with the sample market', group: sampleGroup },
    orders: {
      type: 'integer',
      value: 'n',
      minimum: 0,
      maximum: 1_000_000_000,
      summary: 'orders to make (10000)',
      group: sampleGroup,
    },
    instruments: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 5000,
      summary: 'instruments: the real index and synthetic ones (50)',
      group: sampleGroup,
    },
    days: {
      type: 'integer',
      value: 'n',
      minimum: 1,
      maximum: 5105,
      summary: 'trading days, the last ones of the bundled prices (60)',
      group: sampleGroup,
    },
    mix: {
      type: 'choice',
      choices: ['oms', 'mm'],
      summary: 'order flow: order management or market making (oms)',
      group: sampleGroup,
    },
    seed: {
      type: 'integer',
      value: 'n',
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER / 1000,
      summary: 'start of the chance (1)',
      group: sampleGroup,
    },
    cron: { type: 'flag', summary: 'print the configured schedules as crontab lines', group: 'Schedules' },
    systemd: { type: 'flag', summary: 'print the configured schedules as systemd units', group: 'Schedules' },
  },
  examples: [
    { command: 'init -d trading.db', does: 'an empty database with the trading schema' },
    { command: 'init --sample --yes', does: 'trading.db here, with a sample market' },
    { command: 'init --sample --orders 1000000 -d big.db', does: 'a million orders' },
    { command: 'init --cron', does: 'lines for crontab -e' },
  ],
  exitCodes: {
    0: 'made, or printed',
    1: 'failed, or the database exists; what this run had made is gone again',
    2: 'usage; configuration or migrations of something else are in the way',
  },
  changes: true,
  asks: true,
  async run({ options }, context) {
    if (options.cron || options.systemd) return context.report<InitData>(await schedules(options, context));
    const sample = chosenSample(options);
    const { configArgument, planLayout } = await import('./layout.ts');
    const { referenceMigrations } = await import('../../core/trading/reference-schema.ts');
    const layout = planLayout(context, options.sample);
    const migrations = referenceMigrations();
    const next = nextCommands(configArgument(layout, context), sample !== undefined);
    const about = describe(layout, { files: migrations.map(({ file }) => file), next, sample });
    if (context.dryRun) return context.report<InitData>({ ...about, dryRun: true });

    await context.confirm(`make ${JSON.stringify(layout.database)} with its configuration?`);
    const { createAll } = await import('./create-database.ts');
    const created = await createAll(layout, migrations, sample, context);
    return context.report<InitData>({
      ...about,
      sizeBytes: created.sizeBytes,
      migrations: { ...about.migrations, applied: created.applied },
      sample:
        about.sample === null || created.sample === null ? null : { ...about.sample, made: madeOf(created.sample) },
    });
  },
});

async function schedules(options: SampleChoice & { cron: boolean; systemd: boolean }, context: CommandContext) {
  if (options.cron && options.systemd)
    throw new TradedbError('usage', 'give --cron or --systemd, not both', { hint: 'run tradedb init once for each' });
  if (options.sample)
    throw new TradedbError('usage', '--sample makes a database, --cron and --systemd only print', {
      hint: 'run tradedb init once for each',
    });
  chosenSample(options);
  const { printedSchedule } = await import('./schedule.ts');
  const schedule = await printedSchedule(options.cron ? 'cron' : 'systemd', context);
  const nothing = { sizeBytes: null, config: null, migrations: null, sample: null, next: [] };
  return { ...nothing, dryRun: context.dryRun, database: context.databasePath(), schedule };
}

/** The options of the sample, with their defaults; undefined without --sample. */
function chosenSample(options: SampleChoice) {
  const { sample, orders, instruments, days, mix, seed } = options;
  const given = Object.entries({ orders, instruments, days, mix, seed }).find(([, value]) => value !== undefined);
  if (sample) {
    return {
      orders: orders ?? 10_000,
      instruments: instruments ?? 50,
      days: days ?? 60,
      mix: mix ?? 'oms',
      seed: seed ?? 1,
    };
  }
  if (given === undefined) return undefined;
  throw new TradedbError('usage', `--${given[0]} is an option of the sample market`, { hint: 'add --sample' });
}

function describe(
  layout: InitLayout,
  parts: { files: readonly string[]; next: readonly string[]; sample: ReturnType<typeof chosenSample> },
) {
  return {
    dryRun: false,
    database: layout.database,
    sizeBytes: null,
    config: { path: layout.configPath, isNew: !layout.keepsConfig },
    migrations: { directory: layout.migrationsDirectory, files: parts.files, applied: 0 },
    sample: parts.sample === undefined ? null : { ...parts.sample, made: null },
    schedule: null,
    next: parts.next,
  };
}

function madeOf(
  result: import('../../core/trading/market/generator.ts').SampleResult,
): NonNullable<InitSample['made']> {
  const { fills, rows, rowsPerSecond, rowsByTable, firstDayUs, lastDayUs } = result;
  const date = (us: number): string => new Date(us / 1000).toISOString().slice(0, 10);
  return { fills, rows, rowsPerSecond, rowsByTable, firstDay: date(firstDayUs), lastDay: date(lastDayUs) };
}

function nextCommands(config: string, isSample: boolean): string[] {
  const commands = [`tradedb backup${config}`, `tradedb health${config}`, `tradedb migrate status${config}`];
  return isSample ? [...commands, `tradedb loadtest${config} --scenario oms`] : commands;
}

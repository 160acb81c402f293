import * as v from 'valibot';
import {
  choice,
  duration,
  flag,
  fraction,
  integer,
  optionalInteger,
  optionalText,
  section,
  share,
  text,
  texts,
} from '../value.ts';

const kneeSection = section(
  {
    slo: text('response.p99 <= 10ms', 'The limit that has to hold'),
    trial: duration('1s', 'Shortest trial; twice as long near the knee'),
    repeats: integer(3, 1, 21, 'Trials that must hold close below the knee and fail close above it, an odd number'),
    precision: share('3%', 'The search ends when the knee is told to plus or minus this'),
    maxLoad: duration('60s', 'Time of load over all trials'),
  },
  'Search of loadtest knee',
);

const compareSection = section(
  {
    pairs: integer(10, 1, 1000, 'Pairs of slices'),
    maxPairs: optionalInteger(1, 1000, 'Add pairs up to this number while the spread is too wide; as pairs otherwise'),
    slice: duration('500ms', 'Length of one slice'),
    alpha: fraction(0.05, 0.0001, 0.5, 'Level of the test'),
    floor: share('3%', 'Smallest change that counts'),
    detect: share('10%', 'Change that must be visible before "no change" is said'),
    gate: texts('Metrics that decide: cpu, p50, p99, tps', ['cpu', 'p50']),
  },
  'Method of loadtest compare',
);

const durabilitySection = section(
  {
    method: choice(
      ['default', 'kill', 'write-log', 'wal-tear', 'all'],
      'default',
      'How crashes are made; default: kill, and the best that this machine can do about power',
    ),
    cycles: integer(25, 1, 100_000, 'Kills'),
    cuts: integer(60, 1, 100_000, 'Losses of power'),
    control: flag(true, 'Run write-log with synchronous OFF too, which must be convicted'),
  },
  'Method of loadtest durability',
);

export const loadtestSection = section(
  {
    scenario: optionalText('Transaction mix: a built-in name, or a scenario file relative to the configuration file'),
    clients: integer(1, 1, 64, 'Processes that generate load'),
    duration: duration('30s', 'Length of the measured phase'),
    warmup: duration('5s', 'Load before the measured phase'),
    rate: optionalInteger(
      1,
      1_000_000,
      'Transactions per second (open loop); without it each client runs as fast as it can',
    ),
    arrivals: choice(['constant', 'poisson', 'burst'], 'poisson', 'How open-loop arrivals are spread'),
    stages: optionalText('Rates over time such as "0s:0,10s:1000,30s:1000" (open loop)'),
    seed: optionalInteger(0, 2 ** 32 - 1, 'Seed of the statement stream; random and printed otherwise'),
    thinkTime: duration('0ms', 'Pause of a client between two transactions (closed loop)'),
    thresholds: texts('Expressions such as "order.new.p99 <= 5ms"; a crossed one sets exit code 4'),
    scratchDirectory: optionalText('Folder of the copies that are tested; beside the database otherwise'),
    interval: duration('1s', 'Length of one row of the time series'),
    variants: v.pipe(
      v.optional(v.record(v.string(), v.record(v.string(), v.union([v.string(), v.number()]))), {}),
      v.description(
        'Named sides of loadtest compare: { name: { durability, group, scenario, base, program, "pragma.<name>" } }',
      ),
    ),
    knee: kneeSection,
    compare: compareSection,
    durability: durabilitySection,
  },
  'Load tests',
);

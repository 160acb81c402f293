import * as v from 'valibot';
import {
  bytes,
  choice,
  duration,
  durationText,
  flag,
  fraction,
  integer,
  optionalDuration,
  optionalText,
  section,
  share,
  text,
  texts,
} from '../value.ts';
import { archiveSection, retentionSection } from './retention.ts';

const clockTime = v.pipe(
  v.string('expected a time such as "02:30"'),
  v.regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time such as "02:30"'),
);

const maintenanceWindow = v.strictObject({
  days: v.optional(
    v.array(
      v.picklist(
        ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
        'expected one of "mon", "tue", "wed", "thu", "fri", "sat", "sun"',
      ),
    ),
    ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'],
  ),
  from: clockTime,
  to: clockTime,
});

export const maintenanceSection = section(
  {
    windows: v.pipe(
      v.optional(v.array(maintenanceWindow, 'expected a list of windows'), []),
      v.description('Times (UTC) in which maintenance may run: { days, from, to }. With none it may run at any time'),
    ),
    vacuum: section(
      {
        until: share('5%', 'Free share of the file below which a vacuum is not worth it'),
        latencyBudget: duration('2ms', 'Longest step of an incremental vacuum'),
        walBudget: bytes('64MiB', 'WAL growth after which the vacuum pauses for a checkpoint'),
        duty: fraction(0.3, 0.01, 1, 'Share of the time in which the vacuum works'),
        maxDuration: duration('30m', 'Longest run'),
        readerWait: duration(
          '10s',
          'How long a reader may keep the WAL from being checkpointed before the vacuum stops',
        ),
        idleOnly: flag(false, 'The incremental way works only while nobody else commits'),
        idleRate: fraction(1, 0.001, 20, 'Commits of others per second below which they count as idle'),
        reserve: bytes('1GiB', 'Free disk space that is never used up'),
        keepOld: duration('24h', 'How long the file before a compaction is kept'),
        verify: choice(['quick', 'full'], 'quick', 'Check of a compacted file before it is put in place'),
      },
      'Space reclaim',
    ),
    checkpoint: section(
      {
        mode: choice(['passive', 'full', 'restart', 'truncate'], 'passive', 'Mode of the checkpoint'),
        timeout: duration('5s', 'How long a checkpoint waits for readers and writers'),
      },
      'Checkpoints',
    ),
    optimize: section(
      { analysisLimit: integer(1000, 0, 1_000_000, 'Rows per index that ANALYZE reads; 0: all') },
      'Statistics',
    ),
    retention: retentionSection,
    archive: archiveSection,
  },
  'Maintenance',
);

/** A pair of limits; the check warns at the first and is critical at the second. */
const limits = <T extends v.GenericSchema>(
  value: T,
  warning: v.InferInput<T>,
  critical: v.InferInput<T>,
  description: string,
) =>
  v.pipe(
    v.optional(
      v.strictObject({ warning: v.optional(value, warning), critical: v.optional(value, critical) }),
      {} as never,
    ),
    v.description(description),
    // Both limits have a default, which the generic form of valibot's types cannot see.
  ) as unknown as v.GenericSchema<Partial<Limits<v.InferInput<T>>> | undefined, Limits<v.InferOutput<T>>>;

export const healthSection = section(
  {
    scanBudget: duration('2s', 'Time of the structural page scan; a larger file is scanned in turns'),
    copyLimit: bytes('4GiB', 'Largest database of which a private copy is made for the SQL checks'),
    timeout: duration('30m', 'Longest run of one check'),
    skip: texts('Checks that are not run; * matches any text'),
    tiers: section(
      {
        daily: duration('24h', 'Interval of the daily tier for --tier due'),
        deep: duration('7d', 'Interval of the deep tier for --tier due'),
      },
      'How often the dearer tiers are due',
    ),
    lastRunMax: section(
      {
        backup: optionalDuration('Age of the newest backup from which health is critical'),
        health: optionalDuration('Age of the last health run from which health is critical'),
        daily: optionalDuration('Age of the last daily health run from which health is critical'),
        deep: optionalDuration('Age of the last deep health run from which health is critical'),
        verify: optionalDuration('Age of the last verification of backups from which health is critical'),
        drill: optionalDuration('Age of the last restore drill from which health is critical'),
        prune: optionalDuration('Age of the last pruning of backups from which health is critical'),
        optimize: optionalDuration('Age of the last refresh of the statistics from which health is critical'),
        vacuum: optionalDuration('Age of the last vacuum from which health is critical'),
        archive: optionalDuration('Age of the last move of old rows from which health is critical'),
      },
      'Jobs that should have run by now',
    ),
    rules: v.pipe(
      v.optional(
        v.array(
          v.strictObject({
            id: v.pipe(v.string('expected a text'), v.regex(/^X-[\w-]+$/, 'expected a name such as "X-my-rule"')),
            sentence: v.string('expected a sentence'),
            severity: v.optional(v.picklist(['warning', 'critical'], 'expected "warning" or "critical"'), 'critical'),
            tier: v.optional(v.picklist(['quick', 'daily', 'deep'], 'expected "quick", "daily" or "deep"'), 'daily'),
            sql: v.string('expected one SELECT whose rows are the offenders'),
            runbook: v.optional(v.string('expected a text'), 'look at the rows that are named'),
          }),
        ),
        [],
      ),
      v.description('Own business rules: one SELECT each, whose rows are the offenders'),
    ),
  },
  'Health checks',
);

export const recoverySection = section(
  { caseFolder: optionalText('Where health recover makes its case folders; beside the database otherwise') },
  'Recovery',
);

const nonEmpty = v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty'));
const labels = v.optional(v.record(v.string(), v.string('expected a text')), {});
const finite = v.number('expected a number');

const alertRule = v.strictObject({
  id: v.pipe(v.string('expected a text'), v.regex(/^[\w.-]+$/, 'expected a name such as "many-writers"')),
  expr: v.pipe(nonEmpty, v.description('Metric, such as wal_backlog_bytes or health_status{check="wal.chain"}')),
  warn: v.optional(finite),
  crit: v.optional(finite),
  clear: v.optional(v.strictObject({ warn: v.optional(finite), crit: v.optional(finite) }), {}),
  direction: choice(['above', 'below'], 'above', 'Which side of the limits is bad'),
  for: duration('0s', 'How long a limit must be crossed before anybody is told'),
  keep: duration('0s', 'How long the value must be good before the alert ends'),
  group: text('default', 'Alerts of one group go out together'),
  nodata: choice(['keep', 'alert', 'ok'], 'keep', 'What missing samples do: nothing, raise an alert, end it'),
  labels,
  runbook: optionalText('Where to read what to do'),
});

const channelBase = {
  minSeverity: choice(['warning', 'critical'], 'warning', 'Notifications below it are not sent here'),
};
const channelTimeout = { timeout: duration('10s', 'Longest attempt') };
const urlFile = v.pipe(nonEmpty, v.description('File with the address; relative to the configuration file'));

const channel = v.variant(
  'type',
  [
    v.strictObject({
      type: v.literal('webhook'),
      urlFile,
      secretFile: optionalText('File with the key of the signature (HMAC-SHA256)'),
      ...channelBase,
      ...channelTimeout,
    }),
    v.strictObject({ type: v.literal('slack'), urlFile, ...channelBase, ...channelTimeout }),
    v.strictObject({
      type: v.literal('command'),
      command: v.pipe(v.array(nonEmpty, 'expected a program and its arguments'), v.minLength(1, 'must not be empty')),
      ...channelBase,
      ...channelTimeout,
    }),
    v.strictObject({
      type: v.literal('syslog'),
      host: text('127.0.0.1', 'Where the datagrams go'),
      port: integer(514, 1, 65_535, 'UDP port'),
      ...channelBase,
    }),
    v.strictObject({
      type: v.literal('email'),
      urlFile: v.pipe(
        nonEmpty,
        v.description('File with the server: smtps://user:password@host:465, or smtp://host:25'),
      ),
      caFile: optionalText('File with the certificate that signed that of the server, when it is an own one'),
      from: nonEmpty,
      to: v.pipe(v.array(nonEmpty, 'expected a list of addresses'), v.minLength(1, 'must not be empty')),
      ...channelBase,
      ...channelTimeout,
    }),
    v.strictObject({ type: v.literal('file'), path: nonEmpty, ...channelBase }),
  ],
  'expected one of "webhook", "slack", "command", "syslog", "email", "file"',
);

const heartbeat = v.optional(
  v.strictObject({ urlFile, timeout: duration('5s', 'Longest ping') }, 'expected { urlFile }'),
);

export const alertsSection = section(
  {
    interval: duration('5m', 'Longest usual time between two evaluations; twice as long counts as unwatched'),
    groupWait: duration(
      '0s',
      'How long a group collects news before it is told; 0s: at the end of the run that found it',
    ),
    groupInterval: duration('5m', 'Least time between two notifications of a group; critical ones do not wait'),
    repeat: duration('4h', 'After which an alert that goes on is told again'),
    rules: v.pipe(
      v.optional(v.array(alertRule, 'expected a list of rules'), []),
      v.description('Own alert rules; one with the id of a built-in rule replaces it'),
    ),
    channels: v.pipe(
      v.optional(v.record(v.pipe(v.string(), v.regex(/^[\w-]+$/, 'expected a name such as "on-call"')), channel), {}),
      v.description('Where notifications go: { name: { type: webhook, slack, command, syslog, email or file, ... } }'),
    ),
    inhibit: v.pipe(
      v.optional(v.array(v.strictObject({ when: nonEmpty, mute: nonEmpty }), 'expected a list'), [
        { when: 'rule=unreachable', mute: '*' },
      ]),
      v.description('While an alert that fits "when" lasts, those that fit "mute" are not told'),
    ),
    heartbeats: section(
      {
        backup: heartbeat,
        prune: heartbeat,
        verify: heartbeat,
        drill: heartbeat,
        health: heartbeat,
        optimize: heartbeat,
        vacuum: heartbeat,
        archive: heartbeat,
        service: v.optional(
          v.strictObject(
            {
              urlFile,
              timeout: duration('5s', 'Longest ping'),
              every: duration('1m', 'Time between two pings of monitor serve'),
            },
            'expected { urlFile }',
          ),
        ),
      },
      "Pings to a dead man's switch, by job; service: monitor serve while samples of every database arrive",
    ),
    thresholds: section(
      {
        queryLatency: limits(duration('50ms', ''), '50ms', '500ms', '99th percentile of a transaction'),
        errorRate: limits(share('1%', ''), '1%', '5%', 'Share of failed transactions'),
        poolUse: limits(share('80%', ''), '80%', '100%', 'Busy share of the background readers'),
        databaseSize: limits(bytes('20GiB', ''), '20GiB', '50GiB', 'Size of the database file'),
        walSize: limits(bytes('64MiB', ''), '64MiB', '512MiB', 'Frames in the WAL that are not checkpointed yet'),
        backupAge: limits(duration('26h', ''), '26h', '50h', 'Age of the newest backup'),
        verifyAge: limits(duration('8d', ''), '8d', '32d', 'Age of the last passed verification of the backups'),
        drillAge: limits(duration('32d', ''), '32d', '93d', 'Age of the last passed restore drill'),
        freeSpace: limits(bytes('2GiB', ''), '2GiB', '512MiB', 'Free space on the file system of the database'),
        freeShare: limits(share('20%', ''), '20%', '50%', 'Share of the file that is free pages'),
        readerAge: limits(
          duration('1s', ''),
          '1s',
          '60s',
          'How long a reader may hold an old snapshot of a WAL that grows',
        ),
        lockAge: limits(
          duration('5s', ''),
          '5s',
          '60s',
          'How long a process may hold a lock that others wait for without committing',
        ),
      },
      'Limits at which checks and the monitor warn',
    ),
  },
  'Alerts',
);

export const tradingSection = section(
  {
    profile: text(
      'auto',
      'Whose business rules apply: auto (those of the program that the tables show), reference, freqtrade, hummingbot, vnpy, none, or a mapping file',
    ),
    mappings: texts('Mapping files that auto tries, for databases with a schema of your own'),
    clockTolerance: duration('1s', 'How far a time may lie in the future'),
    fillTolerance: duration('1s', 'How long after its end an order may still be filled'),
    staleOrder: duration('24h', 'Age of the last event from which an open order is stale'),
    audit: section(
      {
        anchorFile: optionalText(
          'File outside of the database, best on another machine, in which backup create and health audit --anchor note the head of the audit chain; relative to the configuration file',
        ),
      },
      'Proof of the audit log',
    ),
    retentionClasses: v.pipe(
      v.optional(v.record(v.pipe(v.string(), v.regex(/^[\w.-]+$/, 'expected a name such as "5y"')), durationText), {
        operational: '1y',
        '5y': '5y',
        '6y': '6y',
      }),
      v.description(
        'How long rows of a class must exist somewhere, such as { "5y": "5y" }, for policies and exports; permanent is always there. Names with durations, not legal advice',
      ),
    ),
  },
  'Rules of the trading schema',
);

export const stateSection = section(
  {
    directory: text(
      '.tradedb',
      'Leases, run state and resume points; relative to the configuration file, or to the database without one',
    ),
  },
  'What tradedb itself remembers',
);

export const analyzeSection = section(
  {
    workload: texts('Workload files whose statements are examined; * matches any text'),
    timeLimit: duration('60s', 'Longest run of an analysis'),
    copyLimit: bytes('1GiB', 'Largest database of which a copy is made'),
    scratchDirectory: optionalText('Folder for private copies; the folder for temporary files otherwise'),
    showParameters: flag(false, 'Show statements with their values'),
    baselineDirectory: text('.tradedb/baselines', 'Folder of the stored baselines'),
    indexes: section(
      {
        sizeBudget: optionalText('All new indexes together: a size, or a share of the file such as 20%'),
        maxIndexes: integer(20, 0, 1000, 'New indexes at most'),
        maxSlowdown: fraction(1.1, 1, 1000, 'No query may become slower than this multiple of its time'),
        gainFloor: fraction(0.1, 0, 1000, 'Share of the cost an index must save per share of the file that it takes'),
        minimumGain: fraction(0.005, 0, 1, 'Share of the cost that one more index must save'),
        drops: choice(['none', 'redundant', 'unused'], 'redundant', 'Existing indexes that may go'),
        pinned: texts('Indexes that are never dropped'),
        engineStat4: choice(
          ['auto', 'yes', 'no', 'both'],
          'auto',
          'Plan like an engine with STAT4, without, or for both',
        ),
      },
      'Index advice',
    ),
    space: section(
      { reclaimWarning: share('20%', 'Share of the file a vacuum would free, from which it is reported') },
      'Space',
    ),
    compare: section(
      {
        pairs: integer(20, 6, 1000, 'Pairs at least'),
        maxPairs: integer(20, 6, 1000, 'Pairs at most, added while the spread is too large'),
        alpha: fraction(0.05, 0.0001, 0.5, 'Level of the test'),
        floor: share('5%', 'Smallest change that counts'),
        detect: share('10%', 'Change that must be visible to say that there is none'),
      },
      'Comparisons',
    ),
  },
  'Analysis',
);

export type Limits<T> = { readonly warning: T; readonly critical: T };

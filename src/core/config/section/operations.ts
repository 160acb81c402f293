import * as v from 'valibot';
import {
  bytes,
  choice,
  duration,
  flag,
  integer,
  optionalDuration,
  optionalText,
  section,
  text,
  texts,
} from '../value.ts';
import { repository } from './repository.ts';

export const migrationsSection = section(
  {
    directory: text('migrations', 'Folder of the migration files; relative to the configuration file'),
    table: text('tradedb_migrations', 'History table in the database'),
    transaction: choice(
      ['file', 'all'],
      'file',
      'One transaction per file, or one for all pending files (everything or nothing)',
    ),
    safetyBackup: choice(
      ['auto', 'always', 'never'],
      'auto',
      'Verified backup before migrate up and down; auto: when rows would be dropped or overwritten',
    ),
    outOfOrder: flag(false, 'Accept files older than the newest applied one'),
    lockTimeout: duration('30s', 'How long up and down wait for the write lock'),
    statementTimeout: optionalDuration(
      'Longest time of one statement of up; the work is then done by a process that can be killed (no limit)',
    ),
    safetyBackupKeep: integer(3, 0, 1000, 'Newest safety backups that backup prune leaves alone'),
    seedsDirectory: text('seeds', 'Folder of the seeds for up --seed; relative to the configuration file'),
    hooksDirectory: optionalText('Folder of the hooks around up ("hooks" in the folder of the migration files)'),
    mirror: choice(['none', 'knex'], 'none', 'Keep the table of another tool in step, in the same transaction'),
    lint: section(
      {
        onUp: choice(
          ['off', 'error', 'warning'],
          'off',
          'up judges the pending files first, and stops from this level',
        ),
        failOn: choice(['error', 'warning'], 'error', 'Level from which lint fails'),
        largeTableRows: integer(100_000, 0, 1_000_000_000_000, 'Rows from which a table counts as large'),
        rules: v.pipe(
          v.optional(
            v.record(
              v.pipe(v.string(), v.regex(/^M0\d\d$/, 'expected a rule such as "M011"')),
              v.picklist(['off', 'info', 'warning', 'error'], 'expected "off", "info", "warning" or "error"'),
            ),
            {},
          ),
          v.description('Levels of single rules, such as { "M023": "warning" }'),
        ),
      },
      'Rules for migration files',
    ),
    data: section(
      {
        batch: integer(5000, 1, 1_000_000, 'Rows of a batch of migrate:data, unless the file says it'),
        targetHold: duration('25ms', 'How long a batch may hold the write lock; smaller batches are taken to keep it'),
        pauseRatio: v.pipe(
          v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 1),
          v.description('Pause behind a batch, as a multiple of the time that it held the lock'),
        ),
      },
      'Data migrations in batches',
    ),
    online: section(
      {
        targetHold: duration('4ms', 'How long a batch of an online change may hold the write lock'),
        pauseRatio: v.pipe(
          v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(100)), 1.5),
          v.description('Pause behind a batch, as a multiple of the time that it held the lock'),
        ),
        leastRows: integer(50, 1, 1_000_000, 'Smallest batch'),
        mostRows: integer(50_000, 1, 1_000_000, 'Largest batch'),
        checkpointEvery: integer(4, 1, 100_000, 'Batches between two checkpoints'),
        takeoverAfter: duration(
          '60s',
          'After this silence the owner of an unfinished file on another machine is taken for dead',
        ),
      },
      'Table changes beside running writers',
    ),
    drift: section(
      { ignore: texts('Objects that drift leaves out; * stands for any characters') },
      'Comparison of the schema with the migrations',
    ),
  },
  'Schema migrations',
);

const hook = (description: string) =>
  v.pipe(
    v.optional(
      v.pipe(
        v.array(v.string('expected a text'), 'expected a program and its arguments, such as ["/bin/sync"]'),
        v.minLength(1, 'expected a program'),
      ),
    ),
    v.description(description),
  );

export const backupSection = section(
  {
    repositories: v.pipe(
      v.optional(v.record(v.string(), repository), {}),
      v.description(
        'Where backups go: { name: { kind: folder, s3 or sftp, ... } }; the first is the primary one. Default: a folder "backups" beside the configuration file',
      ),
    ),
    label: optionalText('Label of the database in the repository; its file name otherwise'),
    codec: v.pipe(
      v.optional(
        v.pipe(
          v.string('expected a text'),
          v.regex(/^(none|gzip|zstd(:([1-9]|1[0-9]))?)$/, 'expected "none", "gzip", "zstd" or "zstd:1" to "zstd:19"'),
        ),
        'zstd:1',
      ),
      v.description('Compression: none, gzip, zstd or zstd:<level>'),
    ),
    workers: integer(0, 0, 16, 'Threads that compress and hash; 0: one per core, at most 4'),
    maxWal: bytes('1GiB', 'A snapshot gives up when the -wal grows beyond this meanwhile'),
    fullEvery: duration('7d', 'A chain of incremental backups older than this begins anew with a full one'),
    maxChain: integer(30, 0, 1000, 'Longest chain of incremental backups; 0: every backup is a full one'),
    verify: integer(1, 0, 3, 'Verification after a backup: 0 none, 1 structure, 2 stored bytes, 3 content'),
    archive: section(
      {
        startWithMonitor: flag(false, 'monitor serve starts the archiver, and starts it again when it ends'),
        segmentInterval: duration('1s', 'Longest time until a commit is durable in the repository'),
        segmentSize: bytes('8MiB', 'A segment ends at this size of WAL frames'),
        checkpointFrames: integer(
          600,
          50,
          1_000_000,
          'Frames in the WAL from which on the archiver lets it begin anew',
        ),
        maxWal: bytes(
          '256MiB',
          'When the repository cannot be written, the archiver gives up at this size of the -wal',
        ),
        commitWindow: duration('7d', 'prune --compact leaves every single commit of this time'),
        compactTo: duration('15m', 'Of older commits, prune --compact leaves the last one of each such time'),
        spoolMax: bytes(
          '4GiB',
          'What may wait in the state directory while the server of a repository is out of reach',
        ),
      },
      'Archive of every commit (tradedb backup archive)',
    ),
    hooks: section(
      {
        before: hook('Program that runs before a backup, as a list of arguments; when it fails, nothing is done'),
        after: hook('Program that runs after a backup; when it fails, that is a warning'),
        onFailure: hook('Program that runs when a backup failed'),
        timeout: duration('10m', 'A program that runs longer is ended'),
      },
      'Programs around a backup; they get TRADEDB_EVENT, TRADEDB_DATABASE, TRADEDB_BACKUP_ID, TRADEDB_ERROR',
    ),
    retention: section(
      {
        keepLast: integer(3, 0, 100_000, 'Newest backups that are always kept'),
        hourly: integer(0, 0, 100_000, 'Hours of which the newest backup is kept'),
        daily: integer(7, 0, 100_000, 'Days of which the newest backup is kept'),
        weekly: integer(4, 0, 100_000, 'Weeks of which the newest backup is kept'),
        monthly: integer(12, 0, 100_000, 'Months of which the newest backup is kept'),
        yearly: integer(0, 0, 100_000, 'Years of which the newest backup is kept'),
        keepWithin: optionalDuration('Every backup younger than this is kept'),
        recoveryWindow: duration('7d', 'Archived commits of this time can be restored: what they build on is kept'),
        minimumRedundancy: integer(2, 0, 1000, 'Verified backups that are never removed'),
        grace: duration('24h', 'Time between marking a backup for deletion and deleting it'),
      },
      'Which backups prune keeps',
    ),
    encryption: section(
      {
        recipients: texts('age recipients (age1...) that can open the backups; naming any encrypts new repositories'),
        identityFile: optionalText('File with the age identity of this machine; or TRADEDB_BACKUP_IDENTITY'),
        passphraseFile: optionalText('File with a passphrase that opens them too; or TRADEDB_BACKUP_PASSPHRASE'),
      },
      'Encryption of repositories',
    ),
    leases: section(
      {
        expiry: duration('2m', 'A lease on a server that was not renewed for so long is void'),
        settle: duration('2s', 'How long a lease waits for others where a server cannot create a name exclusively'),
      },
      'Leases in repositories on servers',
    ),
  },
  'Backups',
);

const drillQuery = v.strictObject({
  name: v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty')),
  sql: v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty')),
  expect: v.optional(v.string('expected a text')),
});

export const restoreSection = section(
  {
    check: choice(['none', 'quick', 'full'], 'quick', 'Check of the restored file before it is put in place'),
    keepOld: flag(true, 'Keep the replaced database beside the new one'),
    hooks: section(
      {
        beforeSwap: hook('Program that runs before a database is replaced; when it fails, nothing is changed'),
        afterSwap: hook('Program that runs after it; when it fails, that is a warning'),
      },
      'Programs around the exchange of a database; they get TRADEDB_EVENT, TRADEDB_DATABASE, TRADEDB_BACKUP_ID',
    ),
    drill: section(
      {
        maxRpo: optionalDuration('Goal: at most so much may be lost'),
        maxRto: optionalDuration('Goal: a restore takes at most so long'),
        check: choice(['quick', 'full'], 'quick', 'Check of the restored file'),
        queries: v.pipe(
          v.optional(v.array(drillQuery, 'expected a list of queries'), []),
          v.description('Queries that are run on the restored file, with the value that the first column must have'),
        ),
      },
      'Restore drills',
    ),
    follow: section(
      {
        poll: duration('1s', 'Time between two looks for new commits'),
        lagWarning: duration('30s', 'A standby that lags more than this is a warning'),
      },
      'Warm standby (tradedb restore follow)',
    ),
  },
  'Restores',
);

const scheduleEntry = (cron: string | false, description: string) =>
  v.pipe(
    v.optional(
      v.union([v.string('expected a cron expression such as "0 */6 * * *", or false'), v.literal(false)]),
      cron,
    ),
    v.description(description),
  );

export const schedulesSection = section(
  {
    backup: scheduleEntry('0 */6 * * *', 'Cron expression of the backup; false: never'),
    prune: scheduleEntry('30 3 * * *', 'Cron expression of the removal of old backups; false: never'),
    verify: scheduleEntry('0 4 * * 0', 'Cron expression of the verification of backups; false: never'),
    drill: scheduleEntry(
      false,
      'Cron expression of restore drill, which needs room for the database in the temporary folder; false: never',
    ),
    health: scheduleEntry('*/5 * * * *', 'Cron expression of the quick health check; false: never'),
    optimize: scheduleEntry('15 5 * * *', 'Cron expression of the refresh of statistics; false: never'),
    vacuum: scheduleEntry('30 5 * * 0', 'Cron expression of the vacuum; false: never'),
    archive: scheduleEntry(false, 'Cron expression of vacuum archive, which needs retention policies; false: never'),
  },
  'When cron or systemd runs what (printed by: tradedb init --cron, --systemd)',
);

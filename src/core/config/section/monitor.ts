import * as v from 'valibot';
import { bytes, choice, duration, flag, integer, optionalText, section, share, text, texts } from '../value.ts';

const jobNames = ['backup', 'prune', 'verify', 'drill', 'health', 'optimize', 'vacuum', 'archive'] as const;

const watchedDatabase = v.strictObject({
  path: v.pipe(
    v.string('expected a path'),
    v.minLength(1, 'must not be empty'),
    v.description('SQLite file; relative to the configuration file'),
  ),
  jobs: v.pipe(
    v.optional(v.array(v.picklist(jobNames, `expected one of ${jobNames.map((name) => `"${name}"`).join(', ')}`)), []),
    v.description('Jobs of "schedules" that run for it too'),
  ),
});

export const monitorSection = section(
  {
    rate: integer(10, 1, 50, 'Samples per second'),
    attribution: choice(
      ['frames', 'index', 'off'],
      'frames',
      'What tells which table is written: the frames of the WAL, their page numbers in the WAL-index, or nothing',
    ),
    refresh: duration('500ms', 'Time between two frames of the terminal view'),
    maxCpu: share('3%', 'Share of one core that the sampler may use; it samples less often when it would be more'),
    lockInterval: duration('100ms', 'Time between two looks at the lock table'),
    pinnedAfter: duration('1s', 'Age from which a reader that stops the checkpoint is reported'),
    minCoverage: share('50%', 'Share of the commits that must be seen; monitor sample ends with 3 below it'),
    listen: text('127.0.0.1:9853', 'Address of monitor serve'),
    allowHosts: texts('Further names that the Host header of a request may carry'),
    tokenFile: optionalText('File with the token of monitor serve; relative to the configuration file'),
    metricsTokenFile: optionalText('File with a token that opens /metrics alone'),
    requestLimit: integer(50, 1, 100_000, 'Requests per second that one address may make of monitor serve'),
    dashboard: flag(true, 'monitor serve has a page for browsers'),
    databases: v.pipe(
      v.optional(
        v.record(v.pipe(v.string(), v.regex(/^[\w.-]+$/, 'expected a name such as "archive"')), watchedDatabase),
        {},
      ),
      v.description('Further databases that monitor serve watches: { name: { path, jobs } }'),
    ),
    history: section(
      {
        path: optionalText('File of the history; monitor-history.db in state.directory without it'),
        maxBytes: bytes('128MiB', 'Size that the file never exceeds'),
        raw: duration('1h', 'How long values per second are kept'),
        minutes: duration('7d', 'How long values per minute are kept'),
        hours: duration('400d', 'How long values per hour are kept'),
      },
      'History of monitor serve',
    ),
    jobs: section(
      {
        jitter: duration('20s', 'Jobs of monitor serve start up to this much later, at random'),
        timeout: duration('30m', 'Longest run of a job of monitor serve'),
        leaseWait: duration('5m', 'How long a job waits for another one that works on the same database'),
        catchUp: choice(['once', 'never'], 'once', 'Whether runs that were missed are made up for, once'),
        timeZone: text('UTC', 'Time zone of the schedules in monitor serve, such as Europe/Zurich'),
      },
      'How monitor serve runs the schedules',
    ),
    log: section(
      {
        level: choice(['debug', 'info', 'warn', 'error'], 'info', 'Least level of the log of monitor serve'),
        file: optionalText('File of the log, opened again at SIGHUP; stderr without it'),
      },
      'Log of monitor serve',
    ),
  },
  'Live view',
);

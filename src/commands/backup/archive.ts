import type { Repository } from '../../core/backup/repository/repository.ts';
import type { ArchiveGapRecord } from '../../core/backup/wal-archive/archive-request.ts';
import type { SpoolSettings } from '../../core/backup/wal-archive/spooled-store.ts';
import { formatByteSize } from '../../core/config/byte-size.ts';
import type { Finding } from '../../core/report.ts';
import type { Storage } from '../../core/storage/storage.ts';
import { defineCommand } from '../definition.ts';
import {
  chosenLocation,
  databaseLabel,
  openOrCreateIn,
  ownerOf,
  repositoryOption,
  storageOf,
  workerCount,
} from './repository-option.ts';

export interface BackupArchiveData {
  readonly dryRun: boolean;
  readonly database: string;
  readonly repository: { readonly name: string; readonly kind: string; readonly location: string };
  /** Null after a dry run. */
  readonly epoch: string | null;
  /** Number of the last archived commit in its epoch. */
  readonly tx: number;
  /** Of this run. */
  readonly commits: number;
  readonly frames: number;
  /** How often the WAL began anew. */
  readonly resets: number;
  readonly gaps: readonly ArchiveGapRecord[];
  readonly segments: number;
  readonly bytesArchived: number;
  readonly walMaxBytes: number;
  /** Times that writers were kept out so that the WAL could begin anew. */
  readonly writeLock: { readonly count: number; readonly totalMs: number; readonly maxMs: number };
  /** What is recorded and waits for the server of the repository; the next run sends it. */
  readonly spoolSegments: number;
  readonly spoolBytes: number;
  readonly interrupted: boolean;
}

export const definition = defineCommand({
  path: ['backup', 'archive'],
  summary: 'copy every commit of a live WAL database into the repository, until it is stopped',
  description:
    'With it, restore can go back to any single commit or moment. Other processes go on writing and checkpointing. SIGTERM makes everything that was committed durable before it ends. A break (it did not run, and the WAL began anew) is named, and a new epoch begins with a backup of what changed.',
  options: {
    repository: repositoryOption,
    for: { type: 'duration', value: 'duration', summary: 'end after this time; without it, when it is stopped' },
    segmentInterval: {
      type: 'duration',
      value: 'duration',
      summary: 'longest time until a commit is durable in the repository, or before a server in the spool',
      config: 'backup.archive.segmentInterval',
    },
    maxWal: {
      type: 'bytes',
      value: 'size',
      summary: 'when the repository cannot be written, give up at this size of the -wal: the application goes first',
      config: 'backup.archive.maxWal',
    },
  },
  examples: [
    { command: 'backup archive -d trading.db', does: 'archive until SIGTERM' },
    { command: 'backup archive --for 1h -f ndjson', does: 'for an hour, a line for every event' },
  ],
  exitCodes: {
    0: 'ended after --for',
    1: 'failed; the application was not held up',
    2: 'not in WAL mode',
    3: 'a gap happened, at the start or meanwhile, or segments still wait for the server',
    10: 'database not found',
    11: 'another archiver is running, or locked',
    12: 'not a database',
  },
  formats: ['ndjson'],
  changes: true,
  async run({ options }, context) {
    const location = await chosenLocation(context, options.repository);
    const database = context.databasePath();
    const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
    requireDatabaseFile(database);
    const common = {
      dryRun: context.dryRun,
      database,
      repository: { name: location.name, kind: location.kind, location: location.location },
    };
    if (context.dryRun) return context.report<BackupArchiveData>({ ...common, ...nothing });
    const { databaseIdOf } = await import('../../core/backup/repository/object-name.ts');
    const { createBackup } = await import('../../core/backup/create.ts');
    const { parseCodec } = await import('../../core/backup/chunk/codec.ts');
    const { runArchive } = await import('../../core/backup/wal-archive/archive-loop.ts');
    const settings = context.config.backup;
    const label = databaseLabel(context, database);
    const storage = await storageOf(context, location);
    const connect = () => openOrCreateIn(context, storage, location.name);
    const { auditHeadReader, noteBackupHead } = await import('./audit-head.ts');
    const readAuditHead = await auditHeadReader(context);
    const makeBase = async (repository: Repository) => {
      const created = await createBackup(
        {
          database,
          repository,
          databaseLabel: label,
          type: 'auto',
          label: null,
          keepUntil: null,
          fullEveryMs: settings.fullEvery,
          maxChain: settings.maxChain,
          codec: parseCodec(settings.codec),
          workers: workerCount(context, undefined),
          method: 'pages',
          maxWalBytes: settings.maxWal,
          busyTimeoutMs: context.config.connection.busyTimeout,
          owner: ownerOf(context),
          leases: context.config.backup.leases,
          stateDirectory: context.stateDirectory(),
          toolVersion: context.host.version,
          readAuditHead,
        },
        context,
      );
      for (const { message } of await noteBackupHead(created.manifest, context)) context.log.warn(message);
      return created.manifest;
    };
    const { archiveStatusPath } = await import('../../core/backup/wal-archive/status-file.ts');
    const archived = await runArchive(
      {
        statusFile: {
          path: archiveStatusPath(context.stateDirectory(), databaseIdOf(label)),
          repository: location.location,
        },
        database,
        connect,
        spool: spoolOf(storage, settings.archive.spoolMax),
        databaseId: databaseIdOf(label),
        makeBase,
        segmentIntervalMs: options.segmentInterval ?? settings.archive.segmentInterval,
        segmentBytes: settings.archive.segmentSize,
        checkpointFrames: settings.archive.checkpointFrames,
        maxWalBytes: options.maxWal ?? settings.archive.maxWal,
        busyTimeoutMs: context.config.connection.busyTimeout,
        forMs: options.for ?? null,
        owner: ownerOf(context),
        leases: context.config.backup.leases,
        onEvent: (event) => {
          context.emit({ type: 'event', time: new Date(context.clock.wallTime()).toISOString(), ...event });
          if (event.event === 'segment') context.log.debug('segment', event);
          else context.log.info(`archive: ${event.event}`, event);
        },
      },
      context,
    );
    const { waiting, ...totals } = archived;
    const data = { ...common, ...totals, spoolSegments: waiting.segments, spoolBytes: waiting.bytes };
    const findings = [...archived.gaps.map(gapFinding), ...spoolFindings(data)];
    return context.report<BackupArchiveData>(data, { findings });
  },
});

const nothing = {
  epoch: null,
  tx: 0,
  commits: 0,
  frames: 0,
  resets: 0,
  gaps: [],
  segments: 0,
  bytesArchived: 0,
  walMaxBytes: 0,
  writeLock: { count: 0, totalMs: 0, maxMs: 0 },
  spoolSegments: 0,
  spoolBytes: 0,
  interrupted: false,
} as const;

function spoolOf({ spoolFolder }: Storage, maxBytes: number): SpoolSettings | undefined {
  return spoolFolder === undefined ? undefined : { folder: spoolFolder, maxBytes };
}

function spoolFindings({ repository, spoolSegments, spoolBytes }: BackupArchiveData): Finding[] {
  if (spoolSegments === 0) return [];
  const what = `${spoolSegments === 1 ? '1 segment' : `${spoolSegments} segments`}, ${formatByteSize(spoolBytes)}`;
  return [
    {
      id: 'archive.spooled',
      severity: 'warning',
      message: `${what}, could not be sent to ${repository.location}: they wait in the state directory`,
      hint: 'run tradedb backup archive again when the server can be reached; until then a restore cannot see them',
      values: { spoolSegments, spoolBytes },
    },
  ];
}

function gapFinding({ reason, from, to }: ArchiveGapRecord): Finding {
  return {
    id: 'archive.gap',
    severity: 'warning',
    message: `commits between ${from} and ${to} may be missing: ${reason}`,
    hint: 'let the archiver run as long as the application does',
    values: { from, to },
  };
}

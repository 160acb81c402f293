import type { BackupPlan } from '../../core/backup/plan.ts';
import type { Finding } from '../../core/report.ts';
import { type CommandContext, defineCommand, type OptionValues } from '../definition.ts';
import { type PointPosition, pointPosition } from './point-position.ts';
import {
  chosenLocation,
  databaseLabel,
  hooksOf,
  openIfThere,
  openOrCreate,
  ownerOf,
  repositoryOption,
  workerCount,
  workersOption,
} from './repository-option.ts';

export interface BackupCreateData {
  readonly dryRun: boolean;
  readonly database: string;
  readonly repository: { readonly name: string; readonly kind: string; readonly location: string };
  /** What would be done; null after a real run. */
  readonly plan: BackupPlan | null;
  /** Null after a dry run, like everything below. */
  readonly backup: {
    readonly id: string;
    readonly type: 'full' | 'incremental';
    readonly parentId: string | null;
    readonly label: string | null;
    readonly createdAt: string;
    readonly keepUntil: string | null;
  } | null;
  readonly method: 'pages' | 'api' | 'wal' | null;
  readonly snapshot: {
    readonly pinnedMs: number;
    readonly walOverlayPages: number;
    readonly overlayDropped: boolean;
    readonly walGrowthBytes: number;
  } | null;
  readonly pages: { readonly total: number; readonly stored: number; readonly reused: number } | null;
  /** `resumed`: in packs that an interrupted attempt had finished. */
  readonly bytes: { readonly database: number; readonly stored: number; readonly resumed: number } | null;
  readonly codec: string | null;
  readonly encryption: { readonly cipher: 'aes-256-gcm'; readonly keySlots: number } | null;
  /** Where the archive of commits goes on from it; `epoch` and `tx` where its commit is known. */
  readonly position: PointPosition | null;
  readonly verification: { readonly level: number; readonly passed: boolean } | null;
}

const options = {
  repository: repositoryOption,
  type: {
    type: 'choice',
    choices: ['auto', 'full', 'incremental'],
    default: 'auto',
    summary: 'auto: only changed pages, and a full backup when backup.fullEvery or backup.maxChain says so',
  },
  label: { type: 'text', value: 'text', summary: 'a word for people, such as pre-open' },
  keep: { type: 'text', value: 'duration|forever', summary: 'prune leaves it alone for so long' },
  codec: { type: 'text', value: 'name', summary: 'none, gzip, zstd or zstd:1 to zstd:19', config: 'backup.codec' },
  method: {
    type: 'choice',
    choices: ['pages', 'api'],
    default: 'pages',
    summary: 'pages: read the files under a read transaction; api: copy through SQLite first',
  },
  workers: workersOption,
  maxWal: {
    type: 'bytes',
    value: 'size',
    summary: 'give up when the -wal grows beyond it meanwhile',
    config: 'backup.maxWal',
  },
  waitLock: {
    type: 'duration',
    value: 'duration',
    default: '0s',
    summary: 'wait so long while another backup, prune or restore is at work',
  },
  verify: {
    type: 'integer',
    value: 'level',
    minimum: 0,
    maximum: 3,
    summary: 'check afterwards: 0 nothing, 1 structure, 2 stored bytes, 3 content',
    config: 'backup.verify',
  },
} as const;

export const definition = defineCommand({
  path: ['backup', 'create'],
  summary: 'make a consistent backup of a live database; writers go on',
  description:
    'A read transaction holds one committed state still while a child process reads the pages; a busy writer neither delays nor restarts it. The backup exists when its manifest does, which is written last.',
  options,
  examples: [
    { command: 'backup -d trading.db', does: 'back up into ./backups, changed pages only where possible' },
    { command: 'backup create --type full --label pre-open --keep 30d', does: 'a full backup that prune leaves alone' },
    { command: 'backup create -R ./elsewhere --codec none', does: 'into another folder, without compression' },
    { command: 'backup create --dry-run', does: 'show what would be read and written' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'backed up',
    1: 'failed; no backup was made (disk full, WAL limit)',
    3: 'backed up, with a warning',
    10: 'database not found',
    11: 'locked, or another backup is running',
    12: 'not a database, or the verification failed',
  },
  changes: true,
  async run({ options: given }, context) {
    const location = await chosenLocation(context, given.repository);
    const database = context.databasePath();
    const repository = { name: location.name, kind: location.kind, location: location.location };
    const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
    requireDatabaseFile(database);
    if (context.dryRun) {
      const { planBackup } = await import('../../core/backup/plan.ts');
      const there = await openIfThere(context, given.repository);
      const request = {
        database,
        location,
        repository: there,
        databaseLabel: databaseLabel(context, database),
        ...chain(given, context),
      };
      return context.report<BackupCreateData>({
        ...nothing,
        dryRun: true,
        database,
        repository,
        plan: await planBackup(request, context),
      });
    }
    const { createBackup } = await import('../../core/backup/create.ts');
    const { parseCodec } = await import('../../core/backup/chunk/codec.ts');
    const codec = parseCodec(given.codec ?? context.config.backup.codec);
    const keepUntil = await keepUntilOf(given.keep, context);
    const opened = await openOrCreate(context, location);
    const { auditHeadReader, noteBackupHead } = await import('./audit-head.ts');
    const created = await createBackup(
      {
        database,
        repository: opened,
        databaseLabel: databaseLabel(context, database),
        ...chain(given, context),
        label: given.label ?? null,
        keepUntil,
        codec,
        workers: workerCount(context, given.workers),
        method: given.method,
        archiveWaitMs: context.config.backup.archive.segmentInterval * 3 + 1000,
        waitLockMs: given.waitLock,
        hooks: hooksOf(context),
        maxWalBytes: given.maxWal ?? context.config.backup.maxWal,
        busyTimeoutMs: context.config.connection.busyTimeout,
        owner: ownerOf(context),
        leases: context.config.backup.leases,
        stateDirectory: context.stateDirectory(),
        toolVersion: context.host.version,
        readAuditHead: await auditHeadReader(context),
      },
      context,
    );
    const { manifest, snapshot } = created;
    const noted = await noteBackupHead(manifest, context);
    const checked = await verifyNew(opened, manifest.id, given, context);
    const { pageCount, pageSizeBytes } = manifest.database;
    return context.report<BackupCreateData>(
      {
        dryRun: false,
        database,
        repository,
        plan: null,
        backup: {
          id: manifest.id,
          type: manifest.type,
          parentId: manifest.parentId,
          label: manifest.label,
          createdAt: manifest.createdAt,
          keepUntil: manifest.keepUntil,
        },
        method: manifest.method,
        snapshot: {
          pinnedMs: Math.round(snapshot.pinnedMs),
          walOverlayPages: snapshot.walPages,
          overlayDropped: snapshot.overlayDropped,
          walGrowthBytes: snapshot.walGrowthBytes,
        },
        pages: { total: pageCount, stored: manifest.storedPages, reused: pageCount - manifest.storedPages },
        bytes: { database: pageCount * pageSizeBytes, stored: manifest.storedBytes, resumed: snapshot.resumedBytes },
        codec: manifest.codec,
        encryption: opened.encryption,
        position: pointPosition(manifest),
        verification: checked.verification,
      },
      { findings: [...created.findings, ...noted, ...fewSlots(opened.encryption), ...checked.findings] },
    );
  },
  exitCode: ({ data, status }) => (data.verification?.passed === false ? 12 : status === 'ok' ? 0 : 3),
});

const nothing = {
  backup: null,
  method: null,
  snapshot: null,
  pages: null,
  bytes: null,
  codec: null,
  encryption: null,
  position: null,
  verification: null,
} as const;

type Given = OptionValues<typeof options>;

function chain(given: Given, context: CommandContext) {
  const { fullEvery, maxChain } = context.config.backup;
  return { type: given.type, fullEveryMs: fullEvery, maxChain };
}

/** Lost keys are lost data. */
function fewSlots(encryption: BackupCreateData['encryption']): Finding[] {
  if (encryption === null || encryption.keySlots >= 2) return [];
  return [
    {
      id: 'backup.few_keys',
      severity: 'warning',
      message: 'only one key opens this repository: if it is lost, all backups in it are',
      hint: 'add a second recipient or a passphrase to backup.encryption, and keep it elsewhere',
    },
  ];
}

async function keepUntilOf(keep: string | undefined, context: CommandContext): Promise<string | null> {
  if (keep === undefined || keep === 'forever') return keep ?? null;
  const { parseDuration } = await import('../../core/config/duration.ts');
  return new Date(context.clock.wallTime() + parseDuration(keep)).toISOString();
}

async function verifyNew(
  repository: import('../../core/backup/repository/repository.ts').Repository,
  id: string,
  given: Given,
  context: CommandContext,
): Promise<{ verification: BackupCreateData['verification']; findings: readonly Finding[] }> {
  const level = given.verify ?? context.config.backup.verify;
  if (level === 0) return { verification: null, findings: [] };
  const { verifyPoints } = await import('../../core/backup/verify/verify.ts');
  const { points } = await repository.points();
  const { problems } = await verifyPoints(
    {
      repository,
      points: points.filter((point) => point.id === id),
      allPoints: points,
      level: level as 1 | 2 | 3,
      sample: 1,
      workers: workerCount(context, given.workers),
    },
    context,
  );
  const findings = problems.map(
    (problem): Finding => ({
      id: `backup.${problem.kind}`,
      severity: 'critical',
      subject: problem.key,
      message: problem.message,
      hint: 'tradedb backup create --type full',
    }),
  );
  const verified = points.filter((point) => point.id === id);
  const { keepVerdicts } = await import('./keep-verdicts.ts');
  const kept = await keepVerdicts({ repository, points, verified, level, restored: [], problems }, context);
  return { verification: { level, passed: problems.length === 0 }, findings: [...findings, ...kept] };
}

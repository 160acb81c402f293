import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { Repository } from '../../core/backup/repository/repository.ts';
import type { Verification, VerifyProblem } from '../../core/backup/verify/verification.ts';
import { TradedbError } from '../../core/error.ts';
import type { Finding } from '../../core/report.ts';
import { type CommandContext, defineCommand } from '../definition.ts';
import {
  databaseIdIfAny,
  openChosen,
  ownerOf,
  repositoryOption,
  workerCount,
  workersOption,
} from './repository-option.ts';

interface FoundProblem extends VerifyProblem {
  /** Affected backups whose state can be had in another way; null where that cannot be told without the key. */
  readonly otherRoute: readonly string[] | null;
}

export interface BackupVerifyData extends Omit<Verification, 'level' | 'problems'> {
  readonly repository: { readonly name: string; readonly kind: string; readonly location: string };
  readonly level: number;
  readonly problems: readonly FoundProblem[];
  /** Share of the packs that was read. */
  readonly sample: number;
  /** Comparison of the live pages with the newest archived state (--compare-live); null when it was not asked for. */
  readonly live: {
    /** Null: not every write since the newest known state is known, so that nothing could be compared. */
    readonly pagesCompared: number | null;
    readonly pagesDiffering: number;
    readonly pages: readonly number[];
    readonly reason: string | null;
  } | null;
  /** Points that were restored to a scratch place and checked by SQLite (level 4). */
  readonly restored: readonly { readonly id: string; readonly durationMs: number; readonly passed: boolean }[];
}

export const definition = defineCommand({
  path: ['backup', 'verify'],
  summary: 'check that backups are whole and can be restored',
  description:
    'Level 1: everything is there in its size. 2: sha256 of every stored byte. 3: decompressed, every page against its fingerprint. 4: really restored to a scratch place, with an integrity check.',
  arguments: [{ name: 'id', summary: 'backups to verify; all of the database otherwise', variadic: true }],
  options: {
    repository: repositoryOption,
    level: { type: 'integer', value: '1-4', minimum: 1, maximum: 4, default: '2', summary: 'how deep' },
    sample: { type: 'share', value: 'percent', default: '100%', summary: 'read only this share of the packs' },
    since: { type: 'duration', value: 'duration', summary: 'only backups younger than this' },
    compareLive: {
      type: 'flag',
      summary: 'compare the pages of the live database with the newest archived state: finds rot and lost writes',
    },
    temp: { type: 'path', value: 'folder', summary: 'where level 4 restores to' },
    all: { type: 'flag', summary: 'the backups of every database in the repository' },
    workers: workersOption,
  },
  examples: [
    { command: 'backup verify', does: 'read every stored byte' },
    { command: 'backup verify 7f3k --level 4', does: 'restore this one for real, in the temporary folder' },
    { command: 'backup verify --compare-live', does: 'also the pages of the live database' },
    { command: 'backup verify --sample 10% --since 7d', does: 'a quick look every night' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'everything is whole',
    3: 'whole as far as the sample goes',
    10: 'no repository or no such backup',
    12: 'something is damaged or missing',
  },
  formats: ['junit'],
  async run({ options, arguments: ids }, context) {
    const repository = await openChosen(context, options.repository);
    const { points, damaged } = await repository.points(await databaseIdIfAny(context, options.all));
    const newestFirst = context.clock.wallTime() - (options.since ?? Number.POSITIVE_INFINITY);
    const matches = (id: string): boolean =>
      ids.length === 0 || ids.some((wanted) => id === wanted || id.endsWith(`-${wanted}`));
    const chosen = points.filter((point) => matches(point.id) && Date.parse(point.createdAt) >= newestFirst);
    const broken = damaged.filter((point) => matches(point.id));
    if (chosen.length === 0 && broken.length === 0) {
      throw new TradedbError('backup_not_found', 'there is no backup to verify', {
        hint: 'see: tradedb backup list --all',
      });
    }
    const { verifyPoints } = await import('../../core/backup/verify/verify.ts');
    const workers = workerCount(context, options.workers);
    const level = Math.min(options.level, 3) as 1 | 2 | 3;
    const request = { repository, points: chosen, allPoints: points, level, sample: options.sample, workers };
    const verified = await verifyPoints(request, context);
    const problems: VerifyProblem[] = [
      ...broken.map(({ key, id, error }): VerifyProblem => {
        const message = error instanceof Error ? error.message : String(error);
        return { key, chunk: null, kind: 'damaged', message, affectedPoints: [id] };
      }),
      ...verified.problems,
    ];
    const archive = { objects: 0, bytesRead: 0 };
    if (ids.length === 0 && options.since === undefined) {
      const { verifyRecords } = await import('../../core/backup/verify/records.ts');
      const { verifyArchive } = await import('../../core/backup/verify/archive.ts');
      const { missingNewest } = await import('../../core/backup/verify/newest-commits.ts');
      const { readArchiveStatus } = await import('../../core/backup/wal-archive/status-file.ts');
      for (const id of new Set(points.map((point) => point.database.id))) {
        const status = readArchiveStatus(context.stateDirectory(), id);
        const result = await verifyArchive(repository, id, level, context);
        archive.objects += result.objects;
        archive.bytesRead += result.bytesRead;
        const records = await verifyRecords(repository, id);
        archive.objects += records.objects;
        problems.push(
          ...result.problems,
          ...(await newestMissing(result.problems, () => missingNewest(repository, id, status))),
          ...records.problems.filter(({ key }) => !problems.some((one) => one.key === key)),
        );
      }
    }
    const restored: BackupVerifyData['restored'][number][] = [];
    if (options.level === 4) {
      const { drillPoint } = await import('../../core/restore/drill.ts');
      const { lineageOf } = await import('../../core/backup/manifest/lineage.ts');
      const byId = new Map(points.map((point) => [point.id, point]));
      const unusable = new Set(problems.flatMap((problem) => problem.affectedPoints));
      const folder = options.temp === undefined ? context.host.temporaryDirectory : context.resolve(options.temp);
      for (const point of chosen.filter(({ id }) => !unusable.has(id))) {
        const lineage = lineageOf(point, byId);
        const drill = await drillPoint(
          { repository, lineage, folder, check: 'full', workers, owner: ownerOf(context), queries: [] },
          context,
        );
        restored.push({ id: point.id, durationMs: drill.rtoMs, passed: drill.problems.length === 0 });
        problems.push(
          ...drill.problems.map(
            (message): VerifyProblem => ({
              key: point.id,
              chunk: null,
              kind: 'damaged',
              message,
              affectedPoints: [point.id],
            }),
          ),
        );
      }
    }
    const data: BackupVerifyData = {
      ...verified,
      repository: { name: repository.name, kind: repository.storage.kind, location: repository.storage.location },
      level: options.level,
      sample: options.sample,
      bytesRead: verified.bytesRead + archive.bytesRead,
      objects: {
        total: verified.objects.total + broken.length + archive.objects,
        checked: verified.objects.checked + archive.objects,
        damaged: new Set(problems.filter(({ kind }) => kind !== 'missing').map(({ key }) => key)).size,
        missing: new Set(problems.filter(({ kind }) => kind === 'missing').map(({ key }) => key)).size,
      },
      problems: await withOtherRoutes(repository, points, problems),
      restored,
      live: options.compareLive ? await compareLive(options.repository, context) : null,
    };
    const { recordRun } = await import('../../core/run-record.ts');
    const summary =
      problems.length === 0
        ? `${chosen.length} backups whole at level ${options.level}`
        : `${problems.length} problems`;
    recordRun(context.stateDirectory(), 'verify', {
      at: context.clock.wallTime(),
      passed: problems.length === 0,
      summary,
    });
    const { keepVerdicts } = await import('./keep-verdicts.ts');
    const kept = await keepVerdicts(
      {
        repository,
        points,
        verified: chosen,
        level: options.sample < 1 ? 1 : level,
        restored: restored.filter(({ passed }) => passed).map(({ id }) => id),
        problems,
      },
      context,
    );
    return context.report(data, {
      findings: [...findingsOf(data), ...macFinding(repository), ...kept],
      checks: chosen.map((point) => {
        const own = problems.filter((problem) => problem.affectedPoints.includes(point.id));
        return {
          id: point.id,
          group: 'backup verify',
          status: own.length === 0 ? ('ok' as const) : ('critical' as const),
          message:
            own.length === 0
              ? `whole at level ${options.level}`
              : own.map((one) => `${one.key}: ${one.message}`).join('; '),
          durationMs: 0,
        };
      }),
    });
  },
  exitCode: ({ data, status }) =>
    data.problems.length > 0 || (data.live?.pagesDiffering ?? 0) > 0 ? 12 : status === 'ok' ? 0 : 3,
});

/** A hole in the chain says already that what is behind it cannot be had. */
async function newestMissing(
  found: readonly VerifyProblem[],
  look: () => Promise<VerifyProblem | undefined>,
): Promise<readonly VerifyProblem[]> {
  const missing = await look();
  return missing === undefined || found.some(({ key }) => key.startsWith(missing.key)) ? [] : [missing];
}

/** Says of each problem which backups are not lost by it. */
async function withOtherRoutes(
  repository: Repository,
  points: readonly Manifest[],
  problems: readonly VerifyProblem[],
): Promise<readonly FoundProblem[]> {
  if (problems.length === 0 || repository.isLocked)
    return problems.map((problem) => ({ ...problem, otherRoute: null }));
  const { withOtherRoute } = await import('../../core/restore/other-route.ts');
  const wanted = new Set(problems.flatMap((problem) => problem.affectedPoints));
  const damaged = new Set(problems.map((problem) => problem.key));
  const found = await withOtherRoute(repository, { points, wanted, damaged });
  return problems.map((problem) => ({
    ...problem,
    otherRoute: problem.affectedPoints.filter((id) => found.has(id)),
  }));
}

/** What an older release made can be whole and is still easier to forge. */
function macFinding({ encryption, format }: Repository): Finding[] {
  if (encryption === null || format.required.includes('record-macs')) return [];
  return [
    {
      id: 'backup.no_record_macs',
      severity: 'info',
      message: 'marks, epochs and tombstones of this encrypted repository have no MACs yet',
      hint: 'tradedb backup upgrade; older releases cannot read it afterwards',
    },
  ];
}

/** Reads the live file as bytes: this process must have no connection to it. */
async function compareLive(repository: string | undefined, context: CommandContext): Promise<BackupVerifyData['live']> {
  const { comparePages } = await import('../../core/health/checks/pages-manifest.ts');
  const { evidenceOf } = await import('../health/evidence.ts');
  const path = context.databasePath();
  const { requireDatabaseFile } = await import('../../core/sqlite/database-file.ts');
  requireDatabaseFile(path);
  const source = evidenceOf(context, repository);
  const evidence = await source();
  const nothing = { pagesCompared: null, pagesDiffering: 0, pages: [] };
  if (typeof evidence === 'string') return { ...nothing, reason: evidence };
  const found = await comparePages(path, source, evidence, context);
  if (found.result === 'skipped') return { ...nothing, reason: found.reason };
  if (found.result === 'unknown') return { ...nothing, reason: 'a writer kept changing what was compared' };
  const { compared, pages } = found;
  return { pagesCompared: compared, pagesDiffering: pages.length, pages: pages.slice(0, 100), reason: null };
}

function effectOf({ affectedPoints, otherRoute }: FoundProblem): string {
  if (affectedPoints.length === 0) return '';
  const [first = ''] = affectedPoints;
  if (affectedPoints.length === 1 && first.startsWith('epoch ')) return `; affects ${first}`;
  const many = affectedPoints.length === 1 ? 'one backup' : `${affectedPoints.length} backups`;
  const shown = affectedPoints.slice(0, 5).join(', ');
  const more = affectedPoints.length > 5 ? ` and ${affectedPoints.length - 5} more` : '';
  const saved = otherRoute?.length ?? 0;
  const all = saved === affectedPoints.length ? 'all of them' : String(saved);
  const way = saved === 0 ? '' : `; another way exists for ${affectedPoints.length === 1 ? 'it' : all}`;
  return `; affects ${many}: ${shown}${more}${way}`;
}

function findingsOf(data: BackupVerifyData): Finding[] {
  const findings = data.problems.map(
    (problem): Finding => ({
      id: `backup.${problem.kind}`,
      severity: 'critical',
      subject: problem.chunk === null ? problem.key : `${problem.key} chunk ${problem.chunk}`,
      message: `${problem.message}${effectOf(problem)}`,
      hint: 'tradedb backup create --type full',
    }),
  );
  if (data.live !== null && data.live.pagesDiffering > 0) {
    findings.push({
      id: 'live.pages_differ',
      severity: 'critical',
      message: `${data.live.pagesDiffering} pages of the live database differ from the archive although nothing wrote them: ${data.live.pages.slice(0, 10).join(', ')}`,
      hint: 'stop the writers; single pages come back with: tradedb health recover --dry-run',
    });
  }
  if (data.live !== null && data.live.pagesCompared === null) {
    findings.push({
      id: 'live.not_comparable',
      severity: 'warning',
      message: `the live pages were not compared: ${data.live.reason}`,
      hint: 'it needs the archiver (tradedb backup archive), or a backup since which nothing was written',
    });
  }
  if (data.sample < 1 && data.level > 1) {
    findings.push({
      id: 'backup.sampled',
      severity: 'warning',
      message: `only ${Math.round(data.sample * 100)} % of the packs were to be read: ${data.objects.checked} of ${data.objects.total} objects`,
    });
  }
  return findings;
}

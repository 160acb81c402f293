import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { ArchiveWindow } from '../../core/backup/wal-archive/windows.ts';
import type { CheckResult, Finding } from '../../core/report.ts';
import type { DrillResult } from '../../core/restore/drill.ts';
import type { Coverage } from '../../core/restore/objective.ts';
import { newestState } from '../backup/newest-state.ts';
import {
  databaseIdIfAny,
  openChosen,
  ownerOf,
  recordFindings,
  repositoryOption,
  workerCount,
  workersOption,
} from '../backup/repository-option.ts';
import { defineCommand } from '../definition.ts';
import { type StateFacts, stateFacts } from './state-facts.ts';

export interface RestoreDrillData extends DrillResult {
  readonly point: { readonly id: string; readonly createdAt: string; readonly database: string };
  /** The state that was restored: the backup as it is, or archived commits behind it. */
  readonly target: StateFacts['target'];
  readonly commits: number;
  /** Age of the newest backup or archived commit: what would be lost if the database were gone now. */
  readonly rpoMs: number;
  /** The longest that the newest state in the repository was old within `backup.retention.recoveryWindow`. */
  readonly worstRpoMs: number;
  /** The drill before on this machine; null at the first. */
  readonly previous: { readonly rtoMs: number; readonly at: string } | null;
  /** Null where no objective is set. */
  readonly objectives: { readonly rpoMs: number | null; readonly rtoMs: number | null; readonly met: boolean };
}

export const definition = defineCommand({
  path: ['restore', 'drill'],
  summary: 'restore the newest state, or a backup, to a scratch place, check it, and measure how long it takes',
  options: {
    repository: repositoryOption,
    point: {
      type: 'text',
      value: 'latest|oldest|random|id',
      default: 'latest',
      summary: 'what is tried: latest is the newest state, with the archived commits; the others are backups',
    },
    check: { type: 'choice', choices: ['quick', 'full'], summary: 'depth of the check', config: 'restore.drill.check' },
    maxRpo: {
      type: 'duration',
      value: 'duration',
      summary: 'goal: at most so much is lost',
      config: 'restore.drill.maxRpo',
    },
    maxRto: { type: 'duration', value: 'duration', summary: 'goal: restored within', config: 'restore.drill.maxRto' },
    temp: { type: 'path', value: 'folder', summary: 'where the scratch place is made' },
    keepFiles: { type: 'flag', summary: 'leave the restored database there' },
    workers: workersOption,
  },
  examples: [
    { command: 'restore drill', does: 'the newest state: can it be restored, and how fast' },
    { command: 'restore drill --point random --max-rto 60s --max-rpo 6h', does: 'exit 4 when a goal is missed' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'restored, sound, and within the goals',
    3: 'restored, and a record of the archive is damaged',
    4: 'a goal was missed, or a query had another answer',
    10: 'no such backup',
    12: 'the backup is damaged',
  },
  formats: ['junit', 'prometheus'],
  async run({ options }, context) {
    const repository = await openChosen(context, options.repository);
    const { selectPoint } = await import('../../core/restore/select.ts');
    const { pickForDrill } = await import('../../core/restore/pick-for-drill.ts');
    const { drillPoint } = await import('../../core/restore/drill.ts');
    const databaseId = await databaseIdIfAny(context);
    const { point: newest } = await selectPoint(repository, databaseId, { kind: 'latest' });
    const { points } = await repository.points(newest.database.id);
    const { resolveState } = await import('../../core/restore/resolve-target.ts');
    const wanted =
      options.point === 'latest' ? ({ kind: 'latest' } as const) : pickForDrill(options.point, points, context.random);
    const state = await resolveState(repository, newest.database.id, wanted);
    const { lineage, route } = state;
    const point = lineage.at(-1) ?? newest;
    const settings = context.config.restore.drill;
    const result = await drillPoint(
      {
        repository,
        lineage,
        route,
        folder: options.temp === undefined ? context.host.temporaryDirectory : context.resolve(options.temp),
        check: options.check ?? settings.check,
        workers: workerCount(context, options.workers),
        owner: ownerOf(context),
        leases: context.config.backup.leases,
        queries: settings.queries,
        keepFiles: options.keepFiles,
      },
      context,
    );
    const now = context.clock.wallTime();
    const { readWindows } = await import('../../core/backup/wal-archive/windows.ts');
    const { readEpochs } = await import('../../core/backup/wal-archive/epoch.ts');
    const epochs = await readEpochs(repository, point.database.id);
    const { windows } = await readWindows(repository, point.database.id, epochs);
    const { readArchiveStatus } = await import('../../core/backup/wal-archive/status-file.ts');
    const status = readArchiveStatus(context.stateDirectory(), point.database.id);
    const newestMs = newestState({ points, windows, status }) ?? now;
    const rpoMs = Math.max(0, now - newestMs);
    const goals = {
      rpoMs: options.maxRpo ?? settings.maxRpo ?? null,
      rtoMs: options.maxRto ?? settings.maxRto ?? null,
    };
    const met = rpoMs <= (goals.rpoMs ?? rpoMs) && result.rtoMs <= (goals.rtoMs ?? result.rtoMs);
    const { appendDrill, readDrills } = await import('../../core/restore/drill-history.ts');
    const previous = readDrills(context.stateDirectory(), point.database.label).at(-1);
    const { worstRpo } = await import('../../core/restore/objective.ts');
    const facts = stateFacts(state);
    const data: RestoreDrillData = {
      ...result,
      target: facts.target,
      commits: facts.route.commits,
      previous: previous === undefined ? null : { rtoMs: previous.rtoMs, at: previous.at },
      point: { id: point.id, createdAt: point.createdAt, database: point.database.label },
      rpoMs,
      worstRpoMs: worstRpo(coverageOf(points, windows, status?.running === true ? newestMs : null), {
        since: now - context.config.backup.retention.recoveryWindow,
        now,
      }),
      objectives: { ...goals, met },
    };
    const { recordRun } = await import('../../core/run-record.ts');
    const passed = result.problems.length === 0 && met;
    const summary = passed
      ? `backup ${point.id} can be restored`
      : (result.problems[0] ?? 'a goal or a query was missed');
    appendDrill(context.stateDirectory(), {
      at: new Date(now).toISOString(),
      database: point.database.label,
      point: point.id,
      rtoMs: Math.round(result.rtoMs),
      rpoMs: Math.round(rpoMs),
      passed,
    });
    recordRun(context.stateDirectory(), 'drill', { at: context.clock.wallTime(), passed, summary });
    const { keepVerification } = await import('../../core/backup/verify/verified-points.ts');
    const sound = result.problems.length === 0;
    const outcome = {
      at: new Date(now).toISOString(),
      passed: new Map(sound ? [[point.id, route === undefined ? 4 : 3]] : []),
      failed: sound ? [] : [point.id],
    };
    await keepVerification(repository, point.database.id, outcome, context.random);
    const labels = { database: point.database.label };
    return context.report(data, {
      findings: [...findingsOf(data), ...recordFindings(repository)],
      checks: checksOf(data),
      metrics: [
        { name: 'drill_rto_seconds', type: 'gauge', help: 'Time to restore', value: data.rtoMs / 1000, labels },
        {
          name: 'drill_rpo_seconds',
          type: 'gauge',
          help: 'Age of the newest backup or archived commit',
          value: rpoMs / 1000,
          labels,
        },
        { name: 'drill_problems', type: 'gauge', help: 'What the check found', value: data.problems.length, labels },
      ],
    });
  },
  exitCode: ({ data, status }) => (data.problems.length > 0 ? 12 : status === 'ok' ? 0 : status === 'warning' ? 3 : 4),
});

/** `archivedTo`: an archiver at work has seen until then that nothing newer was committed. */
function coverageOf(
  points: readonly Manifest[],
  windows: readonly ArchiveWindow[],
  archivedTo: number | null,
): Coverage {
  const known = windows.map(({ fromTime, toTime }) => ({ from: Date.parse(fromTime), to: Date.parse(toTime) }));
  const last = known.at(-1);
  return {
    points: points.map(({ createdAt }) => Date.parse(createdAt)),
    windows: last === undefined || archivedTo === null ? known : [...known, { from: last.to, to: archivedTo }],
  };
}

function findingsOf(data: RestoreDrillData): Finding[] {
  const findings = data.problems.map(
    (message): Finding => ({
      id: 'drill.damaged',
      severity: 'critical',
      subject: data.point.id,
      message,
      hint: 'tradedb backup verify --level 3',
    }),
  );
  for (const query of data.queries.filter(({ passed }) => !passed)) {
    const message = query.expected === null ? query.actual : `${query.actual} instead of ${query.expected}`;
    findings.push({ id: 'drill.query', severity: 'critical', subject: query.name, message });
  }
  const { rpoMs, rtoMs } = data.objectives;
  if (rpoMs !== null && data.rpoMs > rpoMs) {
    const message = 'the newest backup is older than the goal allows';
    findings.push({ id: 'drill.rpo', severity: 'critical', message, hint: 'tradedb backup create' });
  }
  if (rtoMs !== null && data.rtoMs > rtoMs) {
    findings.push({ id: 'drill.rto', severity: 'critical', message: 'the restore took longer than the goal allows' });
  }
  return findings;
}

function checksOf(data: RestoreDrillData): CheckResult[] {
  const group = 'restore drill';
  const sound = data.problems.length === 0;
  const { rpoMs, rtoMs } = data.objectives;
  const goal = (id: string, value: number, limit: number | null): CheckResult => ({
    id,
    group,
    status: limit === null ? 'skipped' : value <= limit ? 'ok' : 'critical',
    message: limit === null ? 'no goal is set' : `${Math.round(value)} ms, goal ${Math.round(limit)} ms`,
    durationMs: 0,
  });
  return [
    {
      id: 'restore',
      group,
      status: sound ? 'ok' : 'critical',
      message: sound ? `backup ${data.point.id} can be restored` : data.problems.join('; '),
      durationMs: data.rtoMs,
    },
    ...data.queries.map(
      (query): CheckResult => ({
        id: `query ${query.name}`,
        group,
        status: query.passed ? 'ok' : 'critical',
        message: query.actual,
        durationMs: 0,
      }),
    ),
    goal('rpo', data.rpoMs, rpoMs),
    goal('rto', data.rtoMs, rtoMs),
  ];
}

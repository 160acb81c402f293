import { statSync } from 'node:fs';
import { type Assessment, type HealingAction, type HealingDecision, heal } from '../../core/alert/healing.ts';
import type { HealingEntry } from '../../core/alert/healing-journal.ts';
import { HealingJournal } from '../../core/alert/healing-journal.ts';
import { TradedbError } from '../../core/error.ts';
import type { CheckRow } from '../../core/health/check.ts';
import type { HealthResult } from '../../core/health/run-health.ts';
import type { Finding } from '../../core/report.ts';
import type { CommandContext } from '../definition.ts';

/** Does what `healing.allow` names and the checks call for. Damage is a person's business, but for indexes that lost a vote. */
export async function healAfterChecks(
  result: HealthResult,
  context: CommandContext,
): Promise<{ decisions: readonly HealingDecision[]; findings: readonly Finding[] }> {
  const { healing } = context.config;
  if (healing.allow.length === 0) {
    throw new TradedbError(
      'usage',
      '--heal needs healing.allow in the configuration: nothing is done unless it is named',
      {
        hint: 'such as { "healing": { "allow": ["checkpoint", "optimize"] } }',
      },
    );
  }
  const database = result.data.database.path;
  const { pid, hostname } = context.host;
  const settings = {
    ...healing,
    apply: healing.apply && !context.dryRun,
    journals: !context.dryRun,
    database,
    stateDirectory: context.stateDirectory(),
    owner: { pid, hostname },
  };
  const entries = new HealingJournal(settings.stateDirectory, context.clock).read(database);
  const actions = [
    checkpointAction(result, context),
    optimizeAction(result, entries, context),
    vacuumAction(result, context),
    reindexAction(result, context),
  ];
  const decisions = await heal(settings, actions, context);
  return { decisions, findings: decisions.flatMap(findingOf) };
}

function findingOf({ action, decision, reason }: HealingDecision): Finding[] {
  if (decision === 'failed') return [{ id: 'healing.failed', severity: 'warning', subject: action, message: reason }];
  if (decision === 'refused' && reason.includes('in a row')) {
    return [{ id: 'healing.breaker', severity: 'warning', subject: action, message: reason }];
  }
  return [];
}

const rowOf = ({ data }: HealthResult, id: string): CheckRow | undefined => data.checks.find((row) => row.id === id);
const isBad = (row: CheckRow | undefined): boolean => row?.status === 'warning' || row?.status === 'critical';

function whenSound({ data }: HealthResult, assessment: Assessment): Assessment {
  return data.damaged ? { ...assessment, blocked: 'the file is damaged: a person decides' } : assessment;
}

function checkpointAction(result: HealthResult, context: CommandContext): HealingAction {
  return {
    name: 'checkpoint',
    async assess() {
      const backlog = rowOf(result, 'wal.backlog');
      if (!isBad(backlog)) return undefined;
      const reader = rowOf(result, 'wal.reader');
      const values = { backlogBytes: backlog?.value ?? 0, limitBytes: backlog?.warning ?? 0 };
      const wanted = whenSound(result, { reason: backlog?.summary ?? '', values });
      return isBad(reader) ? { ...wanted, blocked: `a reader holds it back: ${reader?.summary}` } : wanted;
    },
    async apply() {
      const { runCheckpoint } = await import('../../core/maintenance/checkpoint/run.ts');
      const done = await runCheckpoint(
        {
          database: result.data.database.path,
          mode: 'passive',
          timeoutMs: 0,
          busyTimeoutMs: context.config.connection.busyTimeout,
          dryRun: false,
          ownPid: context.host.pid,
        },
        context,
      );
      return `${done.checkpointedFrames} of ${done.logFrames} frames copied`;
    },
  };
}

function optimizeAction(
  result: HealthResult,
  entries: readonly HealingEntry[],
  context: CommandContext,
): HealingAction {
  return {
    name: 'optimize',
    async assess() {
      const missing = result.findings.some(({ id }) => id === 'statistics');
      const drift = rowOf(result, 'statistics.drift');
      if (!missing && !isBad(drift)) return undefined;
      const changed = statSync(result.data.database.path).mtimeMs;
      const last = entries.findLast(({ action, event }) => action === 'optimize' && event === 'started');
      if (last?.values.changed === changed) return undefined;
      const reason = isBad(drift) ? (drift?.summary ?? '') : (rowOf(result, 'statistics')?.summary ?? '');
      return whenSound(result, { reason, values: { changed } });
    },
    async apply() {
      const { optimize } = await import('../../core/maintenance/optimize.ts');
      const { analysisLimit } = context.config.maintenance.optimize;
      const done = await optimize(
        {
          database: result.data.database.path,
          analysisLimit,
          tables: [],
          all: false,
          busyTimeoutMs: context.config.connection.busyTimeout,
          dryRun: false,
        },
        context,
      );
      return `statistics of ${done.tables.length} tables looked at`;
    },
  };
}

const vacuumMs = 60_000;

function vacuumAction(result: HealthResult, context: CommandContext): HealingAction {
  const vacuum = context.config.maintenance.vacuum;
  return {
    name: 'incremental-vacuum',
    async assess() {
      const share = rowOf(result, 'freelist.share');
      if (!isBad(share)) return undefined;
      const wanted = whenSound(result, { reason: share?.summary ?? '', values: { freeShare: share?.value ?? 0 } });
      const isIncremental = rowOf(result, 'settings')?.summary.includes('auto_vacuum incremental') === true;
      return isIncremental ? wanted : { ...wanted, blocked: 'auto_vacuum is not incremental' };
    },
    async apply() {
      const [{ runVacuum }, { probeDisk }, { connectionProbe }] = await Promise.all([
        import('../../core/maintenance/vacuum/run.ts'),
        import('../../core/maintenance/disk-guard.ts'),
        import('../../core/maintenance/connected.ts'),
      ]);
      const done = await runVacuum(
        {
          database: result.data.database.path,
          method: 'incremental',
          convert: 'none',
          until: vacuum.until,
          latencyBudgetMs: vacuum.latencyBudget,
          walBudgetBytes: vacuum.walBudget,
          duty: vacuum.duty,
          maxDurationMs: Math.min(vacuum.maxDuration, vacuumMs),
          verify: vacuum.verify,
          keepOldMs: vacuum.keepOld,
          reserveBytes: vacuum.reserve,
          readerWaitMs: vacuum.readerWait,
          idleRate: vacuum.idleOnly ? vacuum.idleRate : undefined,
          busyTimeoutMs: context.config.connection.busyTimeout,
          dryRun: false,
        },
        {
          probeDisk,
          probeConnections: connectionProbe(context.host.pid),
          temporaryFolder: context.host.temporaryDirectory,
          ownPid: context.host.pid,
          confirm: async () => {
            throw new TradedbError('unsupported', 'this would replace the file: a person decides');
          },
        },
        context,
      );
      if (done.blocked) throw new TradedbError('unsupported', done.reason);
      return `${done.freedBytes} bytes given back`;
    },
  };
}

function reindexAction(result: HealthResult, context: CommandContext): HealingAction {
  const { data, findings } = result;
  const votes = findings.filter(({ id }) => id === 'index.vote');
  const lost = votes.filter(({ values }) => values?.verdict === 'index').flatMap(({ subject }) => subject ?? []);
  return {
    name: 'reindex',
    async assess() {
      if (votes.length === 0) return undefined;
      const values = {
        indexes: lost.join(', '),
        freeBytes: data.database.freeBytes,
        sizeBytes: data.database.sizeBytes,
      };
      const blocked = reindexBlocked(result, lost.length < votes.length);
      const reason = `${lost.length} indexes disagree with their tables, and lost the vote`;
      return { reason, values, ...(blocked === undefined ? {} : { blocked }) };
    },
    async apply() {
      const { reindexAfterVote } = await import('../../core/health/sql/reindex-after-vote.ts');
      const settings = { ...context, busyTimeoutMs: context.config.connection.busyTimeout };
      return reindexAfterVote(data.database.path, lost, settings);
    },
  };
}

/** Tables must be sound, the vote without conflict, the disk twice as large, and a verified backup there. */
function reindexBlocked(result: HealthResult, hasConflict: boolean): string | undefined {
  const { data } = result;
  if (hasConflict) return 'the vote has a conflict: a person decides';
  const damaged = data.checks.find(
    ({ id, status }) => status === 'critical' && /^(file|structure|wal|journal|pages)\./.test(id),
  );
  if (damaged !== undefined) return `${damaged.id} is critical: a person decides`;
  if (rowOf(result, 'sqlite.quick')?.status !== 'ok') return 'quick_check did not find the tables sound in this run';
  if (data.database.freeBytes < 2 * data.database.sizeBytes) return 'less than twice the size of the database is free';
  return rowOf(result, 'backup.verified')?.status === 'ok' ? undefined : 'there is no verified backup';
}

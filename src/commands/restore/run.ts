import { dirname } from 'node:path';
import { TradedbError } from '../../core/error.ts';
import type { Finding } from '../../core/report.ts';
import type { CheckDepth } from '../../core/restore/check.ts';
import type { ResolvedState, WantedState } from '../../core/restore/resolve-target.ts';
import {
  hookSettings,
  ownerOf,
  recordFindings,
  repositoryOption,
  workerCount,
  workersOption,
} from '../backup/repository-option.ts';
import { type CommandContext, defineCommand, type OptionValues } from '../definition.ts';
import { routeFinding, routesTo } from './routes.ts';
import { stateFacts } from './state-facts.ts';
import { restoreTargetOf, targetOptions } from './target-options.ts';

export interface RestoreRunData {
  readonly dryRun: boolean;
  /** What happened: a restore, or the end of one that was interrupted. */
  readonly outcome: 'planned' | 'restored' | 'completed' | 'reverted';
  /** The state that is in the file; `backup` is null when an interrupted restore was taken back. */
  readonly target: {
    readonly time: string | null;
    readonly backup: string | null;
    /** Archived commit; null for a backup as it is. */
    readonly tx: number | null;
    readonly epoch: string | null;
    /** The commit happened within this time before `time`. */
    readonly uncertaintyMs: number | null;
  };
  /** Backups that were read, and the archived commits after them. */
  readonly route: { readonly points: readonly string[]; readonly segments: number; readonly commits: number };
  /** Ways to the state that were tried; more than one when inputs were damaged. */
  readonly routesTried: number;
  readonly bytes: { readonly read: number; readonly written: number };
  readonly phasesMs: { readonly plan: number; readonly apply: number; readonly check: number; readonly swap: number };
  readonly checks: { readonly digest: 'ok' | 'skipped'; readonly sqlite: 'ok' | 'skipped'; readonly depth: CheckDepth };
  readonly output: string;
  /** Of the file system of the output, before anything was written; null at the end of an interrupted restore. */
  readonly freeBytes: number | null;
  /** A database was there. */
  readonly replaces: boolean;
  readonly oldDatabase: string | null;
}

const options = {
  repository: repositoryOption,
  ...targetOptions,
  target: { type: 'path', value: 'file', summary: 'write the result there; the database itself otherwise' },
  replace: { type: 'flag', summary: 'take the place of an existing database; the old file is kept beside it' },
  discardOld: { type: 'flag', summary: 'do not keep the old file' },
  noCheckpoint: { type: 'flag', summary: 'do not copy the WAL of the old database into it before it goes aside' },
  force: { type: 'flag', summary: 'replace a file that cannot be opened, and so cannot be locked' },
  check: {
    type: 'choice',
    choices: ['none', 'quick', 'full'],
    summary: 'let SQLite check the result before it is put in place',
    config: 'restore.check',
  },
  workers: workersOption,
  resume: { type: 'flag', summary: 'complete a restore that was interrupted half-way', group: 'After a crash' },
  abort: { type: 'flag', summary: 'take it back: the old database returns', group: 'After a crash' },
} as const;

type Given = OptionValues<typeof options>;

export const definition = defineCommand({
  path: ['restore', 'run'],
  summary: 'write a backup to a new file, or put it in the place of the database',
  description:
    'Everything that is read is verified, page by page, and the result is checked before it is put in place; until then nothing changes. A database that any process has open is not replaced.',
  options,
  examples: [
    { command: 'restore --target copy.db', does: 'the newest backup, into a new file' },
    { command: 'restore --replace -d trading.db', does: 'the newest backup over the database; the old file is kept' },
    { command: 'restore --to-tx 48112 --target after.db', does: 'the state after one archived commit' },
    { command: 'restore --to-time 2026-03-14T08:14:00Z --target before.db', does: 'the state of that moment' },
    { command: 'restore run --resume', does: 'complete a restore after a crash' },
  ],
  quietWhenOk: true,
  exitCodes: {
    0: 'restored',
    1: 'failed; nothing was changed',
    3: 'restored by a second way, because inputs were damaged, or a record of the archive is, or a hook failed afterwards',
    10: 'no such backup',
    11: 'the database is in use',
    12: 'the backup, or the database in it, is damaged; nothing was changed',
    15: 'an earlier restore was interrupted half-way',
  },
  changes: true,
  asks: true,
  allowsPendingRestore: true,
  async run({ options: given }, context) {
    if (given.resume || given.abort) return context.report(await endInterrupted(given, context));
    const wanted = restoreTargetOf(given);
    const output = given.target === undefined ? context.databasePath() : context.resolve(given.target);
    const started = context.clock.now();
    const routes = await routesTo(given.repository, wanted, context);
    const { repository, ...state } = routes.first;
    const { existsSync } = await import('node:fs');
    const { refusePendingRestore } = await import('../../core/restore/pending.ts');
    refusePendingRestore(output);
    const replaces = existsSync(output);
    const { fileSystemOf } = await import('../../core/file-access/file-system.ts');
    const check = given.check ?? context.config.restore.check;
    const plan: RestoreRunData = {
      dryRun: context.dryRun,
      outcome: 'planned',
      ...stateFacts(state),
      routesTried: 0,
      phasesMs: { plan: context.clock.now() - started, apply: 0, check: 0, swap: 0 },
      checks: { digest: 'skipped', sqlite: 'skipped', depth: check },
      output,
      freeBytes: null,
      replaces,
      oldDatabase: null,
    };
    const { requireTarget } = await import('../../core/restore/restore.ts');
    requireTarget(output, { replace: given.replace, owner: ownerOf(context) });
    const before = routes.failed.map(routeFinding);
    const findings = [...before, ...findingsOf(wanted, state), ...recordFindings(repository)];
    const { freeBytes } = fileSystemOf(dirname(output));
    if (context.dryRun) return context.report({ ...plan, freeBytes }, { findings });
    if (replaces) await context.confirm(`Replace ${JSON.stringify(output)} by its state of ${state.time}?`);
    const { restoreByAnyRoute } = await import('../../core/restore/any-route.ts');
    const { restored, used, failed } = await restoreByAnyRoute(
      {
        ...routes,
        hooks: { ...context.config.restore.hooks, ...hookSettings(context) },
        target: output,
        replace: given.replace,
        discardOld: given.discardOld || !context.config.restore.keepOld,
        checkpointOld: !given.noCheckpoint,
        force: given.force,
        check,
        workers: workerCount(context, given.workers),
        owner: ownerOf(context),
        leases: context.config.backup.leases,
        stateDirectory: context.stateDirectory(),
      },
      context,
    );
    const done: RestoreRunData = {
      ...plan,
      freeBytes,
      ...stateFacts(used),
      outcome: 'restored',
      routesTried: routes.failed.length + failed.length + 1,
      bytes: { read: restored.bytesRead, written: restored.bytesWritten },
      phasesMs: { plan: plan.phasesMs.plan, ...restored.phasesMs },
      checks: { digest: 'ok', sqlite: check === 'none' ? 'skipped' : 'ok', depth: check },
      output: restored.output,
      oldDatabase: restored.oldDatabase,
    };
    return context.report(done, { findings: [...findings, ...restored.findings, ...failed.map(routeFinding)] });
  },
});

/** A moment behind the last archived commit: whether more happened until then is not known. */
function findingsOf(wanted: WantedState, { route, time }: ResolvedState): Finding[] {
  if (wanted.kind !== 'time' || route?.atEnd !== true) return [];
  return [
    {
      id: 'restore.archive_end',
      severity: 'info',
      message: `the last archived commit is of ${time}; later ones, if there were any, are not in the repository`,
    },
  ];
}

async function endInterrupted(given: Given, context: CommandContext): Promise<RestoreRunData> {
  if (given.resume && given.abort) throw new TradedbError('usage', 'give either --resume or --abort');
  const { readIntent } = await import('../../core/restore/intent.ts');
  const { realTarget } = await import('../../core/restore/pending.ts');
  const { resumeSwap } = await import('../../core/restore/resume.ts');
  const output = realTarget(given.target === undefined ? context.databasePath() : context.resolve(given.target));
  const intent = await readIntent(output);
  if (intent === undefined) {
    throw new TradedbError('usage', `no restore of ${JSON.stringify(output)} was interrupted`, {
      hint: 'there is nothing to resume or to take back',
    });
  }
  const facts = {
    dryRun: context.dryRun,
    route: { points: [intent.pointId], segments: 0, commits: 0 },
    routesTried: 0,
    bytes: { read: 0, written: 0 },
    phasesMs: { plan: 0, apply: 0, check: 0, swap: 0 },
    checks: { digest: 'skipped', sqlite: 'skipped', depth: 'none' },
    output,
    freeBytes: null,
    replaces: intent.hadDatabase,
  } as const;
  if (context.dryRun) {
    return { ...facts, outcome: 'planned', target: ofIntent(intent.pointId), oldDatabase: null };
  }
  const started = context.clock.now();
  const resumed = await resumeSwap(
    output,
    given.resume ? 'complete' : 'revert',
    { checkpoint: !given.noCheckpoint, force: given.force, ownPid: context.host.pid },
    context,
  );
  const completed = resumed?.outcome === 'completed';
  return {
    ...facts,
    outcome: completed ? 'completed' : 'reverted',
    target: ofIntent(completed ? intent.pointId : null),
    phasesMs: { ...facts.phasesMs, swap: context.clock.now() - started },
    oldDatabase: resumed?.oldDatabase ?? null,
  };
}

function ofIntent(backup: string | null): RestoreRunData['target'] {
  return { time: null, backup, tx: null, epoch: null, uncertaintyMs: null };
}

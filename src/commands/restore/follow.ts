import { TradedbError } from '../../core/error.ts';
import type { Finding } from '../../core/report.ts';
import type { FollowTotals } from '../../core/restore/follow/follow.ts';
import type { FollowLimit } from '../../core/restore/follow/follow-request.ts';
import type { WantedState } from '../../core/restore/resolve-target.ts';
import {
  databaseIdIfAny,
  openChosen,
  ownerOf,
  repositoryOption,
  workerCount,
  workersOption,
} from '../backup/repository-option.ts';
import { defineCommand } from '../definition.ts';
import { restoreTargetOf, targetOptions } from './target-options.ts';

export interface RestoreFollowData extends Omit<FollowTotals, 'appliedTime' | 'epoch'> {
  readonly dryRun: boolean;
  readonly standby: string;
  /** Null after a dry run. */
  readonly epoch: string | null;
  /** When the last applied commit was seen (ISO 8601). */
  readonly appliedTime: string | null;
  readonly interrupted: boolean;
}

export const definition = defineCommand({
  path: ['restore', 'follow'],
  summary: 'keep a warm standby: a copy that takes over every archived commit, and can be read all the time',
  description:
    'The standby is made when it is not there. Readers may have it open: a batch of commits is applied under a lock and a rollback journal, so that they see whole commits only, also after a crash. --promote applies what is left and makes an ordinary database of it.',
  options: {
    repository: repositoryOption,
    ...targetOptions,
    target: { type: 'path', value: 'file', summary: 'the standby (required)' },
    poll: { type: 'duration', value: 'duration', summary: 'time between two looks', config: 'restore.follow.poll' },
    for: { type: 'duration', value: 'duration', summary: 'end after this time; without it, when it is stopped' },
    promote: { type: 'flag', summary: 'apply what is left, make an ordinary database of the standby, and end' },
    workers: workersOption,
  },
  examples: [
    { command: 'restore follow -d trading.db --target /standby/trading.db', does: 'follow until SIGTERM' },
    { command: 'restore follow -d trading.db --target /standby/trading.db --promote', does: 'take over' },
  ],
  exitCodes: {
    0: 'ended after --for, at the wanted state, or promoted',
    1: 'failed; the standby is whole',
    3: 'it lagged more than restore.follow.lagWarning, or the archive had a gap',
    10: 'no repository, or nothing is archived',
    11: 'another one follows into this file, or readers hold it',
    12: 'the archive is damaged',
  },
  formats: ['ndjson'],
  changes: true,
  async run({ options }, context) {
    if (options.target === undefined) {
      throw new TradedbError('usage', 'say where the standby is', { hint: '--target <file>' });
    }
    const wanted = restoreTargetOf(options);
    const standby = context.resolve(options.target);
    const repository = await openChosen(context, options.repository);
    const databaseId = (await databaseIdIfAny(context)) ?? (await onlyDatabase());
    const limit = await limitOf(wanted);
    if (context.dryRun) return context.report<RestoreFollowData>({ ...nothing, dryRun: true, standby });
    const { follow } = await import('../../core/restore/follow/follow.ts');
    const settings = context.config.restore.follow;
    const { appliedTime, ...totals } = await follow(
      {
        repository,
        databaseId,
        target: standby,
        limit,
        pollMs: options.poll ?? settings.poll,
        forMs: options.for ?? null,
        promote: options.promote,
        lagWarningMs: settings.lagWarning,
        workers: workerCount(context, options.workers),
        owner: ownerOf(context),
        stateDirectory: context.stateDirectory(),
        onEvent: (event) => {
          context.emit({ type: 'event', time: new Date(context.clock.wallTime()).toISOString(), ...event });
          if (event.event === 'applied') context.log.debug('applied', event);
          else context.log.info(`follow: ${event.event}`, event);
        },
      },
      context,
    );
    const interrupted = context.signal.aborted;
    const data = { dryRun: false, standby, ...totals, appliedTime: new Date(appliedTime).toISOString(), interrupted };
    return context.report<RestoreFollowData>(data, { findings: findingsOf(data, settings.lagWarning) });

    async function onlyDatabase(): Promise<string> {
      const { selectPoint } = await import('../../core/restore/select.ts');
      return (await selectPoint(repository, undefined, { kind: 'latest' })).point.database.id;
    }

    async function limitOf(state: WantedState): Promise<FollowLimit | null> {
      if (state.kind === 'latest') return null;
      if (state.kind === 'time') return { kind: 'time', time: state.time };
      const { resolveState } = await import('../../core/restore/resolve-target.ts');
      const { route } = await resolveState(repository, databaseId, state);
      if (route !== undefined) return { kind: 'tx', tx: route.tx, epoch: route.epoch.id };
      throw new TradedbError('usage', 'a standby stops at a commit, a mark or a moment', {
        hint: 'a backup is restored with: tradedb restore run',
      });
    }
  },
});

const nothing = {
  epoch: null,
  appliedTx: 0,
  appliedTime: null,
  batches: 0,
  commits: 0,
  pages: 0,
  gaps: 0,
  lagMs: 0,
  maxLagMs: 0,
  promoted: false,
  reached: false,
  interrupted: false,
} as const;

function findingsOf(data: RestoreFollowData, lagWarningMs: number): Finding[] {
  const findings: Finding[] = [];
  if (data.maxLagMs > lagWarningMs) {
    findings.push({
      id: 'follow.lag',
      severity: 'warning',
      subject: data.standby,
      message: `the standby lagged by up to ${Math.round(data.maxLagMs)} ms`,
      values: { maxLagMs: Math.round(data.maxLagMs) },
    });
  }
  if (data.gaps > 0) {
    findings.push({
      id: 'follow.gap',
      severity: 'warning',
      subject: data.standby,
      message: 'the archive had a gap: the standby went on from the backup behind it, by the pages that differ',
      hint: 'tradedb backup list shows the times',
    });
  }
  return findings;
}

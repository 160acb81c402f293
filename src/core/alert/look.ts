import type { OperationContext } from '../context.ts';
import type { Metric } from '../report.ts';
import type { AlertFile } from './alert-file.ts';
import { channelsFor, type DeliveryRequest } from './deliver.ts';
import { evaluateAlerts } from './evaluator.ts';
import { type GroupTiming, takeIn } from './group.ts';
import type { Inhibition } from './inhibit.ts';
import { Outbox } from './outbox.ts';
import type { AlertRule } from './rule.ts';
import { sampleTime } from './sample-time.ts';
import type { AlertTransition, SampleTime } from './state.ts';
import { AlertStateFile } from './state-file.ts';

export interface AlertSettings extends DeliveryRequest {
  readonly database: string;
  readonly rules: readonly AlertRule[];
  readonly inhibitions: readonly Inhibition[];
  readonly timing: GroupTiming;
  /** Expected time between two looks. */
  readonly intervalMs: number;
}

export interface AlertLook {
  readonly metrics: readonly Metric[];
  readonly expects: (series: Pick<Metric, 'name' | 'labels'>) => boolean;
  /** When the metrics were taken; now without it. */
  readonly at?: SampleTime;
}

export interface LookResult {
  readonly file: AlertFile;
  readonly transitions: readonly AlertTransition[];
}

/**
 * Evaluates the rules on metrics and puts the notifications that are due into the outbox. State, transitions and
 * notifications are saved in one step before anything is written to the outbox, and what a killed process left behind is
 * put there by the next one, so that nothing is lost and nothing gets a second id.
 */
export async function lookAtMetrics(
  settings: AlertSettings,
  look: AlertLook,
  context: OperationContext,
): Promise<LookResult> {
  const outbox = new Outbox(settings.stateDirectory, context);
  return new AlertStateFile(settings, context).change((before, save) => {
    // Inside the lock, so that the times of two processes follow each other.
    const now = look.at ?? sampleTime(context.clock);
    const { rules, intervalMs } = settings;
    const { database } = before;
    const evaluation = evaluateAlerts({ ...look, rules, states: before.states, now, intervalMs, database });
    const makeId = (): string => Buffer.from(context.random.bytes(16)).toString('hex');
    const after = takeIn(before, evaluation, { ...settings, now, makeId });
    save(after);
    if (after.outgoing.length === 0) return { file: after, transitions: evaluation.transitions };
    for (const notification of after.outgoing) {
      for (const { name } of channelsFor(notification, settings.channels)) outbox.add(notification, name);
    }
    const file = { ...after, outgoing: [] };
    save(file);
    return { file, transitions: evaluation.transitions };
  });
}

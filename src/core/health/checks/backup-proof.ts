import { formatDuration } from '../../config/duration.ts';
import { type CheckInput, type CheckOutcome, finding, type HealthCheck } from '../check.ts';
import { judge, type ThresholdId } from '../threshold.ts';

interface Proof {
  readonly id: Extract<ThresholdId, 'backup.verified' | 'backup.drill'>;
  readonly job: 'verify' | 'drill';
  readonly command: string;
  readonly words: string;
}

/** A backup is worth what its last proof is worth. */
async function judgeProof(proof: Proof, { facts, thresholds, context }: CheckInput): Promise<CheckOutcome> {
  const { id, job, command, words } = proof;
  const here = facts.lastRun?.(job);
  // Another machine may verify: then the repository knows.
  const there = job === 'verify' ? (await facts.newestBackup?.())?.verified : undefined;
  const last = there === undefined || (here !== undefined && here.at >= there.at) ? here : there;
  if (last === undefined) return { summary: `no ${words} is known`, skipped: `no ${words} is known; try: ${command}` };
  const age = Math.max(0, context.clock.wallTime() - last.at);
  const base = { value: age, unit: 'ms' } as const;
  if (!last.passed) {
    const message = `the last ${words} failed ${formatDuration(age)} ago: ${last.summary}`;
    return {
      ...base,
      summary: message,
      findings: [finding(id, 'critical', message, { hint: 'tradedb backup create --type full' })],
    };
  }
  const severity = judge(age, thresholds[id]);
  const summary = `${formatDuration(age)} ago: ${last.summary}`;
  if (severity === 'ok') return { ...base, summary };
  const message = `the last ${words} was ${formatDuration(age)} ago`;
  return { ...base, summary: message, findings: [finding(id, severity, message, { hint: command })] };
}

const verified: Proof = {
  id: 'backup.verified',
  job: 'verify',
  command: 'tradedb backup verify --level 3',
  words: 'verification of the backups',
};
const drill: Proof = { id: 'backup.drill', job: 'drill', command: 'tradedb restore drill', words: 'restore drill' };

export const backupVerified: HealthCheck = {
  id: verified.id,
  sentence: 'the last verification of the backups passed, not too long ago',
  cost: 'cheap',
  run: (input) => judgeProof(verified, input),
};

export const backupDrill: HealthCheck = {
  id: drill.id,
  sentence: 'the last restore drill passed, not too long ago',
  cost: 'cheap',
  run: (input) => judgeProof(drill, input),
};

import { formatDuration } from '../../config/duration.ts';
import { finding, type HealthCheck } from '../check.ts';
import { judge } from '../threshold.ts';

export const backupAge: HealthCheck = {
  id: 'backup.age',
  sentence: 'the newest backup is young enough, unless nothing changed since',
  cost: 'cheap',
  async run({ facts, thresholds, target, context }) {
    const newest = await facts.newestBackup?.();
    if (newest === undefined) return { summary: 'no backup repository', skipped: 'no backup repository is there' };
    if (newest.newestAt === undefined) {
      const message = `there is no backup of this database in ${newest.place}`;
      return { summary: message, findings: [finding('backup.age', 'warning', message, { hint: 'tradedb backup' })] };
    }
    const age = Math.max(0, context.clock.wallTime() - newest.newestAt);
    const base = { summary: `${formatDuration(age)} old (${newest.id ?? '?'})`, value: age, unit: 'ms' } as const;
    const severity = judge(age, thresholds['backup.age']);
    if (severity === 'ok') return base;
    if (target.modifiedMs < newest.newestAt && target.wal.committedFrames === 0) {
      return { ...base, summary: `${formatDuration(age)} old, but nothing was written since` };
    }
    const message = `the newest backup is ${formatDuration(age)} old`;
    return { ...base, findings: [finding('backup.age', severity, message, { hint: 'tradedb backup' })] };
  },
};

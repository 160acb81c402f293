import type { SettingsData } from '../../core/analysis/settings/examine-settings.ts';
import { defineCommand } from '../definition.ts';
import { adviceExitCode, exitCodeOption } from './exit-code.ts';
import { seedOption, workloadIfAny, workloadOption } from './workload-option.ts';

export const definition = defineCommand({
  path: ['analyze', 'settings'],
  summary: 'show what a database file holds, what its engine sets, and whether its statistics are sound',
  description:
    'Advice is given only where a measurement supports it. What a connection sets (foreign_keys, busy_timeout, synchronous) is known only from a capture file of the engine: our own connection says nothing about it.',
  options: {
    workload: workloadOption,
    seed: seedOption,
    exitCode: exitCodeOption,
  },
  examples: [
    { command: 'analyze settings -d trading.db', does: 'file settings and the age of the statistics' },
    { command: "analyze settings -d trading.db -w 'capture-*.jsonl'", does: 'also what the engine sets' },
  ],
  exitCodes: {
    0: 'looked at',
    4: 'missing or stale statistics, or a setting that loses data, with --exit-code',
    10: 'database or workload not found',
    11: 'database locked',
    12: 'not a database, or damaged',
  },
  formats: ['markdown'],
  async run({ options }, context) {
    const workload = await workloadIfAny(options, context);
    const { examineSettings } = await import('../../core/analysis/settings/examine-settings.ts');
    const { data, findings } = examineSettings(
      {
        path: context.databasePath(),
        engine: workload?.engine ?? null,
        busyTimeoutMs: context.config.connection.busyTimeout,
      },
      context,
    );
    return context.report<SettingsData>(data, { findings });
  },
  exitCode: adviceExitCode,
});

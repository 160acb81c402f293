import type { RetentionSettings } from '../../core/backup/retention/facts.ts';
import type { CommandContext } from '../definition.ts';

/** The rules of the configuration. */
export function retentionSettings({ config }: CommandContext): RetentionSettings {
  const { retention } = config.backup;
  return {
    policy: {
      ...retention,
      keepWithinMs: retention.keepWithin,
      keepSafety: config.migrations.safetyBackupKeep,
    },
    minimumRedundancy: retention.minimumRedundancy,
    graceMs: retention.grace,
    recoveryWindowMs: retention.recoveryWindow,
  };
}

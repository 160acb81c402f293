import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { ReadAuditHead } from '../../core/backup/snapshot/pin.ts';
import type { Finding } from '../../core/report.ts';
import type { CommandContext } from '../definition.ts';
import { anchorFileOf, noteAnchor } from '../health/audit-anchors.ts';

/** Finds the head of the audit log for a manifest. A log that cannot be read is no reason to have no backup. */
export async function auditHeadReader(context: CommandContext): Promise<ReadAuditHead> {
  const { auditHead } = await import('../../core/trading/audit/head.ts');
  return (connection) => {
    try {
      return auditHead(connection);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      context.log.warn(`the head of the audit log is not in the manifest: ${reason}`);
      return undefined;
    }
  };
}

/** Notes the head of a backup in the anchor file too, when one is named. What prevents it is a warning. */
export async function noteBackupHead(
  { audit, createdAt, database, id }: Manifest,
  context: CommandContext,
): Promise<Finding[]> {
  const file = anchorFileOf(undefined, context);
  if (file === undefined || audit === undefined) return [];
  try {
    await noteAnchor(file, { at: createdAt, host: database.hostname, database: database.path, ...audit, by: id });
    return [];
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return [
      {
        id: 'audit.not_noted',
        severity: 'warning',
        subject: file,
        message: `the head of the audit log could not be noted: ${reason}`,
        hint: 'see trading.audit.anchorFile; then: tradedb health audit --anchor',
      },
    ];
  }
}

import { existsSync, realpathSync } from 'node:fs';
import type { Finding } from '../../core/report.ts';
import { type AnchoredLog, type Contradiction, judgeAll } from '../../core/trading/audit/anchor.ts';
import { checkExport, type ExportCheck } from '../../core/trading/audit/export-check.ts';
import { hasAuditLog, hashAt } from '../../core/trading/audit/head.ts';
import type { AnchorSource } from '../../core/trading/audit/verify.ts';
import type { CommandContext } from '../definition.ts';
import { anchorFileOf, fileSource } from './audit-anchors.ts';

export interface ExaminedExport {
  readonly check: ExportCheck;
  /** Set when it was also held against the log in the database. */
  readonly log: 'compared' | undefined;
  readonly findings: readonly Finding[];
}

/** Proves an export by itself, then by the anchors that fall into it, then by the log when there is one. */
export async function examineExport(
  path: string,
  given: { readonly anchorFile: string | undefined },
  context: CommandContext,
): Promise<ExaminedExport> {
  const file = anchorFileOf(given.anchorFile, context);
  const source = file === undefined ? undefined : await fileSource(file);
  const wanted = new Set(source?.anchors.map(({ anchor }) => anchor.seq));
  const check = await checkExport(path, wanted, context);
  const findings: Finding[] = [];
  if (check.problem !== undefined) {
    findings.push({
      id: 'audit.export',
      severity: 'critical',
      subject: path,
      message: check.problem,
      hint: 'the export is damaged or was changed: bring it back from where it was kept, or export it again',
    });
    return { check, log: undefined, findings };
  }
  if (source !== undefined) findings.push(...againstAnchors(check, source).map(toFinding));
  const compared = await againstLog(check, context);
  if (compared !== undefined) findings.push(...compared);
  return { check, log: compared === undefined ? undefined : 'compared', findings };
}

function againstAnchors(check: ExportCheck, source: AnchorSource): readonly Contradiction[] {
  const { manifest, hashes } = check;
  const log: AnchoredLog = {
    host: manifest.host,
    database: manifest.database,
    chainStart: manifest.chainStart,
    headSeq: manifest.lastSeq,
    hashAt: (seq) => hashes.get(seq),
  };
  // Only rows that were exported can contradict; an accepted rewrite makes a chain of its own.
  const within = source.anchors.filter(
    ({ anchor }) =>
      anchor.chainStart === manifest.chainStart && anchor.seq >= manifest.firstSeq && anchor.seq <= manifest.lastSeq,
  );
  return judgeAll({ ...source, anchors: within }, log, undefined).contradictions;
}

function toFinding({ message, seq, verdict }: Contradiction): Finding {
  return { id: 'audit.anchor', severity: 'critical', message, values: { seq, verdict } };
}

/** Undefined when no database is named, or it is not there any more: an export must be provable without it. */
async function againstLog(check: ExportCheck, context: CommandContext): Promise<Finding[] | undefined> {
  const path = context.databasePathIfAny();
  if (path === undefined || !existsSync(path)) return undefined;
  const [{ openReadOnly }, { requireDatabaseFile }] = await Promise.all([
    import('../../core/sqlite/connection.ts'),
    import('../../core/sqlite/database-file.ts'),
  ]);
  requireDatabaseFile(path);
  const { manifest } = check;
  const busyTimeoutMs = context.config.connection.busyTimeout;
  const connection = openReadOnly(realpathSync(path), { clock: context.clock, random: context.random, busyTimeoutMs });
  try {
    if (!hasAuditLog(connection) || hashAt(connection, 1) !== manifest.chainStart) {
      const message = 'the log in the database is another one than that of the export';
      return [{ id: 'audit.other_log', severity: 'warning', message, subject: path }];
    }
    if (hashAt(connection, manifest.lastSeq) === manifest.lastHash) return [];
    const message = `audit row ${manifest.lastSeq} of the database is not the one of the export`;
    return [{ id: 'audit.export_differs', severity: 'critical', subject: path, message }];
  } finally {
    connection.close();
  }
}

import type { Manifest } from '../../core/backup/manifest/manifest.ts';
import type { Repository } from '../../core/backup/repository/repository.ts';
import type { VerifyProblem } from '../../core/backup/verify/verification.ts';
import type { Finding } from '../../core/report.ts';
import type { CommandContext } from '../definition.ts';

/** What a verification found out. */
export interface Verdicts {
  readonly repository: Repository;
  readonly points: readonly Manifest[];
  /** Points that were verified; what they build on was verified with them. */
  readonly verified: readonly Manifest[];
  /** Level that every byte was checked at. */
  readonly level: number;
  /** Points that passed a deeper one. */
  readonly restored: readonly string[];
  readonly problems: readonly VerifyProblem[];
}

/** Keeps in the repository which points are whole; a finding where it cannot be written. */
export async function keepVerdicts(verdicts: Verdicts, context: CommandContext): Promise<Finding[]> {
  const { repository, points, verified, level, problems } = verdicts;
  const { keepVerification } = await import('../../core/backup/verify/verified-points.ts');
  const { safeLineage } = await import('../../core/backup/verify/structure.ts');
  const byId = new Map(points.map((point) => [point.id, point]));
  const failed = new Set(problems.flatMap((problem) => problem.affectedPoints));
  const at = new Date(context.clock.wallTime()).toISOString();
  const findings: Finding[] = [];
  for (const databaseId of new Set(verified.map((point) => point.database.id))) {
    const own = verified.filter((point) => point.database.id === databaseId);
    const checked = new Set(own.flatMap((point) => safeLineage(point, byId).map(({ id }) => id)));
    const passed = new Map([...checked].filter((id) => !failed.has(id)).map((id) => [id, level]));
    for (const id of verdicts.restored) if (passed.has(id)) passed.set(id, 4);
    const outcome = { at, passed, failed: [...failed] };
    const problem = await keepVerification(repository, databaseId, outcome, context.random);
    if (problem === undefined) continue;
    findings.push({
      id: 'backup.verification_not_kept',
      severity: 'info',
      message: `the repository does not know of this verification: ${problem}`,
      hint: 'list and prune count what the repository knows',
    });
  }
  return findings;
}

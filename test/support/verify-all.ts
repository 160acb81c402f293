import type { Repository } from '../../src/core/backup/repository/repository.ts';
import type { VerifyLevel, VerifyProblem } from '../../src/core/backup/verify/verification.ts';
import { verifyPoints } from '../../src/core/backup/verify/verify.ts';
import { testContext } from './context.ts';

/** The problems of all points of a repository at one level. */
export async function verifyAll(repository: Repository, level: VerifyLevel): Promise<readonly VerifyProblem[]> {
  const { points, damaged } = await repository.points();
  if (damaged.length > 0) throw damaged[0]?.error;
  const request = { repository, points, allPoints: points, level, sample: 1, workers: 1 };
  return (await verifyPoints(request, testContext())).problems;
}

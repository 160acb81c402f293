import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { fromFileSystem } from '../../error.ts';
import type { FoundEvidence } from './inspection.ts';
import type { SalvageSource } from './salvage-source.ts';

/**
 * The newest state of the repository, and over it the commits that only the WAL of the patient holds: every page that it
 * wrote behind the archived ones, in its newest image.
 */
export async function restoreInto(
  source: SalvageSource,
  { evidence, coverage }: FoundEvidence,
  resultPath: string,
): Promise<{ tailPages: number }> {
  await evidence.restore(resultPath);
  if (!coverage.complete || coverage.tail.size === 0) return { tailPages: 0 };
  const { pageSize, pageCount, pages } = source;
  const file = openSync(resultPath, 'r+');
  try {
    for (const number of [...coverage.tail].sort((a, b) => a - b)) {
      const image = pages.read(number);
      if (image !== undefined) writeSync(file, image, 0, pageSize, (number - 1) * pageSize);
    }
    ftruncateSync(file, pageCount * pageSize);
    fsyncSync(file);
  } catch (error) {
    throw fromFileSystem(error, resultPath);
  } finally {
    closeSync(file);
  }
  return { tailPages: coverage.tail.size };
}

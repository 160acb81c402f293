import { recordObjects } from '../post-check/lost-objects.ts';
import type { SectionResult } from '../section-result.ts';
import { advanced, type LongRun } from './long-run.ts';

/**
 * Runs a program that asked for no transaction: each of its queries commits by itself. Only its author knows how to go
 * on after an interruption, so the history keeps it open until a person has decided.
 */
export async function runProgramOutside(run: LongRun): Promise<SectionResult['strategy']> {
  const { session, step, open } = run;
  const { program } = step.section;
  if (program === undefined) return 'program';
  const { runProgram } = await import('../program-run.ts');
  const objects = recordObjects(session.connection);
  const done = await runProgram(session, program, { file: step.place, objects, transaction: false });
  await open.transaction(() => ({ ...advanced(run, done.rowsChanged), next: done.statements.length }));
  return 'program';
}

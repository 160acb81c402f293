import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { filesOf, readSection } from './hooks.ts';
import { storedText } from './migration.ts';
import { type RunResult, type RunSettings, runSteps, type Step } from './run.ts';

/** The seeds of a folder in order of name: each runs in a transaction of its own, every time it is asked for. */
export async function readSeeds(directory: string): Promise<Step[]> {
  const steps: Step[] = [];
  for (const file of filesOf(directory)) {
    const path = join(directory, file);
    const section = await readSection(path, file, 'seed');
    steps.push({
      place: { version: file, name: '', file: `seeds/${file}`, kind: section.program === undefined ? 'sql' : 'module' },
      section,
      row: {
        event: 'seeded',
        sha256: hash('sha256', readFileSync(path), 'hex'),
        sqlUp: storedText(section),
        sqlDown: null,
      },
      isDone: () => false,
    });
  }
  return steps;
}

export function runSeeds(steps: readonly Step[], settings: RunSettings, context: OperationContext): Promise<RunResult> {
  return runSteps(steps, { ...settings, atomic: false, conflicts: () => [] }, context);
}

import { execFileSync, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { RandomStatement } from './random-advice.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** What counting needs and the machine does not have. */
export function missingForSteps(): string | undefined {
  if (spawnSync('cc', ['--version']).status !== 0) return 'no C compiler';
  return spawnSync('/usr/bin/python3', ['-c', 'import sqlite3']).status === 0 ? undefined : 'no python3 with sqlite3';
}

/** Compiles the function that tells a connection its own steps; nothing else in better-sqlite3 counts them. */
export function compileStepCounter(folder: string): string {
  const library = join(folder, 'vm-steps.so');
  const headers = join(dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json')), 'deps/sqlite3');
  execFileSync('cc', ['-shared', '-fPIC', `-I${headers}`, here('./vm-steps.c'), '-o', library]);
  return library;
}

/** What a statement costs whatever the machine is busy with, the mean of its sets. */
export interface Work {
  readonly steps: number;
  /** How often the cache was asked for a page: a look-up by key asks several times, and takes as few steps as a sorter's. */
  readonly pages: number;
}

/** The work of each statement in the library as it is, or with plans made from sqlite_stat1 alone. */
export function libraryWork(
  path: string,
  statements: readonly RandomStatement[],
  options: { readonly counter: string; readonly stat4: boolean },
): Work[] {
  const db = new Database(path);
  try {
    db.loadExtension(options.counter);
    if (!options.stat4) db.exec('BEGIN; DELETE FROM sqlite_stat4; ANALYZE sqlite_schema');
    const counter = db.prepare<[], Work>('SELECT vm_steps() AS steps, pages_touched() AS pages');
    const counted = (): Work => counter.get() ?? { steps: 0, pages: 0 };
    return statements.map(({ sql, sets }) => {
      const statement = db.prepare(sql);
      const before = counted();
      // A plain number is bound as a REAL, which LIKE compares as text.
      for (const set of sets) statement.all(set.map(BigInt));
      const after = counted();
      return { steps: (after.steps - before.steps) / sets.length, pages: (after.pages - before.pages) / sets.length };
    });
  } finally {
    if (db.inTransaction) db.exec('ROLLBACK');
    db.close();
  }
}

/** Steps of each statement in the SQLite of Python, which is another release, has no STAT4 and does not tell pages. */
export function pythonSteps(path: string, statements: readonly RandomStatement[]): number[] {
  const answer = execFileSync('/usr/bin/python3', [here('./vm-steps.py'), path], {
    input: JSON.stringify(statements),
    encoding: 'utf8',
  });
  return JSON.parse(answer) as number[];
}

import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { TradedbError } from '../error.ts';
import { defaultOptions } from './format/marker.ts';
import type { Sections } from './format/native.ts';
import { invalid } from './invalid.ts';
import type { Program, Section } from './migration.ts';

type Work = (knex: unknown, tools: unknown) => unknown;

/** What a JavaScript or TypeScript migration exports. */
export interface ProgramExports {
  readonly up?: Work;
  readonly down?: Work;
  /** Gives the rows that must not exist. */
  readonly verify?: Work;
  /** Of a hook. */
  readonly run?: Work;
  /** `config = { transaction: false }`: each query commits by itself. */
  readonly withoutTransaction?: boolean;
  /** Of a seed. */
  readonly seed?: Work;
}

/** Whether there is a way down is known only when the file has been loaded. */
export function programSections(path: string): Sections {
  return { up: programSection(path, 'up'), down: programSection(path, 'down') };
}

export function programSection(path: string, direction: Program['direction']): Section {
  return { marker: '', text: '', line: 1, options: defaultOptions, statements: [], program: { path, direction } };
}

/**
 * Loads every program among the sections, so that a broken one is told before anything runs. Gives the sections back
 * with what only the programs know: whether they want a transaction.
 */
export async function requirePrograms(sections: readonly Section[]): Promise<Section[]> {
  const loaded: Section[] = [];
  for (const section of sections) {
    const { program } = section;
    const exported = program === undefined ? undefined : await loadProgram(program.path);
    const transaction = section.options.transaction && exported?.withoutTransaction !== true;
    loaded.push(transaction ? section : { ...section, options: { ...section.options, transaction } });
    if (program === undefined || exported?.[program.direction] !== undefined) continue;
    throw new TradedbError('migration_irreversible', `${basename(program.path)} exports no "down"`, {
      hint: 'write a new migration that reverses it, or restore a backup',
    });
  }
  return loaded;
}

/** Throws `migration_invalid` when the file cannot be loaded or does not export what is needed. */
export async function loadProgram(path: string, needed: 'up' | 'run' | 'seed' = 'up'): Promise<ProgramExports> {
  const file = basename(path);
  let namespace: Readonly<Record<string, unknown>>;
  try {
    namespace = await import(pathToFileURL(path).href);
  } catch (error) {
    const typescript = error instanceof Error && 'code' in error && error.code === 'ERR_UNKNOWN_FILE_EXTENSION';
    throw new TradedbError(
      'migration_invalid',
      `${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`,
      {
        hint: typescript
          ? 'this Node.js does not run TypeScript: use 22.18 or newer, or write it as .mjs'
          : 'correct the file',
        cause: error,
      },
    );
  }
  const fallback = namespace.default;
  const found = typeof namespace[needed] === 'function' ? namespace : (fallback ?? {});
  const inner = (typeof found === 'function' ? { [needed]: found } : found) as Readonly<Record<string, unknown>>;
  if (typeof inner[needed] !== 'function')
    throw invalid(`${file} exports no function "${needed}"`, `export async function ${needed}(knex) { ... }`);
  const withoutTransaction = (inner.config as { transaction?: unknown } | undefined)?.transaction === false;
  if (withoutTransaction && needed !== 'up') {
    throw invalid(`${file} asks for transaction: false`, 'remove it: a hook or a seed runs in one transaction');
  }
  const names = ['up', 'down', 'verify', 'run', 'seed'] as const;
  const exported = names.flatMap((name) => (typeof inner[name] === 'function' ? [[name, inner[name]]] : []));
  return { ...(Object.fromEntries(exported) as Partial<Record<(typeof names)[number], Work>>), withoutTransaction };
}

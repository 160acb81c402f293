import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromFileSystem, TradedbError } from '../error.ts';
import type { Place } from './failure.ts';
import { parsePlain } from './format/native.ts';
import { invalid } from './invalid.ts';
import type { Section } from './migration.ts';
import { decodeMigration } from './migration-text.ts';
import { loadProgram, programSection } from './program.ts';

export const hookNames = ['before-run', 'after-run', 'before-each', 'after-each'] as const;
export type HookName = (typeof hookNames)[number];

/** SQL or a program that runs around files or runs. */
export interface Hook {
  readonly section: Section;
  readonly place: Place;
}

export type Hooks = Readonly<Partial<Record<HookName, Hook>>>;

const form = /^(.+)\.(sql|js|mjs|cjs|ts)$/;

/** The hooks of a folder; none when it does not exist. Throws `migration_invalid` for a file that is none. */
export async function readHooks(directory: string): Promise<Hooks> {
  if (!existsSync(directory)) return {};
  const hooks: Partial<Record<HookName, Hook>> = {};
  for (const file of filesOf(directory)) {
    const name = form.exec(file)?.[1] as HookName | undefined;
    if (name === undefined || !hookNames.includes(name)) {
      throw invalid(`${file} in the hooks folder is no hook`, `hooks are named ${hookNames.join(', ')}`);
    }
    if (hooks[name] !== undefined) throw invalid(`there are two hooks ${name}`, 'keep one of the files');
    const path = join(directory, file);
    hooks[name] = { section: await readSection(path, file, 'run'), place: { version: name, file: `hooks/${file}` } };
  }
  return hooks;
}

/** A file without versions: SQL, or a program that exports `name` or a default function. */
export async function readSection(path: string, file: string, name: 'run' | 'seed'): Promise<Section> {
  if (file.endsWith('.sql')) {
    try {
      return parsePlain(decodeMigration(readFileSync(path), file).text, file);
    } catch (error) {
      throw fromFileSystem(error, path);
    }
  }
  await loadProgram(path, name);
  return programSection(path, name);
}

/** Files of a folder in order of name, hidden ones left out. */
export function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && form.test(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (error) {
    const translated = fromFileSystem(error, directory);
    if (!(translated instanceof TradedbError) || translated.code !== 'file_not_found') throw translated;
    throw new TradedbError('file_not_found', `the folder ${JSON.stringify(directory)} does not exist`, {
      hint: 'see migrations.seedsDirectory in the configuration',
      cause: error,
    });
  }
}

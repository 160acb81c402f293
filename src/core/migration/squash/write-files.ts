import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fromFileSystem, TradedbError } from '../../error.ts';
import type { SquashPlan } from './squash.ts';

/**
 * Puts the new file in the place of the originals, which move to `archive`. They are copied there first: a crash leaves
 * at worst originals beside the new file, which `status` then names.
 */
export function writeSquash(plan: SquashPlan, directory: string, archive: string): void {
  const target = join(directory, plan.file);
  const partial = `${target}.partial`;
  const names = plan.replaces.flatMap(({ file }) => [file, ...otherHalf(directory, file)]);
  const taken = names.find((name) => existsSync(join(archive, name)));
  if (taken !== undefined) {
    throw new TradedbError('usage', `${JSON.stringify(join(archive, taken))} exists already`, {
      hint: 'name another folder with --archive',
    });
  }
  try {
    mkdirSync(archive, { recursive: true });
    for (const name of names) {
      copyFileSync(join(directory, name), join(archive, name));
      flush(join(archive, name), 'r');
    }
    flush(archive, 'r');
    flush(partial, 'w', plan.text);
    for (const name of names) rmSync(join(directory, name));
    renameSync(partial, target);
    flush(directory, 'r');
  } catch (error) {
    throw fromFileSystem(error, archive);
  }
}

/** The down file of a pair goes along. */
function otherHalf(directory: string, file: string): string[] {
  const down = /\.up\.sql$/.test(file) ? file.replace(/\.up\.sql$/, '.down.sql') : file.replace(/^V/, 'U');
  return down !== file && existsSync(join(directory, down)) ? [down] : [];
}

function flush(path: string, mode: 'r' | 'w', text = ''): void {
  const descriptor = openSync(path, mode, 0o644);
  try {
    if (mode === 'w') writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

import { readFileSync } from 'node:fs';
import type { EarlierSpace } from '../../core/analysis/space/growth.ts';
import { fromFileSystem } from '../../core/error.ts';
import type { CommandContext } from '../definition.ts';

export const sinceOption = {
  type: 'path',
  value: 'file',
  summary: 'an earlier JSON report of analyze or analyze space: also show what has grown since',
} as const;

export async function readSince(path: string | undefined, context: CommandContext): Promise<EarlierSpace | undefined> {
  if (path === undefined) return undefined;
  const file = context.resolve(path);
  const { readEarlierSpace } = await import('../../core/analysis/space/growth.ts');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw fromFileSystem(error, file);
  }
  return readEarlierSpace(text, file);
}

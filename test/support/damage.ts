import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Flips one bit of a file. */
export function flipBit(path: string, offset: number, bit = 3): void {
  const bytes = readFileSync(path);
  const at = offset % bytes.length;
  bytes[at] = bytes[at]! ^ (1 << bit);
  writeFileSync(path, bytes);
}

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort();
}

/** Packs of a repository in a folder. */
export function packsOf(repository: string): string[] {
  return filesBelow(repository, '.pack');
}

export function pageIndexesOf(repository: string): string[] {
  return filesBelow(repository, '.pages');
}

export function manifestsOf(repository: string): string[] {
  return filesBelow(repository, '.json').filter((path) => path.includes('manifest-'));
}

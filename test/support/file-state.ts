import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Every file below a folder with the hash of its bytes: equal before and after means that nothing was written. */
export function fileState(folder: string, ignore: (path: string) => boolean = () => false): Record<string, string> {
  const state: Record<string, string> = {};
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(folder, name);
    if (ignore(name) || !statSync(path).isFile()) continue;
    state[name] = createHash('sha256').update(readFileSync(path)).digest('hex');
  }
  return state;
}

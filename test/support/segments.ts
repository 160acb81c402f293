import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Segments of archived WAL in a repository folder, oldest first. */
export function segmentsOf(repository: string): string[] {
  return readdirSync(repository, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.wseg'))
    .map((name) => join(repository, name))
    .sort();
}

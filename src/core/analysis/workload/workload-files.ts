import { existsSync, readdirSync, statSync } from 'node:fs';
import { isAbsolute, join, parse, sep } from 'node:path';
import { TradedbError } from '../../error.ts';

/** The files that a path with `*` and `?` stands for, sorted; throws `file_not_found` when there are none. */
export function expandPattern(pattern: string): string[] {
  if (!isAbsolute(pattern)) throw new TradedbError('internal', `${pattern} is not absolute`);
  // A file whose real name holds a star is meant literally.
  const files = existsSync(pattern) ? [pattern] : expand(pattern).filter((path) => statSync(path).isFile());
  if (files.length === 0) {
    throw new TradedbError('file_not_found', `no workload file ${JSON.stringify(pattern)}`, {
      hint: 'a workload is an annotated SQL file or a capture file; see docs/analyze.md',
    });
  }
  return files;
}

function expand(pattern: string): string[] {
  const { root } = parse(pattern);
  let found = [root];
  for (const segment of pattern.slice(root.length).split(sep)) {
    if (segment === '') continue;
    if (!/[*?]/.test(segment)) {
      found = found.map((folder) => join(folder, segment)).filter((path) => existsSync(path));
      continue;
    }
    const wanted = new RegExp(
      `^${segment
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '.*')
        .replace(/\?/g, '.')}$`,
      's',
    );
    found = found.flatMap((folder) =>
      entries(folder)
        .filter((name) => wanted.test(name) && (!name.startsWith('.') || segment.startsWith('.')))
        .sort()
        .map((name) => join(folder, name)),
    );
  }
  return found;
}

function entries(folder: string): string[] {
  return existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : [];
}

/** True for `.jsonl` and `.ndjson`. */
export function isCaptureFile(path: string): boolean {
  return /\.(jsonl|ndjson)$/i.test(path);
}

/** True for `.log`: what SQLAlchemy writes with `echo=True`. */
export function isLogFile(path: string): boolean {
  return /\.log$/i.test(path);
}

import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { TradedbError } from '../../../error.ts';

/** The files of a source that is no database: one file, or those of a folder. */
export class SourceFiles {
  readonly #files: readonly string[];
  readonly #named = new Set<string>();
  readonly #isOne: boolean;

  /** Throws `file_not_found`; `usage` for a folder without such files. `extensions` are looked at in a folder alone. */
  constructor(path: string, extensions: readonly string[]) {
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats === undefined) throw new TradedbError('file_not_found', `there is no file ${JSON.stringify(path)}`);
    this.#isOne = !stats.isDirectory();
    this.#files = this.#isOne
      ? [path]
      : readdirSync(path)
          .filter((name) => extensions.includes(extname(name).toLowerCase()))
          .sort()
          .map((name) => join(path, name));
    if (this.#files.length === 0) {
      throw new TradedbError('usage', `the folder ${JSON.stringify(path)} has no file ${extensions.join(' or ')}`);
    }
  }

  /** The only file, for a source that is read without a mapping. */
  get only(): string {
    const [file = ''] = this.#files;
    if (this.#files.length === 1) return file;
    throw new TradedbError('usage', 'a folder of several files is read through a mapping file', {
      hint: '--mapping <file> says which file holds what',
    });
  }

  /** The file that `from` names: its name, with or without its ending, `*` for any number of characters. */
  find(from: string): string {
    const pattern = new RegExp(`^${from.split('*').map(escaped).join('.*')}$`, 's');
    const found = this.#files.filter((path) => {
      const name = basename(path);
      return pattern.test(name) || pattern.test(name.slice(0, name.length - extname(name).length));
    });
    const [file] = found;
    if (file !== undefined && found.length === 1) {
      this.#named.add(file);
      return file;
    }
    const names = this.#files.map((path) => JSON.stringify(basename(path))).join(', ');
    throw new TradedbError(
      'config_invalid',
      file === undefined
        ? `the mapping reads ${JSON.stringify(from)}, the source ${this.#isOne ? 'is' : 'has'} ${names}`
        : `${JSON.stringify(from)} is more than one file: ${found.map((path) => basename(path)).join(', ')}`,
      { hint: '"from" names a file, with or without its ending; "*" stands for any characters' },
    );
  }

  /** Names of files that nothing reads. */
  get others(): readonly string[] {
    return this.#files.filter((file) => !this.#named.has(file)).map((file) => basename(file));
  }
}

const escaped = (text: string): string => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

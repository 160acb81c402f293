import { constants, copyFileSync, mkdirSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatByteSize } from '../config/byte-size.ts';
import { fromFileSystem, TradedbError } from '../error.ts';

/** The folder of one load test: the base file, the trial files and nothing of the operator's. */
export class Scratch {
  readonly folder: string;
  #kept = false;

  /** Makes `<parent>/tradedb-loadtest-<id>`. */
  constructor(parent: string, id: string) {
    this.folder = join(parent, `tradedb-loadtest-${id}`);
    try {
      mkdirSync(this.folder, { recursive: false });
    } catch (error) {
      throw noFolder(fromFileSystem(error, parent), parent);
    }
  }

  get base(): string {
    return join(this.folder, 'base.db');
  }

  trial(number: number): string {
    return join(this.folder, `trial-${number}.db`);
  }

  /** Refuses before anything is written when the copies would not fit beside a reserve. */
  requireSpace(bytes: number): void {
    const facts = statfsSync(this.folder);
    const free = facts.bavail * facts.bsize;
    const wanted = bytes + 64 * 1024 * 1024;
    if (free >= wanted) return;
    throw new TradedbError(
      'disk_full',
      `the copies need ${formatByteSize(wanted)} in ${JSON.stringify(this.folder)}, ${formatByteSize(free)} are free`,
      { hint: 'choose another folder with --scratch-dir' },
    );
  }

  writePlan(plan: unknown): void {
    writeFileSync(join(this.folder, 'plan.json'), `${JSON.stringify(plan, null, 2)}\n`);
  }

  /** A fresh copy of the base; shares its blocks where the file system can. */
  copyBase(number: number): string {
    const target = this.trial(number);
    copyFileSync(this.base, target, constants.COPYFILE_FICLONE);
    return target;
  }

  /** The base itself becomes the only trial. */
  takeBase(): string {
    const target = this.trial(1);
    renameSync(this.base, target);
    return target;
  }

  removeTrial(number: number): void {
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(`${this.trial(number)}${suffix}`, { force: true });
  }

  keep(): void {
    this.#kept = true;
  }

  /** Removes everything unless it is to be kept. */
  remove(): void {
    if (!this.#kept) rmSync(this.folder, { recursive: true, force: true });
  }
}

function noFolder(error: unknown, parent: string): unknown {
  if (!(error instanceof TradedbError)) return error;
  return new TradedbError(error.code, `cannot make the scratch folder: ${error.message}`, {
    hint: `choose another folder than ${JSON.stringify(parent)} with --scratch-dir`,
    cause: error,
  });
}

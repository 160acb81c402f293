import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { OperationContext } from '../../context.ts';
import { throwIfCancelled } from '../../error.ts';
import type { PragmaProfile } from '../../sqlite/pragma-profile.ts';
import { ChildProcess } from '../child/child-process.ts';
import type { Scratch } from '../scratch.ts';
import type { LedgerState } from './ledger.ts';
import type { CheckerRequest, FromChecker, FromWriter, WriterSetup } from './protocol.ts';
import { acknowledgedNumber } from './write-log.ts';

export interface DurabilityRequest {
  readonly runId: string;
  readonly profile: PragmaProfile;
  readonly synchronous: 'full' | 'normal';
  readonly seed: number;
  readonly cycles: number;
  readonly cuts: number;
  readonly writers: number;
  readonly groupSize: number;
  /** Of the single writer whose writes are logged or whose WAL is torn. */
  readonly transactions: number;
}

/** Pages after which the logged writer checkpoints: often enough that cuts fall into checkpoints as well. */
export const loggedAutocheckpointPages = 200;

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));

function entry(name: string): URL {
  return new URL(`./${name}${extension}`, import.meta.url);
}

/** What all methods share: the base file, the process that checks files, writers, and the folder of broken images. */
export class DurabilityBench {
  readonly scratch: Scratch;
  readonly context: OperationContext;
  readonly request: DurabilityRequest;
  readonly #checker: ChildProcess<CheckerRequest, FromChecker>;
  readonly #writers = new Set<ChildProcess<WriterSetup, FromWriter>>();

  constructor(scratch: Scratch, request: DurabilityRequest, context: OperationContext) {
    this.scratch = scratch;
    this.request = request;
    this.context = context;
    this.#checker = new ChildProcess(entry('checker-main'), 'checker');
  }

  /** Makes the base file; tells with which settings and which Node. */
  async create(): Promise<Pick<Extract<FromChecker, { type: 'created' }>, 'connection' | 'node'>> {
    this.#checker.send({ type: 'create', path: this.scratch.base, profile: this.request.profile });
    return this.#checker.next('created');
  }

  /** Opens the file in the checking process, which recovers it. */
  async check(path: string, writers: number): Promise<LedgerState> {
    throwIfCancelled(this.context.signal);
    this.#checker.send({ type: 'check', path, writers });
    return (await this.#checker.next('checked')).state;
  }

  /** Starts a writer; the array grows by its acknowledged number. */
  startWriter(
    setup: Omit<WriterSetup, 'type' | 'profile'>,
    environment?: Readonly<Record<string, string>>,
  ): RunningWriter {
    let text = '';
    const child = new ChildProcess<WriterSetup, FromWriter>(entry('writer-main'), `writer ${setup.writer}`, {
      ...(environment === undefined ? {} : { environment, workingDirectory: this.scratch.folder }),
      output: (piece) => {
        text = keepTail(text + piece);
      },
    });
    this.#writers.add(child);
    child.send({ type: 'write', profile: this.request.profile, ...setup });
    return {
      ready: child.next('writing').then(() => {}),
      finished: () => child.next('written').then(() => {}),
      kill: async () => {
        await child.kill();
        this.#writers.delete(child);
      },
      acknowledged: () => acknowledgedNumber(text),
    };
  }

  /** Copies an image that broke the contract to where it stays, with its WAL. */
  keepImage(path: string, name: string): string {
    this.scratch.keep();
    const target = join(this.scratch.folder, `${name}.db`);
    for (const suffix of ['', '-wal']) {
      try {
        copyFileSync(`${path}${suffix}`, `${target}${suffix}`);
      } catch {
        // An image without a WAL has none to keep.
      }
    }
    return target;
  }

  removeImage(path: string): void {
    for (const suffix of ['', '-wal', '-shm']) rmSync(`${path}${suffix}`, { force: true });
  }

  async end(): Promise<void> {
    await Promise.all([this.#checker, ...this.#writers].map((child) => child.kill()));
  }
}

/** Numbers rise, so that the last lines are enough; a cut is made between lines. */
function keepTail(text: string): string {
  return text.length < 400 ? text : text.slice(text.indexOf('\n', text.length - 200) + 1);
}

export interface RunningWriter {
  readonly ready: Promise<void>;
  /** Resolves when a writer with a limit has done its transactions. */
  finished(): Promise<void>;
  kill(): Promise<void>;
  /** Highest number of a whole acknowledgement line. */
  acknowledged(): number;
}

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../context.ts';
import { fromFileSystem, TradedbError } from '../../error.ts';
import { makeFolder } from '../../make-folder.ts';

export type StepName = 'opened' | 'frozen' | 'chosen' | 'failed' | 'published' | 'swapping' | 'swapped';

export interface Step {
  readonly step: StepName;
  readonly at: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * The folder of one recovery. `steps.ndjson` has one flushed line per finished step, so that whoever comes after a crash
 * goes on behind the last one.
 */
export class RecoveryCase {
  readonly folder: string;
  readonly steps: Step[];
  readonly #clock: Clock;

  private constructor(folder: string, steps: Step[], clock: Clock) {
    this.folder = folder;
    this.steps = steps;
    this.#clock = clock;
  }

  static create(folder: string, request: Readonly<Record<string, unknown>>, clock: Clock): RecoveryCase {
    makeFolder(folder);
    const created = new RecoveryCase(folder, [], clock);
    created.note('opened', request);
    return created;
  }

  static open(folder: string, clock: Clock): RecoveryCase {
    let text: string;
    try {
      text = readFileSync(join(folder, 'steps.ndjson'), 'utf8');
    } catch (error) {
      const translated = fromFileSystem(error, folder);
      if (!(translated instanceof TradedbError) || translated.code !== 'file_not_found') throw translated;
      throw new TradedbError('file_not_found', `${JSON.stringify(folder)} is no case of a recovery`, {
        hint: 'give the folder that health recover named, with steps.ndjson in it',
      });
    }
    // The last line may have been cut by the crash.
    const steps = text.split('\n').flatMap((line) => parseStep(line) ?? []);
    if (steps[0]?.step !== 'opened') {
      throw new TradedbError('usage', `the case ${JSON.stringify(folder)} was never begun`, {
        hint: 'start again without --resume; the original was not changed',
      });
    }
    return new RecoveryCase(folder, steps, clock);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  find(step: StepName): Step | undefined {
    return this.steps.findLast((one) => one.step === step);
  }

  note(step: StepName, facts: Readonly<Record<string, unknown>>): void {
    const line = { step, at: new Date(this.#clock.wallTime()).toISOString(), facts };
    const path = this.path('steps.ndjson');
    try {
      const before = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
      const file = openSync(path, 'a', 0o600);
      try {
        const cut = before.length > 0 && before[before.length - 1] !== 0x0a ? '\n' : '';
        writeSync(file, `${cut}${JSON.stringify(line)}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw fromFileSystem(error, path);
    }
    this.steps.push(line);
  }

  /** A file of facts for people; written again by every try. */
  writeJson(name: string, facts: unknown): void {
    const path = this.path(name);
    try {
      writeFileSync(
        path,
        `${JSON.stringify(facts, (_, value) => (typeof value === 'bigint' ? String(value) : value), 2)}\n`,
      );
    } catch (error) {
      throw fromFileSystem(error, path);
    }
  }
}

function parseStep(line: string): Step | undefined {
  try {
    const step = JSON.parse(line) as Partial<Step>;
    return typeof step.step === 'string' && step.facts !== undefined ? (step as Step) : undefined;
  } catch {
    return undefined;
  }
}

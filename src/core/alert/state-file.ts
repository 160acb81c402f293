import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { OperationContext } from '../context.ts';
import { fromFileSystem, TradedbError } from '../error.ts';
import { acquireLease, type Lease, type LeaseOwner } from '../lease.ts';
import { makeFolder } from '../make-folder.ts';
import { type AlertFile, emptyAlertFile } from './alert-file.ts';
import { writeDurably } from './durable-file.ts';

/** The alerts of one database: one file in the state directory, changed by one process at a time. */
export class AlertStateFile {
  readonly database: string;
  readonly path: string;
  readonly #directory: string;
  readonly #owner: LeaseOwner;
  readonly #context: OperationContext;

  constructor(
    place: { readonly stateDirectory: string; readonly database: string; readonly owner: LeaseOwner },
    context: OperationContext,
  ) {
    this.database = realPath(place.database);
    this.#directory = place.stateDirectory;
    const name = basename(this.database)
      .replace(/[^\w.-]/g, '_')
      .slice(0, 80);
    this.path = join(place.stateDirectory, 'alerts', `${name}-${this.#digest()}.json`);
    this.#owner = place.owner;
    this.#context = context;
  }

  /** The file as it is now; without a file there are no alerts yet. */
  read(): AlertFile {
    let text: string;
    try {
      text = readFileSync(this.path, 'utf8');
    } catch (error) {
      const translated = fromFileSystem(error, this.path);
      if (translated instanceof TradedbError && translated.code === 'file_not_found')
        return emptyAlertFile(this.database);
      throw translated;
    }
    try {
      const file = JSON.parse(text) as Partial<AlertFile>;
      if (file.version === 1) return { ...emptyAlertFile(this.database), ...file };
    } catch {
      // Told below: a file that does not parse is as unusable as one of another version.
    }
    throw new TradedbError('internal', `the alert state ${JSON.stringify(this.path)} cannot be read`, {
      hint: 'move it away to begin anew: alerts that still hold are told again, silences are lost',
    });
  }

  /** Changes the file while no other process does. The change may save in between, so that each step is durable. */
  async change<T>(work: (file: AlertFile, save: (file: AlertFile) => void) => T): Promise<T> {
    const lease = await this.#lock();
    try {
      makeFolder(join(this.#directory, 'alerts'));
      this.#removeLeftovers();
      return work(this.read(), (file) => this.#save(file));
    } finally {
      lease.release();
    }
  }

  /** Halves of files that killed processes left: nobody else writes while this one holds the lock. */
  #removeLeftovers(): void {
    const folder = join(this.#directory, 'alerts');
    const own = `${basename(this.path)}.`;
    for (const name of readdirSync(folder)) {
      if (name.startsWith(own) && name.endsWith('.partial')) rmSync(join(folder, name), { force: true });
    }
  }

  #save(file: AlertFile): void {
    writeDurably(this.path, `${JSON.stringify(file)}\n`, Buffer.from(this.#context.random.bytes(6)).toString('hex'));
  }

  async #lock(): Promise<Lease> {
    const { clock, signal } = this.#context;
    const request = {
      directory: join(this.#directory, 'leases'),
      name: `alerts-${this.#digest()}`,
      purpose: 'evaluation of alerts',
      owner: this.#owner,
    };
    for (let waitedMs = 0; ; waitedMs += retryMs) {
      try {
        return acquireLease(request, this.#context);
      } catch (error) {
        if (!(error instanceof TradedbError) || error.code !== 'lease_held' || waitedMs >= patienceMs) throw error;
        await clock.sleep(retryMs, signal);
      }
    }
  }

  #digest(): string {
    return createHash('sha256').update(this.database).digest('hex').slice(0, 16);
  }
}

const retryMs = 25;
const patienceMs = 10_000;

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

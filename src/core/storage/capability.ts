import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';

/**
 * What an S3-compatible server can do is found out once and remembered in the state directory: servers disagree about
 * `If-None-Match: *`, and some give an ETag that is no MD5.
 */

const schema = v.object({
  location: v.string(),
  /** Milliseconds since 1970 UTC. */
  probedAt: v.number(),
  exclusiveCreate: v.boolean(),
  etagIsMd5: v.boolean(),
});

export type Capability = Pick<v.InferOutput<typeof schema>, 'exclusiveCreate' | 'etagIsMd5'>;

const validMs = 7 * 86_400_000;

/** Remembers the answer of one probe for a week. */
export class CapabilityCache {
  readonly #file: string;
  readonly #folder: string;
  readonly #location: string;
  #known: Capability | undefined;

  constructor(stateDirectory: string, location: string) {
    this.#folder = join(stateDirectory, 'storage');
    this.#location = location;
    this.#file = join(this.#folder, `${createHash('sha256').update(location).digest('hex').slice(0, 16)}.json`);
  }

  async get(now: number, probe: () => Promise<Capability>): Promise<Capability> {
    this.#known ??= this.#read(now);
    if (this.#known !== undefined) return this.#known;
    this.#known = await probe();
    this.#write({ ...this.#known, location: this.#location, probedAt: now });
    return this.#known;
  }

  #read(now: number): Capability | undefined {
    try {
      const parsed = v.safeParse(schema, JSON.parse(readFileSync(this.#file, 'utf8')));
      if (!parsed.success || parsed.output.location !== this.#location) return undefined;
      const age = now - parsed.output.probedAt;
      return age >= 0 && age < validMs ? parsed.output : undefined;
    } catch {
      return undefined;
    }
  }

  /** A state directory that cannot be written costs a probe per run, nothing more. */
  #write(found: v.InferOutput<typeof schema>): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
      const partial = `${this.#file}.partial`;
      writeFileSync(partial, `${JSON.stringify(found)}\n`);
      renameSync(partial, this.#file);
    } catch {}
  }
}

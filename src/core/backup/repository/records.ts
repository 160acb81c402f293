import { timingSafeEqual } from 'node:crypto';
import { hex, sha256 } from '../chunk/pack-format.ts';
import { openSealed, type RecordMac, sealJson } from './sealed-json.ts';

/**
 * The small objects of a repository: epochs, marks, tombstones, what is known of a database. They are JSON with their own
 * digest, and in an encrypted repository with a MAC that is bound to the name of the object.
 */

/** What is wrong with an object, for people. */
export interface RecordProblem {
  readonly key: string;
  readonly message: string;
}

export interface RecordKey {
  /** Undefined where nothing is encrypted, and without the key. */
  readonly macOf: (name: string) => RecordMac | undefined;
  /** Records without a MAC are refused. */
  readonly macsRequired: boolean;
  /** Throws `key_required`. */
  readonly requireKey: () => void;
}

export class Records {
  readonly #key: RecordKey;
  readonly #problems = new Map<string, RecordProblem>();

  constructor(key: RecordKey) {
    this.#key = key;
  }

  /** Objects that were met and could not be used, by key. */
  get problems(): readonly RecordProblem[] {
    return [...this.#problems.values()];
  }

  /** The bytes of the object with this name (its key without a digest). */
  seal(name: string, record: Readonly<Record<string, unknown>>): Uint8Array {
    this.requireKey();
    return sealJson(record, this.#key.macOf(name));
  }

  /** Throws `key_required` where none can be written without the key. */
  requireKey(): void {
    if (this.#key.macsRequired) this.#key.requireKey();
  }

  /** The record as it was written; undefined for one that was damaged or changed, which is remembered. */
  open(key: string, bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
    const { name, digest } = partsOf(key);
    const opened = openSealed(bytes);
    if (opened === undefined) return this.refuse(key, 'it is no JSON object');
    // Records of format 1 carry no digest of their own.
    const { format } = opened.record;
    const isSealed = opened.digest === 'right' || (opened.digest === 'absent' && format === 1);
    if (!isSealed || (digest !== undefined && hex(sha256(bytes)) !== digest)) {
      return this.refuse(key, 'its digest differs');
    }
    const { record, mac } = opened;
    const expected = this.#key.macOf(name)?.(JSON.stringify(record));
    if (expected === undefined) return record;
    if (mac === undefined) return this.#key.macsRequired ? this.refuse(key, 'it has no MAC') : record;
    return isEqual(mac, expected) ? record : this.refuse(key, 'it was changed: its MAC differs');
  }

  /** Remembers what is wrong with an object. */
  refuse(key: string, message: string): undefined {
    this.#problems.set(key, { key, message });
    return undefined;
  }
}

/** The key without the digest that some carry, and that digest. */
function partsOf(key: string): { readonly name: string; readonly digest: string | undefined } {
  const digest = /-([0-9a-f]{64})\.json$/.exec(key)?.[1];
  return { name: digest === undefined ? key : key.replace(`-${digest}.json`, '.json'), digest };
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

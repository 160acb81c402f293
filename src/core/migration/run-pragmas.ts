import type { Connection } from '../sqlite/connection.ts';

type Setting = 'foreign_keys' | 'synchronous';

/** Settings that a run changes on a connection between transactions, and puts back. What is set already is left alone. */
export class RunPragmas {
  readonly #connection: Connection;
  readonly #before: Readonly<Record<Setting, string>>;
  readonly #now: Map<Setting, string>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#before = {
      foreign_keys: Number(connection.pragmaValue('foreign_keys')) === 1 ? 'ON' : 'OFF',
      synchronous: String(connection.pragmaValue('synchronous')),
    };
    this.#now = new Map(Object.entries(this.#before) as [Setting, string][]);
  }

  set(name: Setting, value: string): void {
    if (this.#now.get(name) === value) return;
    this.#connection.pragma(`${name} = ${value}`);
    this.#now.set(name, value);
  }

  restore(): void {
    this.set('foreign_keys', this.#before.foreign_keys);
    this.set('synchronous', this.#before.synchronous);
  }
}

import type { SqlParameters, SqlValue } from '../../sqlite/statement.ts';

/**
 * Values as Python's `repr` writes them: `(1, 'a', None)`, `[(1,), (2,)]`, `{'id': 7}`, `b'\x00'`. What a log has cut off
 * or what is no plain value throws SyntaxError.
 */
export function parsePythonParameters(text: string): SqlParameters[] {
  const reader = new Reader(text.trim());
  const value = reader.value();
  reader.end();
  if (Array.isArray(value) && value.length > 0 && value.every((one) => isSet(one))) return value as SqlParameters[];
  if (isSet(value)) return [value as SqlParameters];
  throw new SyntaxError('no parameters');
}

type Literal = SqlValue | readonly Literal[] | { readonly [name: string]: Literal };

function isSet(value: Literal): boolean {
  if (Array.isArray(value)) return value.every(isScalar);
  return !isScalar(value) && Object.values(value as Record<string, Literal>).every(isScalar);
}

function isScalar(value: Literal): boolean {
  return value === null || typeof value !== 'object' || value instanceof Uint8Array;
}

const words: Readonly<Record<string, SqlValue>> = {
  None: null,
  True: 1n,
  False: 0n,
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  // SQLite stores NaN as NULL.
  nan: null,
};

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '0': '\0',
};

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) throw new SyntaxError(`unexpected ${this.#text.slice(this.#at, this.#at + 10)}`);
  }

  value(): Literal {
    this.#space();
    const letter = this.#text[this.#at];
    if (letter === '(') return this.#list(')');
    if (letter === '[') return this.#list(']');
    if (letter === '{') return this.#dictionary();
    if (letter === "'" || letter === '"') return this.#string(letter);
    const quote = this.#text[this.#at + 1];
    if (letter === 'b' && (quote === "'" || quote === '"')) {
      this.#at += 1;
      return Uint8Array.from(Buffer.from(this.#string(quote), 'latin1'));
    }
    return this.#word();
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #take(letter: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== letter) return false;
    this.#at += 1;
    return true;
  }

  #list(close: string): Literal[] {
    this.#at += 1;
    const values: Literal[] = [];
    while (!this.#take(close)) {
      values.push(this.value());
      if (!this.#take(',') && this.#text[this.#at] !== close) throw new SyntaxError('expected a comma');
    }
    return values;
  }

  #dictionary(): Literal {
    this.#at += 1;
    const entries: [string, Literal][] = [];
    while (!this.#take('}')) {
      const name = this.value();
      if (typeof name !== 'string' || !this.#take(':')) throw new SyntaxError('expected a name');
      entries.push([name, this.value()]);
      if (!this.#take(',') && this.#text[this.#at] !== '}') throw new SyntaxError('expected a comma');
    }
    return Object.fromEntries(entries);
  }

  #string(quote: string): string {
    this.#at += 1;
    let found = '';
    for (;;) {
      const letter = this.#text[this.#at++];
      if (letter === undefined) throw new SyntaxError('a text does not end');
      if (letter === quote) break;
      found += letter === '\\' ? this.#escape() : letter;
    }
    if (/ \.\.\. \(\d+ characters truncated\) \.\.\. /.test(found)) throw new SyntaxError('a value was cut off');
    return found;
  }

  #escape(): string {
    const letter = this.#text[this.#at++] ?? '';
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits === undefined) return escapes[letter] ?? letter;
    const code = Number.parseInt(this.#text.slice(this.#at, this.#at + digits), 16);
    this.#at += digits;
    return String.fromCodePoint(code);
  }

  #word(): SqlValue {
    const word = /^[-+\w.]+/.exec(this.#text.slice(this.#at))?.[0] ?? '';
    this.#at += word.length;
    if (word in words) return words[word] ?? null;
    if (/^-?\d+$/.test(word)) return BigInt(word);
    const number = Number(word);
    if (word === '' || Number.isNaN(number)) throw new SyntaxError(`${word || 'nothing'} is no value`);
    return number;
  }
}

import { TradedbError } from '../../error.ts';
import type { ValueSpec } from './sql-spec.ts';

/** Reads the right side of a `let`, such as `zipf(1, 200000, 1.1)`, and its end in the text. */

const number = /[+-]?(?:\d[\d_]*(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const text = /'((?:[^']|'')*)'/y;
const word = /[A-Za-z_]\w*/y;
const space = /[ \t]*/y;

class Cursor {
  readonly source: string;
  at: number;

  constructor(source: string, at: number) {
    this.source = source;
    this.at = at;
  }

  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.source);
    if (match === null) return undefined;
    this.at = pattern.lastIndex;
    return match;
  }

  takeSymbol(symbol: string): boolean {
    this.take(space);
    if (this.source[this.at] !== symbol) return false;
    this.at += 1;
    this.take(space);
    return true;
  }
}

function refuse(message: string): never {
  throw new TradedbError('scenario_invalid', message, {
    hint: "values are uniform(a, b), zipf(a, b, theta), hotset(a, b, share, work), latest(a, b, theta), real(a, b), text(n), pick('x', 'y'), sequence(offset), a number or a 'text'",
  });
}

export function parseValue(source: string, at: number): { value: ValueSpec; end: number } {
  const cursor = new Cursor(source, at);
  cursor.take(space);
  const literal = takeLiteral(cursor);
  if (literal !== undefined) return { value: { kind: 'constant', value: literal }, end: cursor.at };
  const name = cursor.take(word)?.[0];
  if (name === undefined || !cursor.takeSymbol('(')) refuse(`expected a value at ${JSON.stringify(source.slice(at))}`);
  const values: (number | string)[] = [];
  while (!cursor.takeSymbol(')')) {
    if (values.length > 0 && !cursor.takeSymbol(',')) refuse(`expected , or ) in ${JSON.stringify(source.slice(at))}`);
    const value = takeLiteral(cursor);
    if (value === undefined) refuse(`expected a number or a 'text' in ${JSON.stringify(source.slice(at))}`);
    values.push(value);
  }
  return { value: makeValue(name, values), end: cursor.at };
}

function takeLiteral(cursor: Cursor): number | string | undefined {
  const digits = cursor.take(number)?.[0];
  if (digits !== undefined) return Number(digits.replaceAll('_', ''));
  return cursor.take(text)?.[1]?.replaceAll("''", "'");
}

function makeValue(name: string, values: readonly (number | string)[]): ValueSpec {
  if (name === 'pick') {
    if (values.length === 0) refuse('pick() needs at least one value');
    return { kind: 'pick', values };
  }
  const numbers = values.map((value) => (typeof value === 'number' ? value : refuse(`${name}() takes numbers only`)));
  const expect = (count: number): void => {
    if (numbers.length !== count) refuse(`${name}() takes ${count} numbers, not ${numbers.length}`);
  };
  const at = (index: number): number => numbers[index] ?? 0;
  switch (name) {
    case 'uniform':
      expect(2);
      return { kind: 'uniform', ...range(name, at(0), at(1)) };
    case 'zipf':
    case 'latest':
      expect(3);
      if (at(2) <= 0) refuse(`${name}() needs an exponent above 0`);
      return { kind: name, ...range(name, at(0), at(1)), theta: at(2) };
    case 'hotset':
      expect(4);
      if (!isShare(at(2)) || !isShare(at(3))) refuse('hotset() needs shares between 0 and 1');
      return { kind: 'hotset', ...range(name, at(0), at(1)), hotShare: at(2), hotWork: at(3) };
    case 'real':
      expect(2);
      if (at(0) >= at(1)) refuse('real() needs a low bound below the high one');
      return { kind: 'real', low: at(0), high: at(1) };
    case 'text':
      expect(1);
      if (!Number.isInteger(at(0)) || at(0) < 1 || at(0) > 1_000_000) refuse('text() needs a length from 1 to 1000000');
      return { kind: 'text', length: at(0) };
    case 'sequence':
      if (numbers.length > 1 || !Number.isSafeInteger(at(0))) refuse('sequence() takes at most one whole number');
      return { kind: 'sequence', offset: at(0) };
    default:
      return refuse(`there is no value ${name}()`);
  }
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1;
}

function range(name: string, low: number, high: number): { low: number; high: number } {
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || low > high) {
    refuse(`${name}() needs whole bounds, the low one first`);
  }
  return { low, high };
}

import * as v from 'valibot';
import { TradedbError } from '../error.ts';
import { parseByteSize } from './byte-size.ts';
import { parseDuration } from './duration.ts';

/**
 * The kinds of values that configuration sections are made of. Each has a default and a description, from which
 * validation, `config show`, the JSON Schema and the documentation are made.
 */

function parsed<T>(parse: (text: string) => T, kind: string, examples: readonly string[]) {
  return v.pipe(
    v.string(`expected ${kind} such as "${examples[0]}"`),
    v.check(
      (text) => {
        try {
          parse(text);
          return true;
        } catch (error) {
          if (error instanceof TradedbError) return false;
          throw error;
        }
      },
      `expected ${kind} such as ${examples.map((example) => `"${example}"`).join(', ')}`,
    ),
    v.metadata({ kind, examples }),
    v.transform(parse),
  );
}

export const durationText = parsed(parseDuration, 'a duration', ['5s', '250ms', '6h', '7d']);
const bytesText = parsed(parseByteSize, 'a size', ['64MiB', '1GB', '4096B']);
const shareText = parsed(parseShare, 'a percentage', ['5%', '0.5%']);

/** A share such as `5%`, as a fraction. */
export function parseShare(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (match === null)
    throw new TradedbError('usage', `${JSON.stringify(text)} is not a percentage`, { hint: 'write it like 5%' });
  return Number(match[1]) / 100;
}

/** Milliseconds, written as a duration. */
export const duration = (fallback: string, description: string) =>
  v.pipe(v.optional(durationText, fallback), v.description(description));
/** Bytes, written as a size. */
export const bytes = (fallback: string, description: string) =>
  v.pipe(v.optional(bytesText, fallback), v.description(description));
/** A fraction, written as a percentage. */
export const share = (fallback: string, description: string) =>
  v.pipe(v.optional(shareText, fallback), v.description(description));
export const optionalDuration = (description: string) => v.pipe(v.optional(durationText), v.description(description));

export const text = (fallback: string, description: string) =>
  v.pipe(
    v.optional(v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty')), fallback),
    v.description(description),
  );
export const optionalText = (description: string) =>
  v.pipe(
    v.optional(v.pipe(v.string('expected a text'), v.minLength(1, 'must not be empty'))),
    v.description(description),
  );
export const flag = (fallback: boolean, description: string) =>
  v.pipe(v.optional(v.boolean('expected true or false'), fallback), v.description(description));
export const integer = (fallback: number, minimum: number, maximum: number, description: string) => {
  const message = `expected a whole number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.optional(
      v.pipe(v.number(message), v.integer(message), v.minValue(minimum, message), v.maxValue(maximum, message)),
      fallback,
    ),
    v.description(description),
  );
};
export const optionalInteger = (minimum: number, maximum: number, description: string) => {
  const message = `expected a whole number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.optional(
      v.pipe(v.number(message), v.integer(message), v.minValue(minimum, message), v.maxValue(maximum, message)),
    ),
    v.description(description),
  );
};
export const fraction = (fallback: number, minimum: number, maximum: number, description: string) => {
  const message = `expected a number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.optional(v.pipe(v.number(message), v.minValue(minimum, message), v.maxValue(maximum, message)), fallback),
    v.description(description),
  );
};
export const choice = <const T extends readonly [string, ...string[]]>(
  values: T,
  fallback: T[number],
  description: string,
) =>
  v.pipe(
    v.optional(
      v.picklist(values, `expected one of ${values.map((value) => JSON.stringify(value)).join(', ')}`),
      fallback,
    ),
    v.description(description),
  );
export const texts = (description: string, fallback: string[] = []) =>
  v.pipe(
    v.optional(v.array(v.string('expected a text'), 'expected a list of texts'), fallback),
    v.description(description),
  );

/** An object whose keys are all known; a missing one is filled with its defaults. */
export const section = <T extends v.ObjectEntries>(entries: T, description: string) =>
  v.pipe(v.optional(v.strictObject(entries, 'expected an object'), {} as never), v.description(description));

import { TradedbError } from '../error.ts';

/**
 * An SQL identifier that names exactly `name`, whatever it holds. Every name that comes from a schema, a file or a
 * person goes through here; values are bound instead. A NUL cannot be part of an SQL text and is refused.
 */
export function quoteIdentifier(name: string): string {
  if (name.includes('\0')) {
    throw new TradedbError('usage', `the name ${JSON.stringify(name)} holds a NUL character`, {
      hint: 'SQLite cannot name such a table, column or index in a statement',
    });
  }
  return `"${name.replaceAll('"', '""')}"`;
}

/** An SQL text literal, for places where nothing can be bound: views, and statements that a person is to run. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMemory } from '../../../src/core/sqlite/connection.ts';
import { quoteIdentifier } from '../../../src/core/sqlite/quote-identifier.ts';
import { testPorts } from '../../support/context.ts';

test('a quoted name means exactly that name to SQLite', () => {
  const connection = openMemory(testPorts);
  const name = fc.oneof(
    fc.string({ minLength: 1, unit: 'grapheme' }),
    fc.constantFrom('"', '""', "a'b", '%', 'a\nb', ']', '`', '--', '🪙'),
  );
  fc.assert(
    fc.property(name, (column) => {
      fc.pre(!column.includes('\0'));
      connection.exec(`CREATE TABLE t (${quoteIdentifier(column)})`);
      const found = connection.value("SELECT name FROM pragma_table_info('t')");
      connection.exec('DROP TABLE t');
      expect(found).toBe(column);
    }),
    { numRuns: 200 },
  );
  connection.close();
});

test('a NUL is refused', () => {
  expect(() => quoteIdentifier('a\0b')).toThrow(expect.objectContaining({ code: 'usage' }));
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseNative } from '../../../src/core/migration/format/native.ts';

const line = fc.constantFrom(
  'CREATE TABLE a(x);',
  '  SELECT 1;',
  '-- note',
  '--migrate:nothing',
  '',
  'SELECT 2; -- migrate:down',
);
const body = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => `SELECT 0;\n${lines.join('\n')}`);

test('the quick way and the lexer find the same sections', () => {
  fc.assert(
    fc.property(body, fc.option(body), (up, down) => {
      const text = `-- migrate:up\n${up}${down === null ? '' : `\n  -- migrate:down\n${down}`}`;
      const quick = parseNative(text.replaceAll('--migrate:nothing', '-- x'), 'f');
      // A block comment at the end sends the same text through the lexer.
      const slow = parseNative(`${text.replaceAll('--migrate:nothing', '-- x')}\n/* */`, 'f');
      const shape = (sections: typeof quick) =>
        [sections.up, sections.down].map((section) => section?.statements.map((one) => [one.text, one.line]));
      expect(shape(slow)).toEqual(shape(quick));
      expect(quick.down === undefined).toBe(down === null);
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { insertFill, testDatabase } from '../../support/open-database.ts';

const operation = fc.record({
  key: fc.integer({ min: 0, max: 6 }),
  kind: fc.constantFrom('insert', 'insert-then-throw', 'nested', 'move'),
  /** Called through tx instead, which must keep its place. */
  direct: fc.boolean(),
});

test('survivors equal one-by-one execution; rejected operations leave no row; order is program order', async () => {
  const database = testDatabase({ groupCommit: { maxOperations: 5 } });
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { maxLength: 25 }), async (operations) => {
      database.tx((t) => t.run('DELETE FROM fills'));
      const model = new Map<string, number>();
      const expected: boolean[] = [];
      const outcomes: Promise<boolean>[] = [];
      for (const [index, { key, kind, direct }] of operations.entries()) {
        const note = `k${key}`;
        const conflict = kind !== 'move' && model.has(note);
        const fails = conflict || kind === 'insert-then-throw';
        if (!fails && kind !== 'move') model.set(note, index);
        if (kind === 'move') for (const [name, qty] of model) model.set(name, qty + 1);
        expected.push(!fails);
        const run = (t: typeof database.writer): void => {
          if (kind === 'move') t.run('UPDATE fills SET qty = qty + 1');
          else if (kind === 'nested') t.tx((inner) => inner.run(insertFill, [note, index]));
          else t.run(insertFill, [note, index]);
          if (kind === 'insert-then-throw') throw new Error('refused');
        };
        if (!direct)
          outcomes.push(
            database.enqueue(run).then(
              () => true,
              () => false,
            ),
          );
        else {
          try {
            database.tx(run);
            outcomes.push(Promise.resolve(true));
          } catch {
            outcomes.push(Promise.resolve(false));
          }
        }
      }
      expect(await Promise.all(outcomes)).toEqual(expected);
      const rows = database.query('SELECT note, qty FROM fills').all<{ note: string; qty: number }>();
      expect(new Map(rows.map(({ note, qty }) => [note, qty]))).toEqual(model);
    }),
    { numRuns: 150 },
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Connection, openMemory } from '../../../src/core/sqlite/connection.ts';
import { testPorts } from '../../support/context.ts';

type Step = { kind: 'insert' } | { kind: 'conflict' } | { kind: 'nest'; body: Body; caught: boolean };
interface Body {
  readonly steps: readonly Step[];
  readonly throws: boolean;
}

const { body } = fc.letrec<{ body: Body; step: Step }>((tie) => ({
  step: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('insert' as const) }),
    fc.record({ kind: fc.constant('conflict' as const) }),
    fc.record({ kind: fc.constant('nest' as const), body: tie('body'), caught: fc.boolean() }),
  ),
  body: fc.record({ steps: fc.array(tie('step'), { maxLength: 4 }), throws: fc.boolean() }),
}));

class Refused extends Error {}

/** What SQLite must hold: a body that throws adds nothing. Returns the rows, or throws like the real one. */
function model(rows: number, { steps, throws }: Body): number {
  let total = rows;
  for (const step of steps) {
    if (step.kind === 'insert') total += 1;
    else if (step.kind === 'nest') {
      try {
        total = model(total, step.body);
      } catch (error) {
        if (!step.caught) throw error;
      }
    }
  }
  if (throws) throw new Refused();
  return total;
}

function perform(connection: Connection, { steps, throws }: Body): void {
  connection.tx((t) => {
    for (const step of steps) {
      if (step.kind === 'insert') t.run('INSERT INTO fills DEFAULT VALUES');
      else if (step.kind === 'conflict') {
        expect(() => t.run('INSERT INTO fills (id) VALUES (0)')).toThrow(
          expect.objectContaining({ code: 'constraint_violation' }),
        );
      } else {
        try {
          perform(t, step.body);
        } catch (error) {
          if (!step.caught) throw error;
        }
      }
    }
    if (throws) throw new Refused();
  });
}

test('any nesting of tx with any throws leaves what the model says', () => {
  const connection = openMemory(testPorts);
  connection.exec('CREATE TABLE fills (id INTEGER PRIMARY KEY); INSERT INTO fills VALUES (0)');
  const attempt = (work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(Refused);
      return false;
    }
  };
  fc.assert(
    fc.property(body, (plan) => {
      connection.run('DELETE FROM fills WHERE id > 0');
      let expected = 1;
      const expectedDone = attempt(() => {
        expected = model(1, plan);
      });
      const done = attempt(() => perform(connection, plan));
      expect(done).toBe(expectedDone);
      expect(connection.value('SELECT count(*) FROM fills')).toBe(expected);
      expect(connection.inTransaction).toBe(false);
    }),
    { numRuns: 500 },
  );
  connection.close();
});

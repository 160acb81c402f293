import Database from 'better-sqlite3';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { adviseOn } from '../../support/advice.ts';
import { randomDatabase, schemaOf, statementsOf, workloadText } from '../../support/random-advice.ts';

test('advice applies, keeps every result, respects constraints, and can be taken back', async () => {
  await fc.assert(
    fc.asyncProperty(randomDatabase, async (input) => {
      const statements = statementsOf(input);
      const { data, path } = await adviseOn(schemaOf(input), workloadText(statements), {
        timeLimitMs: 8000,
        drops: 'unused',
      });
      const db = new Database(path);
      try {
        const schema = () =>
          db.prepare("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all();
        const rows = () =>
          statements.flatMap(({ sql, sets, limited }) =>
            // Which of the rows a LIMIT leaves is up to the plan; their number is not.
            sets.map((set) => {
              const found = db.prepare(`SELECT * FROM (${sql}) ORDER BY k`).all(set.map(BigInt));
              return limited ? found.length : found;
            }),
          );
        const before = { schema: schema(), rows: rows() };
        for (const sql of data.migration?.up ?? []) db.exec(sql);
        expect(rows()).toEqual(before.rows);
        const names = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'index'").pluck().all();
        for (const [at, one] of input.indexes.entries()) if (one.unique) expect(names).toContain(`i${at}`);
        for (const sql of data.migration?.down ?? []) db.exec(sql);
        expect(schema()).toEqual(before.schema);
        expect(data.parity?.equal).toBe(data.parity?.total);
        // Which of the rows a LIMIT leaves is up to the plan.
        const free = statements.some(({ limited }) => limited);
        expect(free || data.confirmation.every((one) => one.sameRows !== false)).toBe(true);
      } finally {
        db.close();
      }
    }),
    { numRuns: Number(process.env.ADVICE_RUNS ?? 4), endOnFailure: true },
  );
});

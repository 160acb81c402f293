import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { testDatabase } from '../../support/open-database.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const script = fileURLToPath(new URL('../../support/contending-writer.mjs', import.meta.url));

async function start(path: string, name: string, transactions: number): Promise<ChildProcess> {
  const child = fork(script, [path, name, String(transactions)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await once(child, 'message');
  return child;
}

test.each([2, 4, 8])(
  '%i writer processes: every acknowledged row is there once, and nobody starves',
  async (writers) => {
    const path = join(temporaryFolder(), 'market.db');
    const database = testDatabase({ path });
    const transactions = 100;
    const children = await Promise.all(
      Array.from({ length: writers }, (_, index) => start(path, `w${index}`, transactions)),
    );
    const results = children.map(
      async (child): Promise<{ acknowledged: string[]; retries: number }> => (await once(child, 'message'))[0],
    );
    for (const child of children) child.send('go');
    const reports = await Promise.all(results);
    const acknowledged = reports.flatMap((report) => report.acknowledged);
    expect(acknowledged).toHaveLength(writers * transactions);
    const rows = database.query('SELECT note, qty FROM fills ORDER BY id').all<{ note: string; qty: number }>();
    expect(new Set(rows.map(({ note }) => note))).toEqual(new Set(acknowledged));
    // Each transaction counted the rows before it inserted its own: any overlap would repeat a number.
    expect(rows.map(({ qty }) => qty)).toEqual(rows.map((_, index) => index));
    if (writers > 2) expect(reports.some(({ retries }) => retries > 0)).toBe(true);
  },
);

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { mixes } from '../../src/core/trading/mix/mixes.ts';
import { edges } from '../../src/core/trading/order-state.ts';
import { referenceMigrations } from '../../src/core/trading/reference-schema.ts';
import { tradingRules } from '../../src/core/trading/rule/rules.ts';
import { feeReserveBasisPoints } from '../../src/core/trading/store/hold.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/trading-schema.md', import.meta.url)), 'utf8');

describe('docs/trading-schema.md', () => {
  it('names every migration file with its tables', () => {
    for (const { file, up } of referenceMigrations()) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${file}\` |`)) ?? '';
      for (const [, table = ''] of up.matchAll(/^CREATE (?:TABLE|VIEW) (\w+)/gm)) expect(row, file).toContain(table);
    }
  });

  it('holds the edges of the code', () => {
    const rows = page.slice(page.indexOf('| from | to'), page.indexOf('A late fill')).split('\n').slice(2);
    const shown = rows.flatMap((row) => {
      const [, from = '', to = ''] = row.split(' | ').length > 1 ? (/^\| (.+?) \| (.+) \|$/.exec(row) ?? []) : [];
      return to === '' ? [] : to.split(', ').map((one) => `${from === 'no order yet' ? '' : from} ${one}`);
    });
    expect(shown.sort()).toEqual(edges.map(([from, to, exec]) => `${from} ${to} (${exec})`).sort());
  });

  it('holds every rule', () => {
    const shown = page.split('\n').filter((line) => /^\| I\d\d \|/.test(line));
    expect(shown).toEqual(
      tradingRules.map(
        ({ id, tier, severity, sentence, after }) =>
          `| ${id} | ${tier} | ${severity} | ${sentence} | ${after.join(' ')} |`,
      ),
    );
  });

  it('holds every weight of the mixes', () => {
    for (const { name, transactions } of mixes) {
      const table = page
        .slice(page.indexOf(`| ${name} | weight |`))
        .split('\n\n')[0]
        ?.split('\n')
        .slice(2);
      expect(table).toEqual(transactions.map((one) => `| ${one.name} | ${one.weight} |`));
    }
  });

  it('says how much is held for fees', () => {
    expect(page).toContain(`plus ${Number(feeReserveBasisPoints) / 100} % for fees`);
  });
});

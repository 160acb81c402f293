import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { benches, parts } from '../../bench/list.mjs';

test('every script of bench/ is run by `npm run bench`, or is named as a part of one', () => {
  const scripts = readdirSync('bench', { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.mjs') && !path.includes('node_modules/'));
  const listed = [...benches.map(({ script }) => script), ...parts];
  expect(listed.toSorted()).toEqual(scripts.toSorted());
});

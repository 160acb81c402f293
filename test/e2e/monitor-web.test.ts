/// <reference lib="dom" />
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import type { Page } from 'playwright-core';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openBrowser, watchedPage, withoutBrowser } from '../support/browser.ts';
import { ask, startService, untilReady } from '../support/service.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hostile = '<img src=x onerror="document.title=1">';

/** A database with a writer in another process, and a table whose name is an attack. */
function busyDatabase(): { folder: string; path: string } {
  const folder = temporaryFolder();
  const path = join(folder, 'trading.db');
  const db = new Database(path);
  db.pragma('journal_mode = WAL');
  db.exec(`CREATE TABLE "${hostile.replaceAll('"', '""')}" (a); CREATE TABLE quiet (a)`);
  db.close();
  const script = fileURLToPath(new URL('../support/paced-writer.mjs', import.meta.url));
  const writer = spawn(process.execPath, [script, path, '40'], { stdio: ['pipe', 'ignore', 'inherit'] });
  onTestFinished(() => void writer.kill('SIGKILL'));
  return { folder, path };
}

/** Keeps a snapshot open in another process. */
function pinReader(path: string, folder: string): void {
  const script = fileURLToPath(new URL('../support/lock-holder.mjs', import.meta.url));
  const reader = spawn(process.execPath, [script, path, 'BEGIN;;SELECT count(*) FROM ticks', folder], {
    stdio: 'ignore',
  });
  onTestFinished(() => void reader.kill('SIGKILL'));
}

/** Numbers of the tile of commits and of the key of its chart. */
const commitsTotal = (page: Page): Promise<string | null> =>
  page.locator('.tile').first().locator('.more').textContent();

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  while (!(await condition())) await sleep(50);
};

describe.skipIf(withoutBrowser)('the dashboard in a browser (needs chromium)', () => {
  it('moves, pauses, zooms, drills down, and names who is in the way', async () => {
    const { folder, path } = busyDatabase();
    const { port } = await startService(['-d', path, '--schedules', 'off']);
    await untilReady(port);
    const browser = await openBrowser();
    const { page, problems } = await watchedPage(browser, {
      viewport: { width: 1280, height: 900 },
      colorScheme: 'dark',
    });
    await page.goto(`http://127.0.0.1:${port}/`);
    await page.locator('#state.good').waitFor();
    const before = await commitsTotal(page);
    await until(async () => (await commitsTotal(page)) !== before);
    expect(await page.locator('.chart').first().getAttribute('aria-label')).toMatch(
      /^Commits\. commits: now [\d.,]+, most/,
    );

    // The name of the table is text, and its row opens its own history.
    await page.getByRole('button', { name: hostile }).waitFor();
    expect(await page.locator('#objects img').count()).toBe(0);
    await page.locator('#filter').fill('tick');
    await page.getByRole('button', { name: 'ticks', exact: true }).click();
    expect(await page.locator('#detail-title').textContent()).toBe('ticks');
    await page.locator('#detail canvas').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();

    // Pause keeps the screen; going on catches up.
    await page.getByRole('button', { name: 'Pause' }).click();
    const paused = await commitsTotal(page);
    await sleep(2200);
    expect(await commitsTotal(page)).toBe(paused);
    await page.getByRole('button', { name: 'Go on' }).click();
    await until(async () => (await commitsTotal(page)) !== paused);

    // Ranges load the history; a drag shows a part of it.
    await page.getByRole('button', { name: '1 h', exact: true }).click();
    await until(async () => (await page.locator('#range-text').textContent())?.includes('per point') === true);
    const plot = page.locator('.chart .u-over').first();
    await plot.evaluate((node) => node.scrollIntoView({ block: 'center' }));
    const box = await plot.boundingBox();
    if (box === null) throw new Error('no chart');
    await page.mouse.move(box.x + box.width * 0.3, box.y + 40);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 40, { steps: 5 });
    await page.mouse.up();
    await page.locator('#zoom-out').click();
    expect(await page.locator('#zoom-out').isHidden()).toBe(true);
    await page.getByRole('button', { name: '5 min' }).click();

    pinReader(path, folder);
    const alarm = page.locator('#pinned');
    await alarm.getByText('lock-holder.mjs').waitFor();
    expect(await alarm.textContent()).toMatch(
      /A reader stops the checkpoint at frame [\d,]+\s*READ\d at frame .*pid \d+ \(/s,
    );
    await page.locator('#findings .warning').first().waitFor();

    // Nothing but the keyboard: the first stop is the way past the tools.
    await page.keyboard.press('Escape');
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    await page.keyboard.press('Space');
    expect(await page.locator('#pause').getAttribute('aria-pressed')).toBe('true');
    expect(problems).toEqual([]);
  });

  it('fits from 375 to 1440 pixels, dark and light, and can be used without a mouse or eyes', async () => {
    const { path } = busyDatabase();
    const { port } = await startService(['-d', path]);
    await untilReady(port);
    const browser = await openBrowser();
    for (const [width, colorScheme] of [
      [375, 'dark'],
      [768, 'light'],
      [1440, 'light'],
    ] as const) {
      const { page, problems } = await watchedPage(browser, { viewport: { width, height: 900 }, colorScheme });
      await page.goto(`http://127.0.0.1:${port}/`);
      await page.locator('#state.good').waitFor();
      await page.getByRole('button', { name: 'ticks', exact: true }).waitFor();
      await page.locator('#jobs').getByText('optimize').waitFor();
      const facts = await page.evaluate(() => {
        const luminance = (colour: string): number => {
          const parts = (/\d+(?:\.\d+)?/g[Symbol.match](colour) ?? []).slice(0, 3).map((part) => {
            const share = Number(part) / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
          });
          return 0.2126 * (parts[0] ?? 0) + 0.7152 * (parts[1] ?? 0) + 0.0722 * (parts[2] ?? 0);
        };
        const groundOf = (node: Element | null): string => {
          const colour = node === null ? 'rgb(255, 255, 255)' : getComputedStyle(node).backgroundColor;
          return node === null || !/rgba\(.*, 0\)|transparent/.test(colour) ? colour : groundOf(node.parentElement);
        };
        const texts = [
          ...document.querySelectorAll('h2, .hint, .tile dt, .value, td, th, .pill, .ranges button, .severity'),
        ];
        const faint = texts.filter((node) => {
          if ((node.textContent ?? '').trim() === '') return false;
          const [a, b] = [luminance(getComputedStyle(node).color), luminance(groundOf(node))];
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) < 4.5;
        });
        const nameless = [...document.querySelectorAll('button, select, input')].filter(
          (node) =>
            (node.textContent ?? '').trim() === '' &&
            node.getAttribute('aria-label') === null &&
            (node as HTMLInputElement).labels?.length === 0,
        );
        return {
          overflow: document.documentElement.scrollWidth - innerWidth,
          ground: luminance(getComputedStyle(document.body).backgroundColor),
          faint: faint.map((node) => `${node.tagName} ${node.textContent}`),
          nameless: nameless.length,
          language: document.documentElement.lang,
          headings: document.querySelectorAll('h1').length,
          captions: [...document.querySelectorAll('table')].every((table) => table.caption !== null),
          charts: [...document.querySelectorAll('.chart')].every((chart) => chart.getAttribute('aria-label') !== null),
          jobs: document.querySelectorAll('#jobs tbody tr').length,
        };
      });
      expect(facts, `${width} ${colorScheme}`).toMatchObject({
        overflow: 0,
        faint: [],
        nameless: 0,
        language: 'en',
        headings: 1,
        captions: true,
        charts: true,
        jobs: 6,
      });
      expect(facts.ground > 0.5).toBe(colorScheme === 'light');
      // The button of the colours beats the system.
      await page.locator('#theme').click();
      expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
      expect(problems).toEqual([]);
      await page.close();
    }
  });

  it('asks for the token once and keeps it out of every address', async () => {
    const { folder, path } = busyDatabase();
    const token = 'a-token-of-enough-length';
    writeFileSync(join(folder, 'token'), token);
    const { port, log } = await startService(['-d', path, '--schedules', 'off', '--token-file', join(folder, 'token')]);
    const browser = await openBrowser();
    const { page, problems } = await watchedPage(browser, {});
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    await page.goto(`http://127.0.0.1:${port}/`);
    expect(page.url()).toBe(`http://127.0.0.1:${port}/login`);
    await page.getByLabel('Token').fill('this-is-not-the-token');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('This is not the token.').waitFor();
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.locator('#state.good').waitFor();
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    expect(cookie?.value).not.toContain(token);
    expect(addresses.filter((address) => address.includes(token))).toEqual([]);
    expect(JSON.stringify(log())).not.toContain(token);
    // The refused attempt is an error in the console of the browser, by the browser itself.
    expect(problems.filter((problem) => !problem.includes('401'))).toEqual([]);
    expect((await ask(port, '/api/state', { headers: { cookie: `${cookie?.name}=${'x'.repeat(43)}` } })).status).toBe(
      401,
    );
    expect(existsSync(join(folder, '.tradedb', 'monitor-history.db'))).toBe(true);
  });
});

import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';
import { onTestFinished } from 'vitest';

export const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

/** CI must have the browser; elsewhere its tests are skipped, with this reason in their name. */
export const withoutBrowser = chromiumPath === undefined && process.env.CI === undefined;

const switches = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export async function openBrowser(): Promise<Browser> {
  if (chromiumPath === undefined) throw new Error('chromium is not installed');
  const browser = await chromium.launch({ executablePath: chromiumPath, args: switches });
  onTestFinished(() => browser.close());
  return browser;
}

/** A page that collects what should not happen: errors of the console, of scripts, and requests to other machines. */
export async function watchedPage(
  browser: Browser,
  options: Parameters<Browser['newPage']>[0],
): Promise<{ page: Page; problems: string[] }> {
  const page = await browser.newPage(options);
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`));
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (protocol !== 'data:' && hostname !== '127.0.0.1') problems.push(`request: ${request.url()}`);
  });
  return { page, problems };
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** The files of the dashboard, in memory: no request path ever reaches the file system. */
export type Assets = ReadonlyMap<string, Asset>;

interface Asset {
  readonly type: string;
  readonly body: string;
}

const types = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
} as const;

/** uPlot comes from its package, so that the page needs nothing from another machine. */
export function loadAssets(): Assets {
  const own = (name: string): string => readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8');
  const require = createRequire(import.meta.url);
  return new Map<string, Asset>([
    ['/', { type: types.html, body: own('page.html') }],
    ...['/app.js', '/charts.js', '/table.js', '/format.js', '/login.js'].map((path): [string, Asset] => [
      path,
      { type: types.js, body: own(path.slice(1)) },
    ]),
    ['/app.css', { type: types.css, body: own('app.css') }],
    ['/login', { type: types.html, body: own('login.html') }],
    ['/uplot.js', { type: types.js, body: readFileSync(require.resolve('uplot/dist/uPlot.iife.min.js'), 'utf8') }],
    ['/uplot.css', { type: types.css, body: readFileSync(require.resolve('uplot/dist/uPlot.min.css'), 'utf8') }],
  ]);
}

import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

const message =
  /^error: tradedb needs Node\.js 22\.15 or newer \(this is v\d+\.\d+\.\d+\); install a newer Node\.js and try again\n$/;

/** Every Node on the PATH that is too old, besides the one that runs the tests. */
function oldNodes(): readonly string[] {
  const name = process.platform === 'win32' ? 'node.exe' : 'node';
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .filter((path) => existsSync(path))
    .filter((path) => {
      const [major = 0, minor = 0] = spawnSync(path, ['-p', 'process.versions.node'], { encoding: 'utf8' })
        .stdout.trim()
        .split('.')
        .map(Number);
      return major < 22 || (major === 22 && minor < 15);
    });
}

describe('the launcher', () => {
  it('says what is needed and exits 78 instead of crashing on an old Node', () => {
    for (const node of oldNodes()) {
      const result = spawnSync(node, ['bin/tradedb.js', 'health'], { encoding: 'utf8' });
      expect(result.stderr, node).toMatch(message);
      expect({ status: result.status, signal: result.signal, stdout: result.stdout }).toEqual({
        status: 78,
        signal: null,
        stdout: '',
      });
    }
  });

  it.each([
    ['20.20.2', '9'],
    ['22.14.0', '10'],
    ['24.0.0', '9'],
  ])('refuses Node %s with Node-API %s', (version, napi) => {
    const preload = join(temporaryFolder(), 'older.mjs');
    writeFileSync(
      preload,
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}', napi: '${napi}' } });`,
    );
    const result = spawnSync(
      process.execPath,
      ['--import', pathToFileURL(preload).href, 'bin/tradedb.js', '--version'],
      { encoding: 'utf8' },
    );
    expect(result.stderr).toMatch(message);
    expect(result.status).toBe(78);
  });
});

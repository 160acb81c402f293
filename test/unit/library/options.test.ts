import { expect, test } from 'vitest';
import type { Config } from '../../../src/core/config/schema.ts';
import { type ConnectionSection, profileOf } from '../../../src/core/sqlite/connection-section.ts';
import { resolveOptions } from '../../../src/library/options.ts';
import { parseConnection } from '../../support/connection-section.ts';

test('without options the library behaves as an empty configuration file', () => {
  expect(resolveOptions({})).toEqual({ section: parseConnection({}), pageSizeBytes: 4096 });
  // The two shapes are one: a command may hand its configuration to core/sqlite as it is.
  const fromConfig: ConnectionSection = parseConnection({}) satisfies Config['connection'];
  const toConfig: Config['connection'] = resolveOptions({}).section as Config['connection'];
  expect(fromConfig).toEqual(toConfig);
});

test('numbers are milliseconds and bytes, texts carry their unit', () => {
  const texts = resolveOptions({
    busyTimeout: '250ms',
    readMaxAge: '2s',
    cacheSize: '8MiB',
    mmapSize: '1MiB',
    pageSize: '8192B',
    checkpoint: { idle: '10ms', walLimit: '1MiB', ceilingPages: 2000, minCommits: 5 },
    groupCommit: { maxDelay: '1ms', maxOperations: 7, maxQueued: 9 },
    backgroundReaders: { queueTimeout: '1s', deadline: '2s', size: 3, maxQueued: 4 },
    resultCache: { bytes: '1MiB', entries: 5 },
  });
  const numbers = resolveOptions({
    busyTimeout: 250,
    readMaxAge: 2000,
    cacheSize: 8 * 1024 ** 2,
    mmapSize: 1024 ** 2,
    pageSize: 8192,
    checkpoint: { idle: 10, walLimit: 1024 ** 2, ceilingPages: 2000, minCommits: 5 },
    groupCommit: { maxDelay: 1, maxOperations: 7, maxQueued: 9 },
    backgroundReaders: { queueTimeout: 1000, deadline: 2000, size: 3, maxQueued: 4 },
    resultCache: { bytes: 1024 ** 2, entries: 5 },
  });
  expect(numbers).toEqual(texts);
  expect(numbers.pageSizeBytes).toBe(8192);
  expect(numbers.section.groupCommit).toEqual({ maxDelay: 1, maxOperations: 7, maxQueued: 9 });
  expect(profileOf(numbers.section, 8192)).toEqual({
    durability: 'full',
    walAutocheckpointPages: 2000,
    cacheSizeBytes: 8 * 1024 ** 2,
    mmapSizeBytes: 1024 ** 2,
    foreignKeys: true,
    pageSizeBytes: 8192,
  });
});

test.each([
  [{ durability: 'off' }, 'durability'],
  [{ busyTimeout: Number.NaN }, 'busyTimeout'],
  [{ busyTimeout: -1 }, 'busyTimeout'],
  [{ busyTimeout: '5' }, 'busyTimeout'],
  [{ busyTimout: '5s' }, 'busyTimout: unknown option'],
  [{ backgroundReaders: { size: 9 } }, 'backgroundReaders.size'],
  [{ groupCommit: { maxOperation: 5 } }, 'groupCommit.maxOperation: unknown option'],
])('%o is refused by name', (options, named) => {
  const attempt = (): unknown => resolveOptions(options as never);
  expect(attempt).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  expect(attempt).toThrow(named);
});

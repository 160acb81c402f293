import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe } from 'vitest';
import { LocalFolder } from '../../../src/core/storage/local-folder.ts';
import { storageContract } from './contract.ts';

describe('a local folder', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tradedb-contract-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  storageContract(() => ({
    open: (writer = 'w') => new LocalFolder(join(folder, 'repository'), writer),
    exclusive: true,
    objects: 1100,
    folder,
  }));
});

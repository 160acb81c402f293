import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configuredOptions, openTradingDatabase } from '../../../src/index.ts';
import { readConfiguredOptions } from '../../../src/library/configured-options.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

describe('the options of a configuration file', () => {
  it('reach the connection of the engine', () => {
    const folder = temporaryFolder();
    const below = join(folder, 'engine');
    mkdirSync(below);
    const config = {
      database: { pageSize: '8192B' },
      connection: { durability: 'normal', checkpoint: { ceilingPages: 4321 } },
    };
    writeFileSync(join(folder, 'tradedb.config.json'), JSON.stringify(config));
    const db = openTradingDatabase(join(folder, 'new.db'), { ...configuredOptions(below), create: true });
    try {
      expect(db.effectivePragmas()).toMatchObject({
        synchronous: 'normal',
        walAutocheckpointPages: 4321,
        pageSizeBytes: 8192,
      });
    } finally {
      db.close();
    }
  });

  it('give way to the environment, and are checked', () => {
    const file = join(temporaryFolder(), 'tradedb.config.json');
    writeFileSync(file, '{"connection":{"busyTimeout":"1s"}}');
    const environment = (name: string): string | undefined =>
      name === 'TRADEDB_CONNECTION_BUSY_TIMEOUT' ? '9s' : undefined;
    expect(readConfiguredOptions(file, environment)).toEqual({ busyTimeout: '9s' });
    writeFileSync(file, '{"connection":{"busyTimeout":"soon"}}');
    expect(() => configuredOptions(file)).toThrow('connection.busyTimeout: expected a duration');
    expect(() => configuredOptions(join(file, '..', 'none.json'))).toThrow('does not exist');
  });
});

import { describe, expect, it } from 'vitest';
import { hasWalResetBug, versionNumberOf, versionTextOf } from '../../../src/core/sqlite/wal-reset-bug.ts';

describe('WAL-reset bug', () => {
  it.each([
    ['3.6.23', false],
    ['3.7.0', true],
    ['3.40.1', true],
    ['3.44.5', true],
    ['3.44.6', false],
    ['3.45.0', true],
    ['3.50.6', true],
    ['3.50.7', false],
    ['3.51.0', true],
    ['3.51.2', true],
    ['3.51.3', false],
    ['3.54.1', false],
  ])('SQLite %s: %s', (version, expected) => {
    expect(hasWalResetBug(versionNumberOf(version))).toBe(expected);
    expect(versionTextOf(versionNumberOf(version))).toBe(version);
  });
});

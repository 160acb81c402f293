import { describe, expect, it } from 'vitest';
import { type DiskProbe, judgeDisk, requireDisk, reserveReached } from '../../../src/core/maintenance/disk-guard.ts';

const disks: Record<string, { freeBytes: number; device: number }> = {
  '/data': { freeBytes: 1000, device: 1 },
  '/data/sub': { freeBytes: 1000, device: 1 },
  '/tmp': { freeBytes: 100, device: 2 },
};
const probe: DiskProbe = (folder) => disks[folder] ?? { freeBytes: 0, device: 0 };

describe('the disk guard', () => {
  it('sums the needs of one file system and leaves the reserve alone', () => {
    const needs = [
      { folder: '/data', bytes: 500, purpose: 'WAL' },
      { folder: '/data/sub', bytes: 400, purpose: 'copy' },
    ];
    expect(judgeDisk(needs, 100, probe).missing).toEqual([]);
    const verdict = judgeDisk(needs, 101, probe);
    expect(verdict).toMatchObject({ neededBytes: 900, freeBytes: 1000, missing: [{ folder: '/data', shortBytes: 1 }] });
    expect(() => requireDisk(verdict, String)).toThrow(/WAL and copy: 1 short/);
  });

  it('judges every file system by itself', () => {
    const needs = [
      { folder: '/data', bytes: 500, purpose: 'WAL' },
      { folder: '/tmp', bytes: 200, purpose: 'temporary copy' },
    ];
    expect(judgeDisk(needs, 0, probe)).toMatchObject({
      freeBytes: 100,
      missing: [{ folder: '/tmp', shortBytes: 100 }],
    });
  });

  it('notices the reserve in mid run', () => {
    expect(reserveReached(['/data', '/tmp'], 100, probe)).toBe(false);
    expect(reserveReached(['/data', '/tmp'], 101, probe)).toBe(true);
  });
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { acquireLease, currentHolder, databaseLeaseName } from '../../../src/core/lease.ts';
import { testPorts } from '../../support/context.ts';
import { emptyDisk, fillDisk } from '../../support/fill-disk.ts';
import { smallDisk } from '../../support/small-disk.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

/** Renewals that run when the test says so. */
function heldTimers(): [(() => void)[], typeof testPorts] {
  const timers: (() => void)[] = [];
  const after = (_: number, task: () => void) => {
    timers.push(task);
    return () => {};
  };
  return [timers, { ...testPorts, clock: { ...testPorts.clock, after } }];
}

const owner = { pid: process.pid, hostname: 'here' };

describe('lease', () => {
  test('excludes a second holder and names the first; release frees it', () => {
    const directory = join(temporaryFolder(), 'state', 'leases');
    const request = { directory, name: 'database-1', purpose: 'backup create', owner };
    const lease = acquireLease(request, testPorts);
    expect(() => acquireLease({ ...request, purpose: 'vacuum run' }, testPorts)).toThrow(
      /backup create is already running \(pid \d+ on here/,
    );
    expect(currentHolder(request, testPorts.clock)?.purpose).toBe('backup create');
    lease.release();
    lease.release();
    expect(currentHolder(request, testPorts.clock)).toBeUndefined();
    acquireLease(request, testPorts).release();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('the lease of a process that was killed is void at once', async () => {
    const directory = temporaryFolder();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    const request = { directory, name: 'a', purpose: 'restore run', owner: { pid: child.pid!, hostname: 'here' } };
    acquireLease(request, testPorts);
    if (process.platform === 'linux') {
      expect(() => acquireLease({ ...request, owner }, testPorts)).toThrow(/restore run is already running/);
    }
    child.kill('SIGKILL');
    await once(child, 'exit');
    const later = { ...testPorts.clock, wallTime: () => testPorts.clock.wallTime() + 121_000 };
    acquireLease(
      { ...request, owner },
      { ...testPorts, clock: process.platform === 'linux' ? testPorts.clock : later },
    );
    expect(readdirSync(directory)).toEqual(['a.json']);
  });

  test('the lease of another machine holds until it expires; renewal moves the expiry', () => {
    const directory = temporaryFolder();
    let now = 1_000_000;
    const timers: (() => void)[] = [];
    const clock = {
      ...testPorts.clock,
      wallTime: () => now,
      after: (_: number, task: () => void) => {
        timers.push(task);
        return () => {};
      },
    };
    const request = { directory, name: 'a', purpose: 'backup create', owner };
    acquireLease(request, { ...testPorts, clock });
    const file = join(directory, 'a.json');
    const foreign = { ...JSON.parse(readFileSync(file, 'utf8')), bootId: 'another', hostname: 'there' };
    writeFileSync(file, JSON.stringify(foreign));
    expect(() => acquireLease(request, { ...testPorts, clock })).toThrow(/on there/);
    now += 100_000;
    timers[0]?.();
    expect(JSON.parse(readFileSync(file, 'utf8')).expiresAt).toBe(now + 120_000);
    writeFileSync(file, JSON.stringify({ ...foreign, expiresAt: now + 120_000 }));
    now += 119_999;
    expect(() => acquireLease(request, { ...testPorts, clock })).toThrow(/on there/);
    now += 1;
    acquireLease(request, { ...testPorts, clock });
    expect(JSON.parse(readFileSync(file, 'utf8')).hostname).toBe('here');
  });

  describe('between two machines', () => {
    /** The lease as if another machine had written it, and not renewed it since. */
    const becomeForeign = (file: string): void => {
      const holder = { ...JSON.parse(readFileSync(file, 'utf8')), bootId: 'another', hostname: 'there', expiresAt: 1 };
      writeFileSync(file, JSON.stringify(holder));
    };

    test('a holder that was held up until somebody else has the lease sees it, and takes nothing away from him', () => {
      const directory = temporaryFolder();
      const request = { directory, name: 'a', purpose: 'backup create', owner };
      const [timers, ports] = heldTimers();
      const first = acquireLease(request, ports);
      expect(first.isHeld()).toBe(true);
      becomeForeign(join(directory, 'a.json'));
      const second = acquireLease(request, testPorts);
      const before = readFileSync(join(directory, 'a.json'), 'utf8');
      for (const timer of timers) timer();
      expect(first.isHeld()).toBe(false);
      first.release();
      expect(readFileSync(join(directory, 'a.json'), 'utf8')).toBe(before);
      expect(second.isHeld()).toBe(true);
      second.release();
      expect(readdirSync(directory)).toEqual([]);
    });

    test('a lease that ran out and that nobody has taken is renewed by the next look', () => {
      const directory = temporaryFolder();
      const request = { directory, name: 'a', purpose: 'backup create', owner };
      const lease = acquireLease(request, heldTimers()[1]);
      becomeForeign(join(directory, 'a.json'));
      expect(lease.isHeld()).toBe(true);
      expect(() => acquireLease(request, testPorts)).toThrow(/already running/);
    });
  });

  test('a torn lease file belongs to nobody', () => {
    const directory = temporaryFolder();
    writeFileSync(join(directory, 'a.json'), '{"pid":');
    acquireLease({ directory, name: 'a', purpose: 'x', owner }, testPorts).release();
  });

  test('one database has one name, whatever leads to it', () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'a.db'), '');
    expect(databaseLeaseName(join(folder, '.', 'a.db'))).toBe(databaseLeaseName(join(folder, 'x', '..', 'a.db')));
    expect(databaseLeaseName(join(folder, 'a.db'))).not.toBe(databaseLeaseName(join(folder, 'b.db')));
  });

  test('a full disk: taking says so and leaves nothing; renewing needs no space', (context) => {
    const directory = smallDisk(1) ?? context.skip('a tmpfs cannot be mounted here');
    let now = 1_000_000;
    const timers: (() => void)[] = [];
    const after = (_: number, task: () => void) => {
      timers.push(task);
      return () => {};
    };
    const ports = { ...testPorts, clock: { ...testPorts.clock, wallTime: () => now, after } };
    const request = { directory, name: 'a', purpose: 'backup create', owner };
    const lease = acquireLease(request, ports);
    fillDisk(directory);
    now += 40_000;
    timers[0]?.();
    expect(currentHolder(request, ports.clock)?.expiresAt).toBe(now + 120_000);
    expect(() => acquireLease({ ...request, name: 'b' }, ports)).toThrow(
      expect.objectContaining({ code: 'disk_full', hint: expect.stringContaining('state.directory') }),
    );
    expect(readdirSync(directory).sort()).toEqual(['a.json', 'ballast']);
    emptyDisk(directory);
    now += 40_000;
    timers[1]?.();
    expect(currentHolder(request, ports.clock)?.expiresAt).toBe(now + 120_000);
    lease.release();
    expect(readdirSync(directory)).toEqual([]);
  });
});

import { existsSync, readdirSync } from 'node:fs';
import { platform } from 'node:os';
import { describe, expect, it } from 'vitest';
import { canLogWrites } from '../../../src/core/loadtest/durability/power-loss.ts';
import { type RunDurabilityRequest, runDurability } from '../../../src/core/loadtest/durability/run-durability.ts';
import type { MachineFacts } from '../../../src/core/loadtest/environment.ts';
import { fullProfile } from '../../../src/core/sqlite/pragma-profile.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const machine: MachineFacts = {
  cpuModel: 'test',
  cores: 1,
  kernel: 'test',
  tradedb: '0',
  loadAverage: () => [0, 0, 0],
  fileSystem: () => ({ type: 'test', inMemory: false }),
};

function request(parts: Partial<RunDurabilityRequest>): RunDurabilityRequest {
  return {
    runId: 'test',
    profile: fullProfile,
    synchronous: 'full',
    seed: 1,
    cycles: 3,
    cuts: 30,
    writers: 1,
    groupSize: 1,
    transactions: 200,
    scratchParent: temporaryFolder("tradedb 'durability' "),
    machine,
    platform: platform(),
    method: 'kill',
    control: true,
    keep: false,
    ...parts,
  };
}

const canLog = await canLogWrites(platform());

describe('durability', () => {
  it('two writers that are killed lose nothing, and no file stays', async () => {
    const wanted = request({ writers: 2, groupSize: 3 });
    const data = await runDurability(wanted, testContext());
    expect(data.verdict).toBe('ok');
    expect(data.methods[0]).toMatchObject({ method: 'kill', lost: 0, partial: 0, corrupt: 0, unopenable: 0 });
    expect(data.methods[0]?.acknowledged).toBeGreaterThan(0);
    expect(readdirSync(wanted.scratchParent)).toEqual([]);
  });

  it('a writer that acknowledges before COMMIT is convicted by kill, and its image is kept', async () => {
    // A long transaction without a wait for the disk: nearly every kill then falls between the lie and the COMMIT.
    const lie = { sabotage: { acknowledgeEarly: true }, groupSize: 200, synchronous: 'normal', cycles: 5 } as const;
    const data = await runDurability(request(lie), testContext());
    expect(data.verdict).toBe('broken');
    expect(data.methods[0]?.lost).toBeGreaterThan(0);
    expect(data.methods[0]?.kept.every((path) => existsSync(path))).toBe(true);
  });

  it('a torn WAL keeps everything before the tear', async () => {
    const data = await runDurability(request({ method: 'wal-tear' }), testContext());
    expect(data.methods[0]).toMatchObject({ method: 'wal-tear', lost: 0, partial: 0, verdict: 'ok' });
    expect(data.verdict).toBe('incomplete');
  });

  it.runIf(canLog)('power cuts: FULL keeps everything, OFF is convicted', async () => {
    const data = await runDurability(request({ method: 'write-log' }), testContext());
    expect(data.methods[0]).toMatchObject({
      lost: 0,
      partial: 0,
      nonPrefix: 0,
      corrupt: 0,
      unopenable: 0,
      verdict: 'ok',
    });
    expect(data.control?.convicted).toBe(true);
  });

  it.runIf(canLog)('power cuts: NORMAL loses only what came after the last sync', async () => {
    const data = await runDurability(
      request({ method: 'write-log', synchronous: 'normal', control: false }),
      testContext(),
    );
    expect(data.methods[0]).toMatchObject({ partial: 0, nonPrefix: 0, corrupt: 0, unopenable: 0, verdict: 'ok' });
    expect(data.methods[0]?.lost).toBeGreaterThan(0);
  });

  it.runIf(canLog)('a disk that lies about every third sync is convicted under FULL', async () => {
    const wanted = request({ method: 'write-log', control: false, cuts: 60, sabotage: { skipEverySync: 3 } });
    const data = await runDurability(wanted, testContext());
    expect(data.verdict).toBe('broken');
  });
});

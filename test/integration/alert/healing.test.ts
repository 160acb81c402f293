import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Assessment, type HealingAction, type HealingSettings, heal } from '../../../src/core/alert/healing.ts';
import { breakersOf, HealingJournal } from '../../../src/core/alert/healing-journal.ts';
import { acquireLease, databaseLeaseFolder, databaseLeaseName } from '../../../src/core/lease.ts';
import { systemClock } from '../../../src/system/system-clock.ts';
import { testContext } from '../../support/context.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const owner = { pid: process.pid, hostname: 'here' };
const hourMs = 3_600_000;

function setUp(parts: Partial<HealingSettings> = {}) {
  const time = { wallMs: Date.UTC(2026, 2, 14, 12) };
  const context = testContext({ clock: { ...systemClock, wallTime: () => time.wallMs } });
  const settings: HealingSettings = {
    database: '/data/trading.db',
    stateDirectory: temporaryFolder(),
    owner,
    allow: ['checkpoint', 'optimize'],
    apply: true,
    journals: true,
    maxPerHour: 1,
    breakerAfter: 2,
    ...parts,
  };
  const journal = new HealingJournal(settings.stateDirectory, context.clock);
  const events = () => journal.read(settings.database).map(({ action, event }) => `${action} ${event}`);
  return { time, context, settings, journal, events };
}

function action(
  name: HealingAction['name'],
  parts: { assess?: Assessment | undefined; work?: () => string } = {},
): HealingAction & { runs: number } {
  const made = {
    name,
    runs: 0,
    assess: async () => ('assess' in parts ? parts.assess : { reason: 'the WAL is large', values: { bytes: 9 } }),
    apply: async () => {
      made.runs += 1;
      return parts.work?.() ?? 'copied';
    },
  };
  return made;
}

const fails = (): string => {
  throw new Error('disk full');
};

describe('self-healing', () => {
  it('does what is allowed, one action at a time, and writes down before and after', async () => {
    const { context, settings, events, journal } = setUp();
    const [checkpoint, optimize, reindex] = [action('checkpoint'), action('optimize'), action('reindex')];
    const decisions = await heal(settings, [reindex, checkpoint, optimize], context);
    expect(decisions.map((one) => [one.action, one.decision])).toEqual([
      ['checkpoint', 'done'],
      ['optimize', 'refused'],
    ]);
    expect([checkpoint.runs, optimize.runs, reindex.runs]).toEqual([1, 0, 0]);
    expect(events()).toEqual(['checkpoint started', 'checkpoint done', 'optimize refused']);
    expect(journal.read(settings.database)[0]).toMatchObject({ values: { bytes: 9 }, reason: 'the WAL is large' });
  });

  it('says what it would do unless it may apply, and nothing when nothing is to be done', async () => {
    const { context, settings, events } = setUp({ apply: false });
    const checkpoint = action('checkpoint');
    expect(await heal(settings, [checkpoint], context)).toMatchObject([{ decision: 'dry-run' }]);
    expect(await heal(settings, [action('checkpoint', { assess: undefined })], context)).toEqual([]);
    expect(checkpoint.runs).toBe(0);
    expect(events()).toEqual(['checkpoint dry-run']);
    const silent = setUp({ apply: false, journals: false });
    await heal(silent.settings, [checkpoint], silent.context);
    expect(existsSync(silent.journal.path)).toBe(false);
  });

  it('each guard alone forbids it', async () => {
    const blocked = setUp();
    const assess = { reason: 'x', values: {}, blocked: 'a reader holds it back' };
    const first = action('checkpoint', { assess });
    expect(await heal(blocked.settings, [first], blocked.context)).toMatchObject([
      { decision: 'refused', reason: assess.blocked },
    ]);

    const often = setUp();
    const second = action('checkpoint');
    await heal(often.settings, [second], often.context);
    expect(await heal(often.settings, [second], often.context)).toMatchObject([
      { decision: 'refused', reason: expect.stringMatching(/within the last hour/) },
    ]);
    often.time.wallMs -= 2 * hourMs;
    expect(await heal(often.settings, [second], often.context)).toMatchObject([{ decision: 'refused' }]);
    often.time.wallMs += 3 * hourMs + 1;
    expect(await heal(often.settings, [second], often.context)).toMatchObject([{ decision: 'done' }]);
    expect(second.runs).toBe(2);

    const busy = setUp();
    const lease = acquireLease(
      {
        directory: databaseLeaseFolder(busy.settings.stateDirectory),
        name: databaseLeaseName(busy.settings.database),
        purpose: 'backup create',
        owner,
      },
      busy.context,
    );
    const third = action('checkpoint');
    expect(await heal(busy.settings, [third], busy.context)).toMatchObject([
      { decision: 'refused', reason: expect.stringMatching(/backup create/) },
    ]);
    lease.release();
    expect(await heal(busy.settings, [third], busy.context)).toMatchObject([{ decision: 'done' }]);
    expect([first.runs, third.runs]).toEqual([0, 1]);
  });

  it('a lease that is taken between the guard and the act wins, and nobody gets in during it', async () => {
    const { context, settings } = setUp();
    const request = {
      directory: databaseLeaseFolder(settings.stateDirectory),
      name: databaseLeaseName(settings.database),
      purpose: 'migrate up',
      owner,
    };
    let taken: string | undefined;
    const during = action('checkpoint', {
      work: () => {
        try {
          acquireLease(request, context);
        } catch (error) {
          taken = (error as Error).message;
        }
        return 'copied';
      },
    });
    expect(await heal(settings, [during], context)).toMatchObject([{ decision: 'done' }]);
    expect(taken).toMatch(/healing \(checkpoint\)/);
  });

  it('rests after failures in a row until a person resets it', async () => {
    const { time, context, settings, journal } = setUp();
    const broken = action('checkpoint', { work: fails });
    for (let count = 0; count < 2; count++) {
      expect(await heal(settings, [broken], context)).toMatchObject([{ decision: 'failed', reason: 'disk full' }]);
      time.wallMs += 2 * hourMs;
    }
    expect(await heal(settings, [broken], context)).toMatchObject([
      { decision: 'refused', reason: expect.stringMatching(/2 times in a row/) },
    ]);
    expect(broken.runs).toBe(2);
    const read = () => breakersOf(journal.read(settings.database), settings.breakerAfter);
    expect(read()).toEqual([{ action: 'checkpoint', failures: 2, open: true }]);
    journal.note({ database: settings.database, action: 'checkpoint', event: 'reset', reason: 'by me', values: {} });
    expect(read()).toEqual([{ action: 'checkpoint', failures: 0, open: false }]);
    expect(await heal(settings, [action('checkpoint')], context)).toMatchObject([{ decision: 'done' }]);
  });

  it('an act that was killed counts as a failure, and a cut line breaks nothing', async () => {
    const { time, context, settings, journal } = setUp();
    for (let count = 0; count < 2; count++) {
      journal.note({ database: settings.database, action: 'checkpoint', event: 'started', reason: 'x', values: {} });
      appendFileSync(journal.path, '{"atMs":17,"acti');
      time.wallMs += 2 * hourMs;
    }
    expect(await heal(settings, [action('checkpoint')], context)).toMatchObject([
      { decision: 'refused', reason: expect.stringMatching(/in a row/) },
    ]);
    expect(readFileSync(journal.path, 'utf8').trimEnd().split('\n')).toHaveLength(5);
    expect(journal.read('/data/other.db')).toEqual([]);
  });
});

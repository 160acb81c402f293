import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SourceTime, type TimeUnit } from '../../../src/core/trading/mapping/source-time.ts';
import { Zone } from '../../../src/core/trading/mapping/zone.ts';
import { isoOfMicroseconds } from '../../../src/core/trading/time.ts';

const utc = new SourceTime('UTC');
const instants = fc.integer({ min: 946_684_800_000_000, max: 4_102_444_799_999_999 });
const at = (iso: string): number => Date.parse(iso) * 1000;

describe('ISO text', () => {
  test('UTC with and without Z, at every width, gives the microseconds back', () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: 0, max: 9 }), fc.constantFrom(' ', 'T'), (us, digits, separator) => {
        const full = `${isoOfMicroseconds(us).replace('Z', '')}000`.replace('T', separator);
        const text = digits === 0 ? full.slice(0, 19) : full.slice(0, 20 + digits);
        const step = 10 ** Math.max(6 - digits, 0);
        expect(utc.read(text)).toBe(us - (us % step));
        expect(utc.outcome).toBe('exact');
        expect(utc.read(`${text}Z`)).toBe(us - (us % step));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['2024-02-29', '2024-02-29T00:00:00Z', 'exact'],
    ['2024-02-29 12:30', '2024-02-29T12:30:00Z', 'exact'],
    ['2024-02-29T12:30+02:00', '2024-02-29T10:30:00Z', 'exact'],
    ['2024-02-29 12:30:15', '2024-02-29T12:30:15Z', 'exact'],
    ['2024-02-29 12:30:15.5', '2024-02-29T12:30:15.500Z', 'exact'],
    ['2024-02-29 12:30:15.123456', '2024-02-29T12:30:15.123Z', 'exact', 456],
    ['2024-02-29 12:30:15.123456000', '2024-02-29T12:30:15.123Z', 'exact', 456],
    ['2024-02-29 12:30:15.123456789', '2024-02-29T12:30:15.123Z', 'finer', 456],
    ['2024-02-29 12:30:15+00', '2024-02-29T12:30:15Z', 'exact'],
    ['2024-02-29 12:30:15-0530', '2024-02-29T18:00:15Z', 'exact'],
    ['2024-02-29 12:30:15.25+05:45', '2024-02-29T06:45:15.250Z', 'exact'],
    ['2000-01-01 00:00:00', '2000-01-01T00:00:00Z', 'exact'],
  ])('%s', (text, iso, outcome, micros = 0) => {
    expect(utc.read(text)).toBe(at(iso) + Number(micros));
    expect(utc.outcome).toBe(outcome);
    expect(utc.unit).toBe('text');
  });

  test.each([
    '',
    '2024',
    '2024-13-01',
    '2023-02-29',
    '2024-04-31',
    '2024-00-10',
    '2024-1-1',
    '2024-01-01x12:00:00',
    '2024-01-01 24:00:00',
    '2024-01-01 12:60:00',
    '2024-01-01 23:59:60',
    '2024-01-01 12:00:00.',
    '2024-01-01 12:00:00 +02:00',
    '2024-01-01 12:00:00+2',
    '2024-01-01 12:00:00Zulu',
    '2024-01-01 1',
    '2024-01-01 12:00.5',
    'yesterday',
    null,
    undefined,
    true,
    new Uint8Array(4),
  ])('%j is no time', (value) => {
    expect(utc.read(value)).toBeNaN();
    expect(utc.outcome).toBe('bad_time');
  });

  test.each(['1999-12-31 23:59:59', '2101-01-01', 915_148_800, 4_133_980_800_000])('%s is out of range', (value) => {
    expect(utc.read(value)).toBeNaN();
    expect(utc.outcome).toBe('time_out_of_range');
  });

  test('another range lets old bars in', () => {
    const old = new SourceTime('UTC', { fromUs: at('1900-01-01T00:00:00Z'), toUs: at('2100-01-01T00:00:00Z') });
    expect(old.read('1990-12-19 00:00:00')).toBe(at('1990-12-19T00:00:00Z'));
    expect(old.read('1931-05-04')).toBe(at('1931-05-04T00:00:00Z'));
  });
});

describe('zones', () => {
  const zones = [
    'Asia/Shanghai',
    'America/New_York',
    'Europe/Berlin',
    'Asia/Kathmandu',
    'Pacific/Chatham',
    'Australia/Lord_Howe',
  ];

  test('a local time goes back to its instant in every zone, or to the first of two', () => {
    const readers = new Map(zones.map((name) => [name, { time: new SourceTime(name), zone: new Zone(name) }]));
    fc.assert(
      fc.property(instants, fc.constantFrom(...zones), (us, name) => {
        const reader = readers.get(name);
        if (reader === undefined) throw new Error(name);
        const offset = reader.zone.offsetAt(Math.floor(us / 1000)) * 1000;
        const local = isoOfMicroseconds(us + offset).replace('Z', '');
        const range = us + 1e12 < 4_102_444_800_000_000;
        fc.pre(range);
        const got = reader.time.read(local);
        if (reader.time.outcome === 'repeated') expect(us - got).toBeGreaterThanOrEqual(0);
        else expect(got).toBe(us);
      }),
      { numRuns: 3000 },
    );
  });

  test('the oracle: wall clocks as the platform shows them', () => {
    const shown = new Intl.DateTimeFormat('sv-SE', {
      timeZone: 'America/New_York',
      dateStyle: 'short',
      timeStyle: 'medium',
    });
    const time = new SourceTime('America/New_York');
    fc.assert(
      fc.property(fc.integer({ min: 946_771_200, max: 2_500_000_000 }), (seconds) => {
        const got = time.read(shown.format(seconds * 1000));
        expect(shown.format(got / 1000)).toBe(shown.format(seconds * 1000));
        if (time.outcome === 'exact') expect(got).toBe(seconds * 1e6);
      }),
      { numRuns: 1000 },
    );
  });

  test('a repeated hour is taken at its first time, a skipped one is no time', () => {
    const time = new SourceTime('America/New_York');
    expect(time.read('2024-11-03 01:30:00')).toBe(at('2024-11-03T05:30:00Z'));
    expect(time.outcome).toBe('repeated');
    expect(time.read('2024-11-03 00:59:59.999999')).toBe(at('2024-11-03T04:59:59.999Z') + 999);
    expect(time.outcome).toBe('exact');
    expect(time.read('2024-11-03 02:00:00')).toBe(at('2024-11-03T07:00:00Z'));
    expect(time.outcome).toBe('exact');
    expect(time.read('2024-03-10 02:30:00')).toBeNaN();
    expect(time.outcome).toBe('bad_time');
    expect(time.read('2024-03-10 01:59:59')).toBe(at('2024-03-10T06:59:59Z'));
    expect(time.read('2024-03-10 03:00:00')).toBe(at('2024-03-10T07:00:00Z'));
    expect(time.read('2024-03-10 02:30:00-05:00')).toBe(at('2024-03-10T07:30:00Z'));
  });

  test('zones off by 30 and 45 minutes, and a day that an island left out', () => {
    expect(new SourceTime('Asia/Kathmandu').read('2024-06-01 05:45:00')).toBe(at('2024-06-01T00:00:00Z'));
    expect(new SourceTime('Asia/Kolkata').read('2024-06-01 05:30:00')).toBe(at('2024-06-01T00:00:00Z'));
    const lordHowe = new SourceTime('Australia/Lord_Howe');
    expect(lordHowe.read('2024-04-07 01:45:00')).toBe(at('2024-04-06T14:45:00Z'));
    expect(lordHowe.outcome).toBe('repeated');
    const apia = new SourceTime('Pacific/Apia');
    expect(apia.read('2011-12-30 12:00:00')).toBeNaN();
    expect(apia.read('2011-12-31 12:00:00')).toBe(at('2011-12-30T22:00:00Z'));
  });

  test('a name that is no zone', () => {
    expect(() => new SourceTime('Mars/Olympus')).toThrow(/no time zone/);
  });
});

describe('numbers', () => {
  const factors: Readonly<Record<TimeUnit, bigint>> = { s: 1_000_000n, ms: 1000n, us: 1n, ns: 1000n };

  test('the unit is seen by the size, as bigint, number and text', () => {
    fc.assert(
      fc.property(instants, fc.constantFrom<TimeUnit>('s', 'ms', 'us', 'ns'), (us, unit) => {
        const value = unit === 'ns' ? BigInt(us) * 1000n : BigInt(us) / factors[unit];
        const want = unit === 'ns' ? us : Number(value * factors[unit]);
        expect(utc.read(value)).toBe(want);
        expect(utc.unit).toBe(unit);
        expect(utc.read(String(value))).toBe(want);
        expect(utc.readUnit(value, unit)).toBe(want);
        expect(utc.readUnit(String(value), unit)).toBe(want);
        if (unit !== 'ns') expect(utc.read(Number(value))).toBe(want);
      }),
      { numRuns: 2000 },
    );
  });

  test('fractions of seconds keep every microsecond', () => {
    fc.assert(
      fc.property(instants, (us) => {
        expect(utc.read(us / 1e6)).toBe(us);
        expect(utc.unit).toBe('s');
        expect(utc.read((us / 1e6).toFixed(6))).toBe(us);
      }),
      { numRuns: 2000 },
    );
  });

  test('nanoseconds below a microsecond are told', () => {
    expect(utc.read(1_700_000_000_123_456_789n)).toBe(1_700_000_000_123_456);
    expect(utc.outcome).toBe('finer');
    expect(utc.readUnit(1_700_000_000_123_456_000n, 'ns')).toBe(1_700_000_000_123_456);
    expect(utc.outcome).toBe('exact');
  });

  test.each([0, -1, 0n, -5n, Number.NaN, Number.POSITIVE_INFINITY])('%s is no time', (value) => {
    expect(utc.read(value)).toBeNaN();
    expect(utc.outcome).toBe('bad_time');
  });

  test('a number in the wrong unit falls out of the range', () => {
    expect(utc.readUnit(1_700_000_000_000, 's')).toBeNaN();
    expect(utc.outcome).toBe('time_out_of_range');
    expect(utc.readUnit('soon', 'ms')).toBeNaN();
    expect(utc.outcome).toBe('bad_time');
  });
});

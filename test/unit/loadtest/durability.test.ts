import { describe, expect, it } from 'vitest';
import { judgeCrash } from '../../../src/core/loadtest/durability/contract.ts';
import type { LedgerState, WriterState } from '../../../src/core/loadtest/durability/ledger.ts';
import {
  acknowledgedNumber,
  type LogRecord,
  parseWriteLog,
  powerCut,
} from '../../../src/core/loadtest/durability/write-log.ts';

function record(operation: number, file: number, offset: number, payload: string): Buffer {
  const head = Buffer.alloc(32);
  for (const [index, word] of [operation, file, offset, payload.length].entries()) {
    head.writeBigUInt64LE(BigInt(word), 8 * index);
  }
  return Buffer.concat([head, Buffer.from(payload)]);
}

describe('write log', () => {
  const whole = Buffer.concat([
    record(1, 2, 7, 'abc'),
    record(2, 1, 4096, ''),
    record(3, 2, 0, ''),
    record(9, 0, 0, '5\n'),
  ]);

  it('reads writes, truncations, syncs and acknowledgements', () => {
    expect(parseWriteLog(whole)).toEqual([
      { operation: 'write', file: 'wal', offset: 7, bytes: Buffer.from('abc') },
      { operation: 'truncate', file: 'database', offset: 4096 },
      { operation: 'sync', file: 'wal' },
      { operation: 'acknowledgement', text: '5\n' },
    ]);
  });

  it('ends cleanly at a record that was cut off, wherever that was', () => {
    for (let end = 0; end <= whole.length; end++) {
      const records = parseWriteLog(whole.subarray(0, end));
      expect(records).toEqual(parseWriteLog(whole).slice(0, records.length));
    }
    expect(parseWriteLog(whole.subarray(0, 34))).toHaveLength(0);
  });

  it('does not count an acknowledgement line that is not whole', () => {
    expect(acknowledgedNumber('1\n2\n3')).toBe(2);
    expect(acknowledgedNumber('12 4096\n13 8192\n14')).toBe(13);
    expect(acknowledgedNumber('')).toBe(0);
  });
});

describe('power cut', () => {
  const base = new Uint8Array(Buffer.from('base'));
  const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
  const records: LogRecord[] = [
    { operation: 'write', file: 'wal', offset: 0, bytes: bytes('one') },
    { operation: 'sync', file: 'wal' },
    { operation: 'acknowledgement', text: '1\n' },
    { operation: 'write', file: 'wal', offset: 3, bytes: bytes('two') },
    { operation: 'acknowledgement', text: '2\n' },
    { operation: 'write', file: 'database', offset: 0, bytes: bytes('B') },
  ];

  it('keeps what was synced, and by number 0 nothing else', () => {
    const cut = powerCut(base, records, records.length, { seed: 1, number: 0 });
    expect(Buffer.from(cut.wal).toString()).toBe('one');
    expect(Buffer.from(cut.database).toString()).toBe('base');
    expect(cut).toMatchObject({ told: 2, syncedTold: 0 });
  });

  it('never changes the base, and gives the same image for the same seed', () => {
    for (let number = 0; number < 9; number++) {
      const cut = powerCut(base, records, 6, { seed: 3, number });
      expect(powerCut(base, records, 6, { seed: 3, number })).toEqual(cut);
    }
    expect(Buffer.from(base).toString()).toBe('base');
    const images = Array.from({ length: 30 }, (_, number) =>
      Buffer.from(powerCut(base, records, 6, { seed: 3, number }).database).toString(),
    );
    expect(new Set(images)).toEqual(new Set(['base', 'Base']));
  });

  it('takes over a base in a Buffer without sharing its bytes', () => {
    const shared = Buffer.from('base');
    powerCut(
      shared,
      [
        { operation: 'write', file: 'database', offset: 0, bytes: bytes('X') },
        { operation: 'sync', file: 'database' },
      ],
      2,
      {
        seed: 1,
        number: 0,
      },
    );
    expect(shared.toString()).toBe('base');
  });

  it('tears large writes at a sector, sometimes', () => {
    const large: LogRecord[] = [{ operation: 'write', file: 'wal', offset: 0, bytes: new Uint8Array(4096).fill(1) }];
    const sizes = Array.from({ length: 120 }, (_, number) => powerCut(base, large, 1, { seed: 1, number }).wal.length);
    expect(new Set(sizes)).toEqual(new Set([0, 512, 4096]));
  });
});

describe('the contract', () => {
  const state = (writer: Partial<WriterState>, parts: Partial<LedgerState> = {}): LedgerState => ({
    opened: true,
    structure: [],
    writers: [{ writer: 0, highest: 10, count: 10, partial: 0, ...writer }],
    ...parts,
  });
  const told = (number: number, promised = number) => [{ told: number, promised }];

  it.each([
    ['exactly what was told', state({}), told(10), 1, { broken: false, lost: 0, committedUnacknowledged: 0 }],
    ['one commit more', state({ highest: 11, count: 11 }), told(10), 1, { broken: false, committedUnacknowledged: 1 }],
    ['two commits more', state({ highest: 12, count: 12 }), told(10), 1, { broken: true }],
    ['a group more', state({ highest: 15, count: 15 }), told(10), 5, { broken: false }],
    ['one missing', state({ highest: 9, count: 9 }), told(10), 1, { broken: true, lost: 1 }],
    [
      'missing behind the promise (NORMAL)',
      state({ highest: 8, count: 8 }),
      told(10, 8),
      1,
      { broken: false, lost: 2 },
    ],
    ['a hole', state({ count: 9 }), told(10), 1, { broken: true, nonPrefix: true }],
    ['half a transaction', state({ partial: 1 }), told(10), 1, { broken: true, partial: true }],
    ['damage', state({}, { structure: ['row missing'] }), told(10), 1, { broken: true, corrupt: true, lost: 0 }],
    ['a file that does not open', state({}, { opened: false }), told(10), 1, { broken: true, unopenable: true }],
  ] as const)('%s', (_, found, acknowledged, group, expected) => {
    expect(judgeCrash(found, acknowledged, group)).toMatchObject(expected);
  });
});

import type { SourceRow, SourceStream } from '../source.ts';
import { type FundingUnit, held, type LockUnit, type Mapped } from '../unit.ts';
import { type Field, noField, textOf } from './field.ts';
import type { Bound } from './fields.ts';
import { badTime, type MappedPorts, noteTime } from './ports.ts';
import { isYes, sideOf } from './words.ts';

/** Funding payments of perpetual contracts. */
export function funding(bound: Bound, ports: MappedPorts): SourceStream {
  const field = (name: string): Field => bound.fields[name] ?? noField;
  return streamOf(bound, (row, externalId): Mapped => {
    const instrument = ports.names.instrument(bound.fields, row)?.instrument;
    if (instrument === undefined) return held(externalId, 'bad_text', ports.names.problem);
    const dueUs = timeOf(field('due_us'), row, ports);
    if (Number.isNaN(dueUs)) return held(externalId, badTime(ports), textOf(field('due_us').raw(row)));
    const unit: FundingUnit = {
      kind: 'funding',
      externalId,
      account: ports.names.account(bound.fields, row, instrument.venue),
      instrument,
      dueUs,
      rate: field('rate').number(row),
      amount: field('amount').number(row),
      related: undefined,
    };
    return unit;
  });
}

/** Instruments, or all of them, that must not be traded for a while. */
export function locks(bound: Bound, ports: MappedPorts): SourceStream {
  const field = (name: string): Field => bound.fields[name] ?? noField;
  return streamOf(bound, (row, externalId): Mapped => {
    const fromUs = timeOf(field('from_us'), row, ports);
    if (Number.isNaN(fromUs)) return held(externalId, badTime(ports), textOf(field('from_us').raw(row)));
    const untilUs = timeOf(field('until_us'), row, ports);
    if (Number.isNaN(untilUs)) return held(externalId, badTime(ports), textOf(field('until_us').raw(row)));
    const symbol = field('symbol').value(row);
    const isOfAll = symbol === null || symbol === '' || symbol === '*';
    const instrument = isOfAll ? undefined : ports.names.instrument(bound.fields, row)?.instrument;
    const account = ports.names.accountAt(bound.fields, row);
    if (account === undefined || (!isOfAll && instrument === undefined)) {
      return held(externalId, 'bad_text', ports.names.problem);
    }
    const reason = field('reason').value(row);
    const active = field('active');
    const unit: LockUnit = {
      kind: 'lock',
      externalId,
      account,
      instrument,
      side: sideOf(field('side').value(row)) ?? null,
      reason: reason === null ? null : textOf(reason),
      fromUs,
      untilUs,
      isActive: active === noField || isYes(active.value(row)),
    };
    return unit;
  });
}

/** What an engine remembers by key. Text that is no JSON is kept as a JSON string. */
export function state(bound: Bound, ports: MappedPorts): SourceStream {
  const field = (name: string): Field => bound.fields[name] ?? noField;
  const text = (name: string, row: SourceRow, otherwise: string): string => {
    const value = field(name).value(row);
    return value === null ? otherwise : textOf(value);
  };
  return streamOf(bound, (row, externalId): Mapped => {
    const key = field('key').value(row);
    if (key === null) return held(externalId, 'bad_text', 'no key');
    const updated = field('updated_us');
    const updatedUs = updated.raw(row) === null ? 0 : timeOf(updated, row, ports);
    if (Number.isNaN(updatedUs)) return held(externalId, badTime(ports), textOf(updated.raw(row)));
    return {
      kind: 'state',
      externalId,
      scope: text('scope', row, 'engine'),
      scopeId: text('scope_id', row, ''),
      key: textOf(key),
      value: jsonOf(field('value'), row),
      updatedUs,
    };
  });
}

function jsonOf(field: Field, row: SourceRow): string {
  const value = field.value(row);
  if (value === null) return 'null';
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : JSON.stringify(String(value));
  const text = textOf(value);
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}

function timeOf(field: Field, row: SourceRow, ports: MappedPorts): number {
  const us = field.time(row, ports.time);
  noteTime(ports);
  return us;
}

function streamOf(bound: Bound, map: (row: SourceRow, externalId: string) => Mapped): SourceStream {
  const { table } = bound;
  return {
    name: bound.name,
    table: table.name,
    columns: table.columns,
    rows: table.rows,
    mutable: table.mutable || bound.name !== 'funding',
    externalId: bound.externalId,
    map(row): Mapped {
      const externalId = bound.externalId(row);
      const defect = table.defect(row);
      return defect === undefined ? map(row, externalId) : held(externalId, defect.reason, defect.detail);
    },
  };
}

import type { ObjectType, SchemaObject } from './introspect.ts';
import { foldName, normaliseSql } from './normalise.ts';

export interface ObjectDifference {
  readonly type: ObjectType;
  readonly name: string;
  /** `missing`: expected but not there; `extra`: there but not expected. */
  readonly change: 'missing' | 'extra' | 'changed';
  readonly expected: string | null;
  readonly actual: string | null;
}

/** Objects that differ in more than spelling, sorted by type and name. */
export function diffObjects(expected: readonly SchemaObject[], actual: readonly SchemaObject[]): ObjectDifference[] {
  const wanted = new Map(expected.map((object) => [keyOf(object), object]));
  const found = new Map(actual.map((object) => [keyOf(object), object]));
  const differences: ObjectDifference[] = [];
  for (const [key, object] of wanted) {
    const other = found.get(key);
    if (other === undefined) differences.push(difference('missing', object, object.sql, null));
    else if (normaliseSql(object.sql) !== normaliseSql(other.sql)) {
      differences.push(difference('changed', object, object.sql, other.sql));
    }
  }
  for (const [key, object] of found) {
    if (!wanted.has(key)) differences.push(difference('extra', object, null, object.sql));
  }
  const order: readonly ObjectType[] = ['table', 'index', 'view', 'trigger'];
  return differences.sort(
    (left, right) => order.indexOf(left.type) - order.indexOf(right.type) || (left.name < right.name ? -1 : 1),
  );
}

function difference(
  change: ObjectDifference['change'],
  object: SchemaObject,
  expected: string | null,
  actual: string | null,
): ObjectDifference {
  return { type: object.type, name: object.name, change, expected, actual };
}

/** A table and a view cannot share a name, and a view in a table's place is one change, but the types are compared apart. */
function keyOf(object: SchemaObject): string {
  return `${object.type}\0${foldName(object.name)}`;
}

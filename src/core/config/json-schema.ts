import { configSchema } from './schema.ts';

type Part = {
  readonly kind: string;
  readonly type: string;
  readonly requirement?: unknown;
  readonly description?: string;
  readonly metadata?: Record<string, unknown>;
};
type Schema = Part & {
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly wrapped?: Schema;
  readonly default?: unknown;
  readonly pipe?: readonly Part[];
  readonly item?: Schema;
  readonly value?: Schema;
  readonly literal?: unknown;
  readonly options?: readonly unknown[];
};

type Json = Record<string, unknown>;

/** The configuration as a JSON Schema (draft 2020-12), for editors. Made from the same schema that validates. */
export function configJsonSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'tradedb.config.json',
    ...convert(configSchema as unknown as Schema),
  };
}

function convert(schema: Schema): Json {
  if (schema.pipe !== undefined) return convertPipe(schema.pipe);
  if (schema.type === 'optional' && schema.wrapped !== undefined) {
    const inner = convert(schema.wrapped);
    return schema.default === undefined || isEmptyObject(schema.default)
      ? inner
      : { ...inner, default: schema.default };
  }
  return convertPlain(schema);
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function convertPipe(parts: readonly Part[]): Json {
  const [first, ...rest] = parts as readonly Schema[];
  // Inside its own pipe the first part is the plain schema; a nested pipe or optional is converted as such.
  const result = first === undefined ? {} : first.pipe === parts ? convertPlain(first) : convert(first);
  for (const part of rest) Object.assign(result, refine(part));
  return result;
}

function refine(part: Part): Json {
  switch (part.type) {
    case 'description':
      return { description: part.description };
    case 'metadata':
      return { examples: part.metadata?.examples };
    case 'min_value':
      return { minimum: part.requirement };
    case 'max_value':
      return { maximum: part.requirement };
    case 'min_length':
      return { minLength: part.requirement };
    case 'integer':
      return { type: 'integer' };
    case 'regex':
      return { pattern: (part.requirement as RegExp).source };
    default:
      return {};
  }
}

function convertPlain(schema: Schema): Json {
  switch (schema.type) {
    case 'strict_object': {
      const properties = Object.fromEntries(
        Object.entries(schema.entries ?? {}).map(([key, child]) => [key, convert(child)]),
      );
      const required = Object.entries(schema.entries ?? {})
        .filter(([, child]) => !isOptional(child))
        .map(([key]) => key);
      return {
        type: 'object',
        properties,
        ...(required.length === 0 ? {} : { required }),
        additionalProperties: false,
      };
    }
    case 'record':
      return { type: 'object', additionalProperties: schema.value === undefined ? true : convert(schema.value) };
    case 'array':
      return { type: 'array', items: schema.item === undefined ? {} : convert(schema.item) };
    case 'picklist':
      return { enum: schema.options };
    case 'literal':
      return { const: schema.literal };
    case 'union':
    case 'variant':
      return { anyOf: (schema.options as readonly Schema[]).map(convert) };
    default:
      return { type: schema.type };
  }
}

function isOptional(schema: Schema): boolean {
  if (schema.type === 'optional') return true;
  const first = schema.pipe?.[0] as Schema | undefined;
  return first !== undefined && first.pipe !== schema.pipe && isOptional(first);
}

import { parseDuration } from '../../config/duration.ts';
import { TradedbError } from '../../error.ts';
import type {
  SqlScenarioSpec,
  SqlStatementSpec,
  SqlTransactionSpec,
  TransactionMode,
  VariableSpec,
} from './sql-spec.ts';
import { parseValue } from './value-expression.ts';

/**
 * Scenario files: one transaction per `-- transaction:` line, its values drawn by `-- let:` lines, its statements in
 * plain SQL with `:name` variables, and `-- capture:` behind a statement whose first row later statements use.
 */

/** The statement splitter of the schema room, handed in because this room does not import that one. */
export type StatementSplitter = (sql: string) => {
  readonly statements: readonly {
    readonly text: string;
    readonly terminator: string;
    readonly start: number;
    readonly tokens: readonly { readonly kind: string; readonly text: string }[];
  }[];
};

interface Section {
  readonly kind: 'setup' | 'transaction';
  readonly header: string;
  readonly line: number;
  readonly lets: { readonly text: string; readonly line: number }[];
  body: string;
}

const directive = /^\s*--\s*(scenario|setup|transaction|let)\b\s*:?(.*)$/;
const transactionHeader = /^\s*([^\s:]+)\s*((?:[a-z]+\s*:\s*\S+\s*)*)$/;
const capture = /--\s*capture\s*:\s*([^\n]*)/;

export function parseSqlScenario(text: string, fallbackName: string, split: StatementSplitter): SqlScenarioSpec {
  let name = fallbackName;
  const sections: Section[] = [];
  for (const [index, line] of text.replaceAll('\r\n', '\n').split('\n').entries()) {
    const match = directive.exec(line);
    const last = sections.at(-1);
    const rest = match?.[2] ?? '';
    if (match?.[1] === 'scenario') name = rest.trim() || name;
    else if (match?.[1] === 'setup' || match?.[1] === 'transaction') {
      sections.push({ kind: match[1], header: rest, line: index + 1, lets: [], body: '' });
    } else if (match?.[1] === 'let') {
      if (last?.kind !== 'transaction') refuse(index + 1, 'a let line must stand below a transaction line');
      last.lets.push({ text: rest, line: index + 1 });
    } else if (last !== undefined) last.body += `${line}\n`;
    else if (line.trim() !== '' && !line.trim().startsWith('--')) {
      refuse(index + 1, 'statements must stand below a "-- transaction: name" line');
    }
  }
  const transactions = sections
    .filter(({ kind }) => kind === 'transaction')
    .map((part) => readTransaction(part, split));
  if (transactions.length === 0) refuse(1, 'there is no "-- transaction: name" line');
  const twice = transactions.find(({ name }, index) => transactions.findIndex((other) => other.name === name) < index);
  if (twice !== undefined) refuse(1, `transaction ${twice.name} is there twice`);
  if (transactions.every(({ weight }) => weight === 0)) refuse(1, 'every weight is 0');
  const setup = sections
    .filter(({ kind }) => kind === 'setup')
    .flatMap((part) => split(part.body).statements.map((statement) => statement.text));
  return { name, setup, transactions };
}

function refuse(line: number, message: string): never {
  throw new TradedbError('scenario_invalid', `line ${line}: ${message}`, {
    hint: 'see docs/loadtest.md for the form of scenario files',
  });
}

function readTransaction(section: Section, split: StatementSplitter): SqlTransactionSpec {
  const header = transactionHeader.exec(section.header);
  if (header === null) refuse(section.line, 'expected "-- transaction: name  weight: 2  mode: immediate  think: 5ms"');
  const settings = readSettings(header[2] ?? '', section.line);
  const variables = section.lets.flatMap((part) => readLets(part.text, part.line));
  return {
    name: header[1] ?? '',
    ...settings,
    variables,
    statements: readStatements(section, variables, split),
  };
}

const modes: readonly string[] = ['immediate', 'read', 'autocommit'];

function readSettings(text: string, line: number): { weight: number; mode: TransactionMode; thinkMs?: number } {
  const settings: { weight: number; mode: TransactionMode; thinkMs?: number } = { weight: 1, mode: 'immediate' };
  for (const [, key, value = ''] of text.matchAll(/([a-z]+)\s*:\s*(\S+)/g)) {
    if (key === 'weight') {
      settings.weight = Number(value);
      if (!(settings.weight >= 0) || !Number.isFinite(settings.weight)) refuse(line, `${value} is not a weight`);
    } else if (key === 'mode') {
      if (!modes.includes(value)) refuse(line, `mode must be one of ${modes.join(', ')}, not ${value}`);
      settings.mode = value as TransactionMode;
    } else if (key === 'think') settings.thinkMs = parseDuration(value);
    else refuse(line, `there is no setting ${key}: a transaction has weight, mode and think`);
  }
  return settings;
}

function readLets(text: string, line: number): VariableSpec[] {
  const found: VariableSpec[] = [];
  const name = /\s*,?\s*([A-Za-z_]\w*)\s*=\s*/y;
  let at = 0;
  while (text.slice(at).trim() !== '') {
    name.lastIndex = at;
    const match = name.exec(text);
    if (match === null) refuse(line, `expected name = value at ${JSON.stringify(text.slice(at).trim())}`);
    try {
      const { value, end } = parseValue(text, name.lastIndex);
      found.push({ name: match[1] ?? '', value });
      at = end;
    } catch (error) {
      if (!(error instanceof TradedbError)) throw error;
      throw new TradedbError(error.code, `line ${line}: ${error.message}`, error.hint === undefined ? {} : error);
    }
  }
  return found;
}

function readStatements(
  section: Section,
  variables: readonly VariableSpec[],
  split: StatementSplitter,
): SqlStatementSpec[] {
  const known = new Set(variables.map((variable) => variable.name));
  const statements = split(section.body).statements.map((statement): SqlStatementSpec => {
    for (const token of statement.tokens) {
      if (token.kind === 'variable') requireKnown(token.text, known, section);
    }
    const end = statement.start + statement.text.length + statement.terminator.length;
    const rest = section.body.slice(end, section.body.indexOf('\n', end));
    const captures = (capture.exec(rest)?.[1] ?? '')
      .split(',')
      .filter((part) => part.trim() !== '')
      .map((part) => readCapture(part, section.line));
    for (const { variable } of captures) known.add(variable);
    return { sql: statement.text, captures };
  });
  if (statements.length === 0) refuse(section.line, 'the transaction has no statement');
  const wanted = section.body.match(new RegExp(capture, 'g'))?.length ?? 0;
  if (wanted > statements.filter(({ captures }) => captures.length > 0).length) {
    refuse(section.line, 'a capture must stand behind the semicolon of its statement, on the same line');
  }
  return statements;
}

function requireKnown(token: string, known: ReadonlySet<string>, section: Section): void {
  if (!/^[:@$][A-Za-z_]\w*$/.test(token)) {
    refuse(section.line, `variables are written :name, not ${token}`);
  }
  if (known.has(token.slice(1))) return;
  refuse(section.line, `${token} has no value: add "-- let: ${token.slice(1)} = ..." or a capture before it`);
}

/** `column` or `variable = column`. */
function readCapture(part: string, line: number): { variable: string; column: string } {
  const match = /^\s*(?:([A-Za-z_]\w*)\s*=\s*)?(.+?)\s*$/.exec(part);
  const column = match?.[2] ?? '';
  const variable = match?.[1] ?? column;
  if (!/^[A-Za-z_]\w*$/.test(variable))
    refuse(line, `${variable} is not a variable name; write: capture: name = column`);
  return { variable, column };
}

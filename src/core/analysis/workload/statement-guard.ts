import type { Token } from '../../schema/sql-lexer.ts';

const allowed = new Set(['SELECT', 'WITH', 'VALUES', 'INSERT', 'UPDATE', 'DELETE', 'REPLACE']);

/**
 * Why a statement is not analysed, or undefined when it is. Only statements that read or change rows pass: a workload
 * file is run on a copy, and ATTACH would reach beyond it.
 */
export function refusedStatement(tokens: readonly Token[]): string | undefined {
  const first = tokens[0];
  if (first === undefined) return 'empty statement';
  const word = first.kind === 'word' ? first.text.toUpperCase() : first.text;
  return allowed.has(word) ? undefined : `${word} is not analysed`;
}

import type { IndexDefinition } from './index-definition.ts';

export interface Candidate {
  /** Equal for equal content. */
  readonly id: string;
  /** Usually one; an OR gains only when each of its sides has an index. */
  readonly indexes: readonly IndexDefinition[];
  /** Names of the queries it was proposed for. */
  readonly origins: readonly string[];
}

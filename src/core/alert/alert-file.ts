import type { Notification } from './notification.ts';
import type { Silence } from './silence.ts';
import type { AlertState, AlertTransition, SampleTime } from './state.ts';

/** Everything that is remembered about the alerts of one database. */
export interface AlertFile {
  readonly version: 1;
  readonly database: string;
  readonly states: readonly AlertState[];
  /** Keys of alerts whose last change nobody was told of, because of a silence or an inhibition. */
  readonly muted: readonly string[];
  /** When people last heard of an alert that they believe to be bad. */
  readonly toldAt: Readonly<Record<string, SampleTime>>;
  readonly groups: Readonly<Record<string, AlertGroup>>;
  /** Made, but perhaps not in the outbox yet. */
  readonly outgoing: readonly Notification[];
  readonly silences: readonly Silence[];
  /** The last transitions, oldest first. */
  readonly history: readonly AlertTransition[];
}

export interface AlertGroup {
  readonly waiting: readonly AlertTransition[];
  /** When the first of them came. */
  readonly openedAt: SampleTime | null;
  readonly sentAt: SampleTime | null;
}

export function emptyAlertFile(database: string): AlertFile {
  return {
    version: 1,
    database,
    states: [],
    muted: [],
    toldAt: {},
    groups: {},
    outgoing: [],
    silences: [],
    history: [],
  };
}

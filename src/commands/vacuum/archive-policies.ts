import { TradedbError } from '../../core/error.ts';
import type { ArchiveRequest } from '../../core/maintenance/archive/request.ts';
import type { ProgramName } from '../../core/trading/profile/profile.ts';
import type { CommandContext } from '../definition.ts';

interface PolicyOptions {
  readonly profile: string | undefined;
  readonly timezone: string | undefined;
  readonly list: boolean;
  readonly verify: string | undefined;
  readonly restore: string | undefined;
}

/** The policies that a run follows: those of the configuration, or those proposed for the file of a program. */
export async function policiesOf(
  path: string,
  { profile, timezone, list, verify, restore }: PolicyOptions,
  context: CommandContext,
): Promise<ArchiveRequest['policies']> {
  if (timezone !== undefined && profile !== 'vnpy') throw usage('--timezone belongs to --profile vnpy');
  if (list || verify !== undefined || restore !== undefined) return configuredPolicies(context);
  if (profile === undefined) return withoutOpenOrders(path, await configuredPolicies(context), context);
  const [{ openReadOnly }, { proposedPolicies }] = await Promise.all([
    import('../../core/sqlite/connection.ts'),
    import('../../core/trading/profile/retention.ts'),
  ]);
  const connection = openReadOnly(path, { clock: context.clock, random: context.random });
  try {
    const { policies, warnings } = proposedPolicies(profile as ProgramName, connection, timezone);
    for (const warning of warnings) context.log.warn(warning);
    return policies;
  } finally {
    connection.close();
  }
}

/** Whatever the policies say, nothing of an open order leaves the trading schema. */
async function withoutOpenOrders(
  path: string,
  policies: ArchiveRequest['policies'],
  context: CommandContext,
): Promise<ArchiveRequest['policies']> {
  const { concernsOrders, keepOpenOrders } = await import('../../core/trading/profile/open-orders.ts');
  if (!concernsOrders(policies)) return policies;
  const [{ openWithoutTrace }, { requireDatabaseFile }] = await Promise.all([
    import('../../core/maintenance/open-without-trace.ts'),
    import('../../core/sqlite/database-file.ts'),
  ]);
  requireDatabaseFile(path);
  const busyTimeoutMs = context.config.connection.busyTimeout;
  const connection = openWithoutTrace(path, { clock: context.clock, random: context.random, busyTimeoutMs });
  try {
    return keepOpenOrders(policies, connection);
  } finally {
    connection.close();
  }
}

/** Policies with their retention classes looked up. */
async function configuredPolicies({ config }: CommandContext): Promise<ArchiveRequest['policies']> {
  const { policies } = config.maintenance.retention;
  if (policies.every((policy) => policy.class === undefined)) return policies as ArchiveRequest['policies'];
  const { retentionClass } = await import('../../core/config/retention-class.ts');
  const { retentionClasses } = config.trading;
  return policies.map(({ class: name, ...policy }) =>
    name === undefined ? policy : { ...policy, class: retentionClass(name, retentionClasses) },
  );
}

export function chosenPolicies(
  policies: ArchiveRequest['policies'],
  tables: readonly string[] | undefined,
): ArchiveRequest['policies'] {
  if (tables === undefined || tables.length === 0) return policies;
  return tables.map((name) => {
    const policy = policies.find(({ table }) => table.toLowerCase() === name.toLowerCase());
    if (policy !== undefined) return policy;
    throw usage(`no policy names the table ${JSON.stringify(name)}`, 'see maintenance.retention.policies');
  });
}

function usage(message: string, hint?: string): TradedbError {
  return new TradedbError('usage', message, hint === undefined ? {} : { hint });
}

import { Cron } from 'croner';
import { TradedbError } from '../error.ts';

/** Throws `config_invalid` unless `expression` is a cron expression of five fields. */
export function requireCronExpression(job: string, expression: string): void {
  const fields = expression.trim().split(/\s+/);
  if (fields.length === 5) {
    try {
      new Cron(expression, { paused: true }).stop();
      return;
    } catch (error) {
      throw invalid(job, expression, error);
    }
  }
  throw invalid(job, expression, undefined);
}

function invalid(job: string, expression: string, cause: unknown): TradedbError {
  return new TradedbError(
    'config_invalid',
    `schedules.${job}: ${JSON.stringify(expression)} is not a cron expression`,
    {
      hint: 'write five fields: minute hour day month weekday, such as "0 */6 * * *"',
      cause,
    },
  );
}

const weekdays = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const weekdayNames = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

/** The same times as a calendar expression of systemd.time(7). */
export function calendarOf(job: string, expression: string): string {
  requireCronExpression(job, expression);
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = expression.trim().split(/\s+/);
  if (day !== '*' && weekday !== '*') {
    // cron fires when either matches, systemd only when both do.
    throw new TradedbError(
      'config_invalid',
      `schedules.${job}: a day of the month and a weekday together mean different things to cron and systemd`,
      {
        hint: 'use one of the two fields',
      },
    );
  }
  const days = weekday === '*' ? '' : `${weekday.split(',').map(weekdayPart).join(',')} `;
  return `${days}*-${field(month, 1)}-${field(day, 1)} ${field(hour, 0)}:${field(minute, 0)}:00`;
}

function field(text: string, first: number): string {
  return text
    .split(',')
    .map((part) => {
      const [range = '*', step] = part.split('/');
      const from = range.replace('-', '..');
      if (step === undefined) return from === '*' ? '*' : from;
      return `${from === '*' ? first : from}/${step}`;
    })
    .join(',');
}

function weekdayPart(part: string): string {
  if (part.includes('/')) {
    throw new TradedbError(
      'config_invalid',
      `a step in the weekday field (${JSON.stringify(part)}) cannot be written for systemd`,
      { hint: 'list the weekdays instead' },
    );
  }
  return part.split('-').map(weekdayName).join('..');
}

function weekdayName(text: string): string {
  const index = weekdayNames.indexOf(text.toUpperCase());
  const name = weekdays[index >= 0 ? index : Number(text)];
  if (name === undefined) throw new TradedbError('config_invalid', `${JSON.stringify(text)} is no weekday`);
  return name;
}

import type { Flag } from '../../core/schemas/action.js';
import type { PostgresTarget } from '../../targets/postgres.js';
import { flag, listNames, productionFlag, unusualHourFlag } from '../common-flags.js';
import type { Inspection } from './inspect.js';

/** What the flags are decided by. */
export interface FlagInput {
  inspection: Pick<Inspection, 'touched' | 'unfiltered' | 'hasStar' | 'estimate'>;
  target: Pick<PostgresTarget, 'name' | 'environment' | 'hours'>;
  /** Earlier finished exports of this agent from this target. */
  pastExports: number;
  nowMs: number;
}

const MANY_ROWS = 100_000;
const VERY_MANY_ROWS = 1_000_000;

const PERSONAL_NAME = new RegExp(
  '(^|_)(' +
    'e_?mail|phone|mobile|fax|(first|last|full|middle|maiden|given|family|birth|user|customer|contact)_?name|surname|' +
    'birth(day|date)?|date_of_birth|dob|ssn|social_security|national_id|passport|tax_?id|vat_id|iban|bic|account_(no|number)|' +
    'card_?(no|number)|credit_card|pan|cvv|address|addr|street|zip|zip_?code|post_?code|postal_code|ip|ip_?addr(ess)?|gender|sex|' +
    'religion|ethnicity|nationality|health|diagnosis|salary|income|latitude|longitude|geo|' +
    'passwd|password|password_hash|passphrase|secret|token|api_?key|private_key' +
    ')s?(_|$|\\d)',
);
const PERSONAL_COMMENT = /\b(pii|personal|personally|gdpr|confidential|sensitive)\b/i;

/** The risks of an export, for policy and people. At most one flag of each code. */
export function findFlags(input: FlagInput): Flag[] {
  const { inspection, target, pastExports, nowMs } = input;
  const { rows } = inspection.estimate;
  const flags: (Flag | null)[] = [
    personalData(inspection.touched, rows),
    inspection.unfiltered.length === 0
      ? null
      : flag(
          'no_where',
          rows >= MANY_ROWS ? 'high' : 'medium',
          `Reads ${listNames(inspection.unfiltered)} without a WHERE condition.`,
        ),
    rows < MANY_ROWS
      ? null
      : flag(
          'volume',
          rows >= VERY_MANY_ROWS ? 'high' : 'medium',
          `About ${rows.toLocaleString('en-US')} rows would leave the database.`,
        ),
    productionFlag(target, 'database'),
    unusualHourFlag(target, nowMs),
    pastExports > 0 ? null : flag('first_time', 'info', `This agent has not exported from ${target.name} before.`),
    inspection.hasStar
      ? flag('select_star', 'low', 'Asks for all columns with a star instead of naming those it needs.')
      : null,
  ];
  return flags.filter((found) => found !== null);
}

/** Whether a column's name or comment says that it holds personal data or secrets. */
export function looksPersonal(name: string, comment: string | null): boolean {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase();
  return PERSONAL_NAME.test(words) || (comment !== null && PERSONAL_COMMENT.test(comment));
}

function personalData(touched: Inspection['touched'], rows: number): Flag | null {
  const found = touched.flatMap(({ relation, columns }) =>
    relation.columns
      .filter(({ name, comment }) => columns.includes(name) && looksPersonal(name, comment))
      .map(({ name }) => `${relation.name}.${name}`),
  );
  if (found.length === 0) return null;
  return flag(
    'personal_data',
    rows >= MANY_ROWS ? 'critical' : 'high',
    `Reads columns that look like personal data or secrets: ${listNames(found)}.`,
  );
}

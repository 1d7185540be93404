/** How often a rule replaced something. */
export interface Redaction {
  rule: string;
  count: number;
}

/** A kind of secret. Of a match, the group `keep` stays (e.g. the name before a password) and all else is replaced. */
interface RedactionRule {
  name: string;
  /** Global. Takes time linear in the text: it also reads what somebody wrote to keep it busy. */
  pattern: RegExp;
}

const WORD = 'A-Za-z0-9_-';
const LINE_BREAK = '\\r?\\n[ \\t]*';
// Of one part of a token, broken at 64 characters: 6 KB. Without an end, each line could begin a part that goes on to the last.
const MAX_LINES = 100;

/**
 * Characters of a token that a terminal or a mailer may have broken over lines: a further line counts when it holds
 * nothing else, so that the words of the next message do not.
 */
function broken(characters: string, least: number): string {
  const alone = `(?=[.${characters}]{16,}["'\`,;)\\]}]*[ \\t]*(?:\\r?\\n|$))`;
  return `[${characters}]{${String(least)},}(?:${LINE_BREAK}${alone}[${characters}]+){0,${String(MAX_LINES)}}`;
}

const PEM_KIND = '[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?';
const SECRET_NAME =
  'pass(?:word|wd|phrase)|(?:db|database|pg|postgres|mysql|redis|smtp|mail|ldap|user|admin|root)_?pass|pwd(?!["\']?[=:]["\']?/)|secret|' +
  '(?:api|access|account|master|private|secret|signing|encryption)[_-]?key|credentials?|token|connection[_-]?string';
// What stands for a value, or for none; and nothing more.
const PLACE_HOLDER =
  '(?:true|false|null|none|undefined|nil|\\$\\{?[A-Za-z_]\\w*\\}?|%[A-Za-z_]\\w*%|%[sdvq]|<[^<>\\s]*>|\\*{3,})';
const NO_SECRET = `(?!["']?\\[redacted|["']${PLACE_HOLDER}?["']|${PLACE_HOLDER}(?:["'\\s,;&)\\]}]|$))`;
// Quoted, quoted inside of quotes, or bare: then a comma ends it only before a space or the next name.
const VALUE =
  '(?:"(?:[^"\\\\\\r\\n]|\\\\.){1,2000}"|\'(?:[^\'\\\\\\r\\n]|\\\\.){1,2000}\'|\\\\"[^"\\\\\\r\\n]{1,2000}\\\\"|' +
  '(?:[^\\s,;&)\\]}]|[,;](?![\\s"\']|[\\w.-]{1,40}["\']?[=:]|$))+)';
const QUOTE = '(?:\\\\{0,3}["\'])?';
const BASE64_40 = '(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])';
const SCHEMES = 'bearer|basic|digest|negotiate|token|apikey|aws4-hmac-sha256|countersign-agent';

function rule(name: string, source: string, flags = ''): RedactionRule {
  return { name, pattern: new RegExp(source, `g${flags}`) };
}

/** In order: what an earlier rule replaced, a later one does not see. */
const RULES: readonly RedactionRule[] = [
  // One that was cut off takes all that follows with it: its end is not known.
  rule('private_key', `-----BEGIN ${PEM_KIND}-----[^]*?(?:-----END ${PEM_KIND}-----|$)`),
  // Of several beginnings in one word only the first is tried: what follows is the same for all.
  rule(
    'jwt',
    `(?<![${WORD}])(?=(?<keep>(?:[${WORD}]*?[_-])??)eyJ)\\k<keep>eyJ${broken(WORD, 10)}\\.(?:${LINE_BREAK})?${broken(WORD, 0)}\\.(?:${LINE_BREAK})?${broken(WORD, 0)}(?:\\.[${WORD}]+){0,2}`,
  ),
  rule('vault_token', `\\bhv[sbr]\\.${broken(WORD, 20)}`),
  // Of Vault before 1.10, and of OpenBao.
  rule(
    'vault_token',
    '(?<![\\w.-])(?:[sr]\\.[A-Za-z0-9]{24}(?:\\.[A-Za-z0-9]{5}\\b)?|b\\.[\\w-]{60,})(?![\\w(-]|\\.\\w)',
  ),
  // The secret key beside its id, as in a CSV of AWS.
  rule('aws_key', `(?<keep>\\b(?:AKIA|ASIA)[A-Z2-7]{16}\\b[^\\n]{1,40}?)${BASE64_40}`),
  rule('aws_key', '\\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\\b'),
  rule(
    'aws_key',
    `(?<keep>(?:secret_?access_?key|session_?token)${QUOTE}[ \\t]{0,20}[=:]\\s{0,20}${QUOTE})[A-Za-z0-9/+=]{16,}`,
    'i',
  ),
  rule('github_token', '\\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\\w{20,})'),
  rule('slack_token', '\\bxox[a-z](?:\\.xox[bp])?-[\\w-]{10,}|\\bxapp-\\d-[\\w-]{10,}'),
  rule('slack_token', '(?<keep>\\bhooks\\.slack\\.com/(?:services|workflows|triggers)/)[\\w/-]{10,}'),
  rule('gcp_token', '\\bAIza[\\w-]{35}(?![\\w-])|\\bya29\\.[\\w-]{20,}|\\bGOCSPX-[\\w-]{20,}'),
  rule(
    'service_token',
    '\\b(?:glpat-[\\w-]{20,}|npm_[A-Za-z0-9]{36}|[rs]k_(?:live|test)_[A-Za-z0-9]{16,}|hf_[A-Za-z0-9]{30,}|pypi-[\\w-]{50,}|dckr_pat_[\\w-]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{50,})',
  ),
  rule('model_api_key', '\\bsk-(?=[\\w-]{0,200}\\d)[\\w-]{20,}'),
  // A port is no password; of several @ the last one ends it.
  rule(
    'url_password',
    '(?<keep>\\b[a-z][a-z0-9+.-]{0,30}://[^\\s:/?#@"\'<>[]{0,200}:)(?!\\d{1,5}(?:[/?#\\s]|$))[^\\s"\'<>]{1,500}(?=@[\\w.[-])',
    'i',
  ),
  // Whoever has such an address needs nothing more.
  rule('url_signature', '(?<keep>[?&](?:sig|x-amz-signature|x-goog-signature)=)[\\w%+/=-]{16,}', 'i'),
  rule(
    'authorization',
    `(?<keep>authorization${QUOTE}[ \\t]{0,20}[:=]\\s{0,20}${QUOTE}(?:${SCHEMES})\\s{1,20})(?!\\s{0,20}\\[redacted)[^\\r\\n"']+`,
    'i',
  ),
  // In prose other words follow: what is no word counts.
  rule('authorization', '(?<keep>\\bbearer\\s{1,20})(?=[\\w.~+/-]*\\d)[\\w.~+/-]{16,}=*', 'i'),
  rule(
    'cookie',
    `(?<keep>\\bcookie${QUOTE}[ \\t]{0,20}:[ \\t]{0,20}${QUOTE})(?![ \\t]{0,20}\\[redacted)[^\\r\\n"']{4,}`,
    'i',
  ),
  rule('password', `(?<keep>(?<![^\\s"'])--?(?:${SECRET_NAME})[ \\t]{1,20})(?!-)${NO_SECRET}${VALUE}`, 'i'),
  // In SQL.
  rule(
    'password',
    `(?<keep>\\b(?:password|identified[ \\t]{1,20}by)\\s{1,20})${NO_SECRET}'(?:[^'\\r\\n]|''){1,2000}'`,
    'i',
  ),
  rule(
    'password',
    `(?<keep>(?:${SECRET_NAME})${QUOTE}[ \\t]{0,20}(?:=>?\\s{0,20}|:[ \\t]{0,20}|:\\s{1,20}(?=["'])))${NO_SECRET}${VALUE}`,
    'i',
  ),
];

/** The names of all rules, as statements count by them. */
export const REDACTION_RULES: readonly string[] = [...new Set(RULES.map(({ name }) => name))];

/**
 * Replaces what looks like a secret in a text by `[redacted: rule]`. It knows forms, not meanings: a secret of no known
 * form stays, and a word that only looks like one goes.
 * @returns the text, and how often which rule replaced something, in the rules' order.
 */
export function redact(text: string): { text: string; redactions: Redaction[] } {
  const counts = new Map<string, number>();
  const count = (name: string): string => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    return `[redacted: ${name}]`;
  };
  let shown = cutKeys(text, () => count('private_key'));
  for (const { name, pattern } of RULES) {
    shown = shown.replace(pattern, (...found: unknown[]) => {
      const groups = found.at(-1);
      const kept = typeof groups === 'object' ? (groups as { keep?: string } | null)?.keep : undefined;
      return `${kept ?? ''}${count(name)}`;
    });
  }
  const redactions = REDACTION_RULES.flatMap((name) => {
    const number = counts.get(name);
    return number === undefined ? [] : [{ rule: name, count: number }];
  });
  return { text: shown, redactions };
}

const KEY_END = new RegExp(`-----END ${PEM_KIND}-----`, 'g');
const KEY_BEGIN = new RegExp(`-----BEGIN ${PEM_KIND}-----`);

/** Private keys whose beginning is not in the text: a log is often the end of a longer one. Only the first can be one. */
function cutKeys(text: string, replacement: () => string): string {
  const end = KEY_END.exec(text);
  KEY_END.lastIndex = 0;
  const begin = KEY_BEGIN.exec(text);
  if (end === null || (begin !== null && begin.index < end.index)) return text;
  const lines = text.slice(0, end.index).split('\n');
  const isOfKey = (line: string): boolean => /^[A-Za-z0-9+/=]+$/.test(line.trim());
  // Its last line may be short; the others are of one length.
  const last = lines.at(-1)?.trim() === '' ? lines.length - 2 : lines.length - 1;
  let first = last + 1;
  while (
    first > 0 &&
    isOfKey(lines[first - 1] ?? '') &&
    (first - 1 === last || (lines[first - 1] ?? '').trim().length >= 40)
  )
    first -= 1;
  const before = lines.slice(0, first).join('\n');
  return `${before}${before === '' ? '' : '\n'}${replacement()}${text.slice(end.index + end[0].length)}`;
}

/** What was replaced, in a sentence; null when nothing was. */
export function describeRedactions(redactions: readonly Redaction[]): string | null {
  const total = redactions.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  const parts = redactions.map(({ rule, count }) => `${String(count)} ${rule}`).join(', ');
  return `${String(total)} ${total === 1 ? 'secret was' : 'secrets were'} left out: ${parts}.`;
}

import { describe, expect, it } from 'vitest';
import { widthOfText } from '../../../apps/cli/render/layout.js';
import { bytesOf } from '../../../src/channels/message/rich-text.js';
import { BLOCK_LIMITS } from '../../../src/channels/slack/blocks.js';
import { canonicalJson } from '../../../src/core/json.js';
import { gravestFirst } from '../../../src/core/severity.js';
import { riskOf, type ActionView } from '../../../src/record/action-view.js';
import { findBlockFault } from '../../fakes/slack/block-kit.js';
import { PUBLIC_URL } from '../slack/views.js';
import {
  buttonsOf,
  inSlack,
  inTerminal,
  linesOnPage,
  missingIn,
  onPage,
  quotedIn,
  seenOn,
  WIDTHS,
  wordsOf,
} from './channels.js';
import { exportView, flagsOf, grantView, queryOf, sshView, vaultPolicyView } from './operation-views.js';
import { largePlanView, planViewForPeople } from './plan-views.js';
import { largeDocuments, largePolicyView, policyViewForPeople } from './policy-views.js';

const SHORT_QUERY =
  'select c.country, c.email, sum(o.total_cents) as total\nfrom orders o join customers c on c.id = o.customer_id\ngroup by 1, 2';

const withContent = (view: ActionView, text: string): ActionView =>
  view.preview === null ? view : { ...view, preview: { ...view.preview, content: { ...view.preview.content, text } } };
const withFlags = (view: ActionView, count: number): ActionView => {
  const flags = flagsOf(count);
  return { ...view, flags, risk: riskOf(flags) };
};
const plan = largePlanView();
const contentOf = ({ preview }: ActionView): string => preview?.content.text ?? '';
const atTheLimit = withContent(plan, `${contentOf(plan)}\n\n${contentOf(plan)}`.slice(0, 190_000));

const large: Record<string, ActionView> = {
  'a plan with 500 resources': plan,
  'a plan of 190,000 characters': atTheLimit,
  'a policy of 6 KB': largePolicyView(),
  'a query of 200 lines': exportView(queryOf(200)),
  'a short query with 50 flags': withFlags(exportView(SHORT_QUERY), 50),
  'a large plan with 50 flags': withFlags(plan, 50),
};
const ordinary: Record<string, ActionView> = {
  'database.export': exportView(SHORT_QUERY),
  'aws.iam.policy': policyViewForPeople(),
  'infra.apply': planViewForPeople(),
  'database.grant': grantView(),
  'vault.policy': await vaultPolicyView(),
  'ssh.command': sshView(),
};
const all = Object.entries({ ...large, ...ordinary });

it('the sizes are real', () => {
  expect(plan.preview?.content.text.match(/\["?\d+"?\]/g)?.length).toBeGreaterThanOrEqual(500);
  expect(contentOf(plan).length).toBeGreaterThan(100_000);
  expect(contentOf(atTheLimit).length).toBe(190_000);
  expect(canonicalJson(largeDocuments().after).length).toBeGreaterThan(5_500);
  expect(queryOf(200).split('\n')).toHaveLength(200);
});

describe('in Slack', () => {
  it.each(all)('%s is whole beside Approve, or there is the link instead', (_name, view) => {
    const message = inSlack(view);
    expect(findBlockFault(message.blocks, 'message')).toBeNull();
    expect(bytesOf(message.blocks)).toBeLessThanOrEqual(BLOCK_LIMITS.messageBytes);
    const words = wordsOf(message);
    const isWhole = words.includes(contentOf(view)) && view.flags.every(({ sentence }) => words.includes(sentence));
    const first = isWhole ? ['countersign_approve'] : ['countersign_read', 'countersign_open'];
    expect(buttonsOf(message)).toEqual([...first, 'countersign_deny']);
    if (isWhole) return;
    expect(words).toContain(
      words.includes(contentOf(view)) ? 'Risks or differences are too many' : `of ${contentLength(view)} characters`,
    );
    expect(JSON.stringify(message.blocks)).toContain(`${PUBLIC_URL}/view/${view.actionId}`);
  });

  it.each(Object.entries(ordinary))('an ordinary %s can be approved', (_name, view) => {
    expect(buttonsOf(inSlack(view))).toContain('countersign_approve');
  });

  it.each(Object.keys(large))('%s cannot', (name) => {
    expect(buttonsOf(inSlack(large[name] as ActionView))).not.toContain('countersign_approve');
  });

  it.each([12, 13, 20, 50])('of %i flags each is there, gravest first, or counted', (count) => {
    const view = withFlags(exportView(SHORT_QUERY), count);
    const words = wordsOf(inSlack(view));
    const shown = gravestFirst(view.flags).filter(({ code }) => words.includes(`${code} `));
    expect(shown).toEqual(gravestFirst(view.flags).slice(0, shown.length));
    const left = count - shown.length;
    expect(words.includes(`Left out here: ${String(left)} more risk`)).toBe(left > 0);
    expect(buttonsOf(inSlack(view)).includes('countersign_approve')).toBe(left === 0);
  });
});

/** As Slack names it: content and the parameters that do not stand in it. */
function contentLength(view: ActionView): string {
  const rest = Object.entries(view.request.params).filter(([, value]) => value !== contentOf(view));
  const text = [contentOf(view), ...(rest.length === 0 ? [] : [JSON.stringify(Object.fromEntries(rest), null, 2)])];
  return text.join('\n').length.toLocaleString('en-US');
}

describe.each(WIDTHS)('in a terminal %i columns wide', (width) => {
  it.each(all)('%s is whole, and no line is wider', (_name, view) => {
    const lines = inTerminal(view, width);
    expect(lines.filter((line) => widthOfText(line) > width)).toEqual([]);
    expect(quotedIn(lines, 'What will run')).toEqual(
      contentOf(view)
        .split('\n')
        .map((line) => line.replaceAll(' ', '')),
    );
    const text = lines.join('').replaceAll(' ', '');
    for (const { code } of view.flags) expect(text).toContain(`[${code}]`);
  });

  it('what comes is green, what goes is red, in each part of a line that is too long', () => {
    const shown = inTerminal(
      withContent(plan, `+ ${'new '.repeat(50)}\n- ${'old '.repeat(50)}\n@@ at @@\n  same`),
      width,
      true,
    );
    const [green, red, cyan] = [32, 31, 36].map((code) =>
      shown.filter(
        (line) => line.startsWith(`  | \u001B[${String(code)}m`) || line.startsWith(`  : \u001B[${String(code)}m`),
      ),
    );
    expect(green?.every((line) => /new|\+/.test(line))).toBe(true);
    expect(red?.every((line) => /old|-/.test(line))).toBe(true);
    expect([green?.length, red?.length].every((count) => (count ?? 0) >= Math.ceil(200 / width))).toBe(true);
    expect(cyan).toHaveLength(1);
    expect(shown).toContain('  |   same');
  });
});

describe('in a terminal', () => {
  it('the rest of a long comment does not look like a line of its own', () => {
    const query = `select * from customers -- ${' '.repeat(60)}where id = 1`;
    const shown = inTerminal(exportView(query), 80).filter((line) => line.includes('where id = 1'));
    expect(shown.filter((line) => line.startsWith('  | '))).toEqual([]);
    expect(shown.filter((line) => line.startsWith('  : '))).not.toEqual([]);
  });

  it('the gravest flags come first', () => {
    const lines = inTerminal(withFlags(exportView(SHORT_QUERY), 50), 140);
    const severities = lines.flatMap((line) => /^ {2}(critical|high|medium|low|info) /.exec(line)?.[1] ?? []);
    expect(severities).toHaveLength(50);
    expect([...new Set(severities)]).toEqual(['critical', 'high', 'medium', 'low', 'info']);
  });

  it('one line of 190,000 characters is there soon', () => {
    const startedMs = performance.now();
    const lines = inTerminal(exportView(`select '${'x'.repeat(95_000)}' ${'y '.repeat(47_000)}`), 80);
    expect(performance.now() - startedMs).toBeLessThan(3_000);
    expect(lines.length).toBeGreaterThan(2_000);
  });
});

describe('the full view', () => {
  it.each(all)('of %s is whole and under 1 MB', (_name, view) => {
    const startedMs = performance.now();
    const markup = onPage(view);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(Buffer.byteLength(markup)).toBeLessThan(1_000_000);
    const seen = seenOn(markup);
    expect(missingIn(seen, linesOnPage(contentOf(view)))).toEqual([]);
    for (const { code } of view.flags) expect(seen).toContain(code);
  });

  it('marks what comes and what goes, by sign, colour and word', () => {
    const markup = onPage(withContent(plan, '@@ change a @@\n- x = 1\n+ x = 2\n  y = 3'));
    for (const part of [
      '<span class="part-title">change a</span>',
      '<div class="line line-removed" data-number="2"><span class="unseen">removed: </span><span class="sign">-</span> x = 1',
      '<div class="line line-added" data-number="3"><span class="unseen">added: </span><span class="sign">+</span> x = 2',
      '<div class="line line-same" data-number="4"><span class="sign"> </span> y = 3',
    ])
      expect(markup).toContain(part);
  });

  it('takes only the first two lines for the names of the sides', () => {
    const markup = onPage(withContent(plan, '--- a, as it is\n+++ a, as it will be\n--- x\n+++ y'));
    const tones = [...markup.matchAll(/<div class="line line-([a-z]+)"/g)].map(([, tone]) => tone);
    expect(tones.slice(0, 4)).toEqual(['heading', 'heading', 'removed', 'added']);
  });
});

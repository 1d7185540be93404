import { describe, expect, it } from 'vitest';
import { describeComparison } from '../../../../src/policy/compare/describe-comparison.js';
import type { Edit } from '../bundle-folders.js';
import { comparedWith } from './comparable.js';

const DIRECTORY = 'directory.yaml';
const EXPORT = 'database-export.cedar';
const edit = (file: string, from: string | null, to: string): Edit => ({ file, from, to });

// The policies are asked hundreds of questions: seconds on a busy machine.
describe('who may approve', { timeout: 60_000 }, () => {
  it('names who may since the agent is another owner’s, by the entry that lets them', async () => {
    const { approving } = await comparedWith([
      edit(
        DIRECTORY,
        'owner: olivia\n    prompters: [olivia, paul]\n    groups: [data-agents]',
        'owner: paul\n    prompters: [paul]\n    groups: [data-agents]',
      ),
    ]);
    const onOrders = approving.find(({ targets }) => targets.some(({ name }) => name === 'orders'));
    expect(onOrders).toMatchObject({
      agents: ['export-bot'],
      operation: 'database.export',
      gained: ['olivia', 'olivia-admin'],
      lost: [],
    });
    expect(onOrders?.before).not.toContain('olivia');
    expect(onOrders?.after).toContain('olivia');
  });

  it('names who joined and who left a group, and nobody for operations whose plans do not ask it', async () => {
    const { approving } = await comparedWith([
      edit(DIRECTORY, 'platform: [gus, hana]', 'platform: [hana, ines, paul]'),
    ]);
    // Of what platform-bot asks for, these two may not judge: they are its owner and its prompter.
    expect(approving.filter(({ agents }) => agents.includes('platform-bot')).flatMap(({ gained }) => gained)).toEqual(
      [],
    );
    expect(approving.every(({ lost }) => lost.includes('gus'))).toBe(true);
    expect(approving.map(({ operation }) => operation)).not.toContain('database.export');
  });

  it('tells a rule about approving apart by person and agent', async () => {
    const { approving, rules, effect } = await comparedWith([
      edit(
        'approvals.cedar',
        null,
        '\n@id("not-ben")\nforbid (principal == Person::"ben", action == Action::"approve:database.export", resource);\n',
      ),
    ]);
    expect(effect).toBe('tightening');
    expect(rules).toMatchObject([{ id: 'not-ben', kind: 'added', effect: 'tightening' }]);
    expect(new Set(approving.flatMap(({ lost }) => lost))).toEqual(new Set(['ben']));
    expect(new Set(approving.map(({ operation }) => operation))).toEqual(new Set(['database.export']));
  });
});

describe('who leaves a group', { timeout: 60_000 }, () => {
  it('gains what a rule about approving barred the group from', async () => {
    const base = [
      edit(DIRECTORY, '  dba-lead: [dave]', '  trainees: [ben]\n  dba-lead: [dave]'),
      edit(
        'approvals.cedar',
        null,
        '\n@id("no-trainees")\nforbid (principal in Group::"trainees", action in Action::"approve", resource);\n',
      ),
    ];
    const { effect, approving, because } = await comparedWith(
      [edit(DIRECTORY, 'trainees: [ben]', 'trainees: []')],
      base,
    );
    expect(effect).toBe('both');
    expect(because).toContain('Somebody may approve who could not.');
    expect(approving.flatMap(({ gained }) => gained)).toContain('ben');
  });
});

describe('what is demanded', { timeout: 60_000 }, () => {
  it('goes through every set of flags that rules tell apart, at every severity', async () => {
    const { demands, exhaustive } = await comparedWith([
      edit(
        EXPORT,
        'when { context.severity >= 4 };',
        'when { context.severity >= 4 && !(context.flags.contains("volume") && context.flags.contains("first_time")) };',
      ),
    ]);
    expect(exhaustive).toBe(true);
    const [change] = demands;
    // What only these two flags together let through is found: a critical risk with one person less.
    expect(change).toMatchObject({ operation: 'database.export', effect: 'loosening' });
    expect(change?.examples[0]?.flags.map(({ code }) => code)).toEqual(
      expect.arrayContaining(['first_time', 'volume']),
    );
    expect(change?.examples[0]?.flags[0]?.severity).toBe('critical');
  });

  it('includes findings that no rule names', async () => {
    const guard =
      '\n@id("known-only")\nforbid (principal, action == Action::"database.export", resource)\nunless { ["volume"].containsAll(context.flags) };\n';
    const { demands } = await comparedWith([edit(EXPORT, guard, '')], [edit(EXPORT, null, guard)]);
    expect(demands[0]).toMatchObject({ effect: 'loosening' });
    expect(demands[0]?.examples[0]?.before).toMatchObject({ kind: 'refused' });
  });

  it('counts as a loosening where there are more sets than can be compared', async () => {
    const codes = Array.from({ length: 12 }, (_, index) => `rare_${String(index)}`);
    const listed = codes.map((code) => `"${code}"`).join(', ');
    const schema = edit('schema.cedarschema', '@flags("personal_data,', `@flags("${codes.join(', ')}, personal_data,`);
    const { effect, exhaustive, because } = await comparedWith(
      [edit(EXPORT, '@review("dba:1")\n@escalate', '@review("dba:2")\n@escalate')],
      [
        schema,
        edit(
          EXPORT,
          null,
          `\n@id("rare")\nforbid (principal, action == Action::"database.export", resource) when { context.flags.containsAll([${listed}]) };\n`,
        ),
      ],
    );
    expect([exhaustive, effect]).toEqual([false, 'both']);
    expect(because.join('\n')).toContain('more cases than could be compared');
  });
});

describe('a rule that could fail', { timeout: 60_000 }, () => {
  it('may let something through when it goes: it forbade everything while it failed', async () => {
    const failing =
      '\n@id("odd")\npermit (principal == Person::"ben", action == Action::"approve:database.export", resource) when { context.severity * 9223372036854775807 > 0 };\n';
    const { rules } = await comparedWith(
      [edit('approvals.cedar', failing, '')],
      [edit('approvals.cedar', null, failing)],
    );
    expect(rules).toMatchObject([{ id: 'odd', kind: 'removed', effect: 'both', judged: false }]);
  });
});

describe('what people read', { timeout: 60_000 }, () => {
  const lines = async (edits: readonly Edit[]): Promise<string[]> =>
    describeComparison(await comparedWith(edits)).map(
      ({ text, tone }) => `${tone.padEnd(8)}|${text.replace(/\([0-9a-f]{12}\)/g, '(digest)')}`,
    );

  it('of a change with a little of everything', async () => {
    expect(
      await lines([
        edit(EXPORT, '@expire("2h")', '@expire("12h")'),
        edit(EXPORT, '["personal_data", "no_where", "volume"]', '["personal_data", "no_where"]'),
        edit(DIRECTORY, 'dba: [ben, carol, olivia-admin]', 'dba: [ben, erin, olivia-admin]'),
        edit('targets.yaml', 'database: orders_staging', 'database: orders_test'),
      ]),
    ).toMatchSnapshot();
  });

  it('of no change', async () => {
    expect(await lines([])).toEqual([
      'heading |Bundle 1 (digest) → bundle 1 (digest)',
      'plain   |This change neither loosens nor tightens policy.',
    ]);
  });

  it('shows no character that acts on a terminal', async () => {
    const shown = await lines([edit(DIRECTORY, 'name: Ben Berg', 'name: "Ben\\e[2J \\u202Egreb"')]);
    expect(shown.join('\n')).toContain('⟨U+202E⟩greb');
    expect(shown.join('\n')).not.toContain('\u001B');
  });
});

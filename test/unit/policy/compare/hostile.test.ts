import { describe, expect, it } from 'vitest';
import type { BundleComparison, Effect } from '../../../../src/policy/compare/comparison.js';
import type { Edit } from '../bundle-folders.js';
import { comparedWith } from './comparable.js';

const DIRECTORY = 'directory.yaml';
const EXPORT = 'database-export.cedar';

const edit = (file: string, from: string | null, to: string): Edit => ({ file, from, to });

/** Somebody hides that policy asks for less: what they do, and what reviewers must be told in spite of it. */
interface Attack {
  what: string;
  edits: readonly Edit[];
  /** What was there before them. Default: the example as it is. */
  base?: readonly Edit[];
  told: RegExp;
}

const attacks: readonly Attack[] = [
  {
    what: 'a permit is renamed and asks for less',
    edits: [
      edit(
        EXPORT,
        '@id("prod-export-personal-data")\n@review("dba:1 & data-owner:1")',
        '@id("prod-export-bulk")\n@review("dba:1")',
      ),
    ],
    told: /Rule "prod-export-bulk" was loosened/,
  },
  {
    what: 'a permit is reworded, and one more case slips through it',
    edits: [
      edit(
        EXPORT,
        'when { context.severity >= 4 };',
        'when { !(context.severity < 5) || context.severity == 4 && !context.flags.contains("volume") };',
      ),
    ],
    told: /Less is demanded of database\.export/,
  },
  {
    what: 'a permit is reworded so that nothing tells the two apart',
    edits: [edit(EXPORT, 'when { context.severity >= 4 };', 'when { context.severity > 3 };')],
    told: /Rule "prod-export-critical" was loosened/,
  },
  {
    what: 'a group gains a member who is another entry of somebody',
    edits: [edit(DIRECTORY, 'data-owner: [carol]', 'data-owner: [carol, olivia-admin]')],
    told: /olivia-admin is in group data-owner now/,
  },
  {
    what: 'an alias makes a person of another group one of the approvers',
    edits: [edit(DIRECTORY, 'email: ben@example.com', 'email: ben@example.com\n    aliases: [paul]')],
    told: /ben and paul are one person now/,
  },
  {
    what: 'an alias is cut, and the barred person is two people',
    edits: [edit(DIRECTORY, '    aliases: [olivia-admin]\n', '')],
    told: /olivia and olivia-admin are two people now/,
  },
  {
    what: 'an agent changes hands, so that its owner may approve',
    edits: [
      edit(
        DIRECTORY,
        'owner: olivia\n    prompters: [olivia, paul]\n    groups: [data-agents]',
        'owner: paul\n    prompters: [paul]\n    groups: [data-agents]',
      ),
    ],
    told: /agents export-bot: owner: olivia → paul/,
  },
  {
    what: 'a prompter is taken off the list',
    base: [
      edit(
        DIRECTORY,
        'prompters: [olivia, paul]\n    groups: [data-agents]',
        'prompters: [olivia, paul, ben]\n    groups: [data-agents]',
      ),
    ],
    edits: [edit(DIRECTORY, 'prompters: [olivia, paul, ben]', 'prompters: [olivia, paul]')],
    told: /ben is not listed as able to prompt export-bot any more/,
  },
  {
    what: 'other people may unfreeze agents',
    edits: [edit(DIRECTORY, 'unfreeze: incident-lead', 'unfreeze: platform')],
    told: /unfreeze: incident-lead → platform/,
  },
  {
    what: 'a target is moved from production to staging',
    edits: [
      edit('targets.yaml', 'name: orders\n    environment: production', 'name: orders\n    environment: staging'),
    ],
    told: /Less is demanded .*of database\.export by export-bot on orders\./,
  },
  {
    what: 'a forbid is narrowed',
    edits: [
      edit(EXPORT, '["personal_data", "no_where", "volume"]', '["personal_data", "no_where", "volume", "select_star"]'),
    ],
    told: /Rule "prod-export-no-bulk-personal-data" was loosened/,
  },
  {
    what: 'a forbid stays, with a condition that never holds',
    edits: [
      edit(
        EXPORT,
        'when { context.flags.containsAll(["personal_data", "no_where", "volume"]) };',
        'when { context.flags.containsAll(["personal_data", "no_where", "volume"]) && context.severity > 4 };',
      ),
    ],
    told: /Rule "prod-export-no-bulk-personal-data" was loosened/,
  },
  {
    what: 'somebody else is asked first',
    base: [edit(DIRECTORY, null, 'onCall:\n  dba:\n    - { kind: pagerduty, schedule: PI7DH85 }\n')],
    edits: [edit(DIRECTORY, 'schedule: PI7DH85', 'schedule: PEVIL66')],
    told: /onCall dba: .*who is asked and paged first/,
  },
  {
    what: 'the freeze after another effect than declared is dropped',
    edits: [edit(EXPORT, '@freeze("effect_mismatch")\n', '')],
    told: /Rule "prod-export" was loosened/,
  },
  {
    what: 'a fresh sign-in is not asked for any more',
    base: [edit(EXPORT, '@review("dba:1")\n@escalate', '@review("dba:1")\n@assurance("web")\n@escalate')],
    edits: [edit(EXPORT, '@assurance("web")\n', '')],
    told: /Rule "prod-export" was loosened/,
  },
  {
    what: 'people have longer to be worn down',
    edits: [edit(EXPORT, '@expire("2h")', '@expire("7d")')],
    told: /Rule "prod-export" was loosened/,
  },
  {
    what: 'the credential lives longer',
    edits: [edit(EXPORT, '@remind("5m")\n@expire("2h")\n@lease("5m")', '@remind("5m")\n@expire("2h")\n@lease("1h")')],
    told: /Rule "prod-export" was loosened/,
  },
  {
    what: 'a longer lease is hidden behind a stricter rule',
    edits: [
      edit(
        EXPORT,
        '@expire("1h")\n@lease("2m")\npermit (\n  principal in AgentGroup::"data-agents",\n  action == Action::"database.export",\n  resource in Environment::"production"\n)\nwhen { context.severity >= 4 };',
        '@expire("1h")\n@lease("1d")\npermit (\n  principal in AgentGroup::"data-agents",\n  action == Action::"database.export",\n  resource in Environment::"production"\n)\nwhen { context.severity >= 4 };',
      ),
    ],
    told: /Rule "prod-export-critical" was loosened/,
  },
  {
    what: 'fewer people get to see it',
    base: [
      edit(DIRECTORY, null, 'places:\n  watch: { slack: C0WATCH }\n'),
      edit(EXPORT, '@review("dba:1")\n@escalate', '@review("dba:1")\n@notify("default, watch")\n@escalate'),
    ],
    edits: [edit(EXPORT, '@notify("default, watch")', '@notify("default")')],
    told: /Rule "prod-export" was loosened/,
  },
  {
    what: 'the place where people are told is another channel',
    base: [edit(DIRECTORY, null, 'places:\n  watch: { slack: C0WATCH }\n')],
    edits: [edit(DIRECTORY, 'slack: C0WATCH', 'slack: C0OTHER')],
    told: /places watch: /,
  },
  {
    what: 'somebody else signs in as an approver',
    edits: [edit(DIRECTORY, 'oidcSubject: ben', 'oidcSubject: mallory')],
    told: /people ben: oidcSubject: ben → mallory/,
  },
  {
    what: 'an agent gets another key',
    edits: [
      edit(DIRECTORY, 'MfXQlNKJzVZnPZqZ/Wq0hHMpW1LLud7W4+4IG2DOH34=', '11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='),
    ],
    told: /agents export-bot: publicKey/,
  },
  {
    what: 'an agent joins a group that may ask for more',
    edits: [edit(DIRECTORY, 'groups: [data-agents]', 'groups: [data-agents, platform-agents]')],
    told: /export-bot may ask for infra\.apply/,
  },
  {
    what: 'places are held by another person for a while',
    edits: [
      edit(
        DIRECTORY,
        null,
        "delegations:\n  - { from: ben, to: gus, begins: '2026-01-01T00:00:00Z', ends: '2026-01-10T00:00:00Z' }\n",
      ),
    ],
    told: /delegations: none → .*"to":"gus"/,
  },
  {
    what: 'a target is another database under the old name',
    edits: [edit('targets.yaml', 'database: orders\n', 'database: payroll\n')],
    told: /targets orders: database: orders → payroll/,
  },
  {
    what: 'a flag that a rule asks for is no longer one of the operation',
    edits: [
      edit(
        'schema.cedarschema',
        '@flags("personal_data, no_where, volume, production, unusual_hour, first_time, select_star")',
        '@flags("personal_data, no_where, volume, production, first_time, select_star")',
      ),
    ],
    told: /The schema says something else/,
  },
  {
    what: 'a forbid about approving is taken away',
    edits: [
      edit(
        'approvals.cedar',
        'when { context.agent.owner == principal || context.agent.prompters.contains(principal) };',
        'when { context.agent.owner == principal };',
      ),
    ],
    told: /Rule "no-self-approval" was/,
  },
];

// The policies are asked hundreds of questions: seconds on a busy machine.
describe('what hides a loosening', { timeout: 60_000 }, () => {
  it.each(attacks)('$what: it counts as one, and is told', async ({ edits, base = [], told }) => {
    const { effect, because } = await comparedWith(edits, base);
    expect(['loosening', 'both']).toContain(effect);
    expect(because.join('\n')).toMatch(told);
  });
});

interface Harmless {
  what: string;
  edits: readonly Edit[];
  base?: readonly Edit[];
  effect: Effect;
  because: RegExp;
}

const harmless: readonly Harmless[] = [
  {
    what: 'a comment',
    edits: [edit(EXPORT, '// Staging holds made-up data.', '// Staging has made-up data only.')],
    effect: 'neutral',
    because: /^$/,
  },
  {
    what: 'another order and other blanks',
    edits: [edit(EXPORT, '@expire("2h")\n@lease("5m")', '@lease( "5m" ) @expire("2h")')],
    effect: 'neutral',
    because: /^$/,
  },
  {
    what: 'a new name, and nothing else',
    edits: [edit(EXPORT, '@id("prod-export")', '@id("production-export")')],
    effect: 'neutral',
    because: /^$/,
  },
  {
    what: 'the display name of a person',
    edits: [edit(DIRECTORY, 'name: Ben Berg', 'name: Benjamin Berg')],
    effect: 'neutral',
    because: /^$/,
  },
  {
    what: 'a larger quorum',
    edits: [edit(EXPORT, '@review("dba:1")\n@escalate', '@review("dba:2")\n@escalate')],
    effect: 'tightening',
    because: /Rule "prod-export" was tightened/,
  },
  {
    what: 'one forbid more',
    edits: [
      edit(
        EXPORT,
        null,
        '\n@id("no-select-star")\nforbid (principal, action == Action::"database.export", resource) when { context.flags.contains("select_star") };\n',
      ),
    ],
    effect: 'tightening',
    because: /Rule "no-select-star" was added/,
  },
  {
    what: 'a forbid that holds more often',
    edits: [edit(EXPORT, '["personal_data", "no_where", "volume"]', '["personal_data", "no_where"]')],
    effect: 'tightening',
    because: /no-bulk-personal-data" was tightened/,
  },
  {
    what: 'one more demand for what waited anyway',
    edits: [
      edit(
        EXPORT,
        null,
        '\n@id("volume-too")\n@review("dba:1 & data-owner:1")\n@expire("1h")\n@lease("2m")\npermit (principal in AgentGroup::"data-agents", action == Action::"database.export", resource in Environment::"production") when { context.flags.contains("volume") };\n',
      ),
    ],
    effect: 'tightening',
    because: /Rule "volume-too" was added/,
  },
  {
    what: 'somebody less in a group',
    edits: [edit(DIRECTORY, 'dba: [ben, carol, olivia-admin]', 'dba: [ben, olivia-admin]')],
    effect: 'tightening',
    because: /carol is not in group dba any more/,
  },
];

describe('what hides nothing', { timeout: 60_000 }, () => {
  it.each(harmless)('$what is $effect', async ({ edits, base = [], effect, because }) => {
    const comparison = await comparedWith(edits, base);
    expect(comparison.because.join('\n')).toMatch(because);
    expect(comparison.effect).toBe(effect);
  });

  it('the same bundle differs from itself in nothing', async () => {
    const same: BundleComparison = await comparedWith([]);
    expect({ ...same, before: null, after: null }).toEqual({
      before: null,
      after: null,
      effect: 'neutral',
      because: [],
      exhaustive: true,
      rules: [],
      parts: [],
      demands: [],
      asking: [],
      approving: [],
    });
  });
});

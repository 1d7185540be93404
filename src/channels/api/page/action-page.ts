import { DIFFERENCE_WORDS } from '../../../core/difference-words.js';
import type { Flag } from '../../../core/schemas/action.js';
import { gravestFirst } from '../../../core/severity.js';
import { describePlan } from '../../../policy/review-plan.js';
import { describeRedactions } from '../../../core/redact.js';
import type { ActionView, DecisionView, LeaseView } from '../../../record/action-view.js';
import type { LogText } from '../../../record/log-text.js';
import { diffBlock, differenceList, lineBlock } from './diff.js';
import { html, type Html } from './html.js';
import { page } from './page.js';

/** An action for people: what, who, why, what may happen, what has happened. Read-only. */
export function actionPage(view: ActionView, log: LogText | null): string {
  const title = view.preview?.summary ?? `${view.request.operation} by ${view.request.agent}`;
  return page(
    title,
    html`<h1>${title}</h1>
      <p>${stateOf(view)} ${waitingFor(view)}</p>
      ${reopened(view)} ${outcome(view)} ${incident(view)} ${facts(view)} ${reason(view)} ${flags(view.flags)}
      ${content(view)} ${previewFacts(view)} ${parameters(view)} ${context(view)} ${logs(view, log)} ${policy(view)}
      ${decisions(view.decisions)} ${refusals(view)} ${leases(view)} ${timeline(view)}
      <p class="small">
        This page only shows. Decide where you were asked, or with <code>countersign approve ${view.actionId}</code>.
      </p>`,
  );
}

function section(title: string, body: Html): Html {
  return html`<section>
    <h2>${title}</h2>
    ${body}
  </section>`;
}

function untrusted(whose: string, text: string): Html {
  return html`<div class="untrusted">
    <p>${whose}: not verified, shown as sent</p>
    <pre>${text}</pre>
  </div>`;
}

function stateOf({ state, outcome: ended }: ActionView): Html {
  const word = ended?.status ?? state;
  const tone = word === 'succeeded' ? 'good' : state === 'done' ? 'bad' : 'warn';
  return html`<span class="state ${tone}">${word}</span>`;
}

function waitingFor({ state, quorum, expiresAtMs }: ActionView): Html | null {
  if (state !== 'waiting' || quorum === null) return null;
  const places = quorum.open.map(({ group, places: count }) => `${String(count)} of ${group}`).join(' and ');
  return html`Waiting for ${places}, until ${time(expiresAtMs)}; then it expires, which means denied.`;
}

function reopened({ reopened: why }: ActionView): Html | null {
  if (why === null) return null;
  const note = html`<p class="bad">Opened again: ${why.message} ${DIFFERENCE_WORDS.decisions}</p>`;
  if (why.difference === null) return note;
  return html`${note} ${section(DIFFERENCE_WORDS.title, differenceList(why.difference))}`;
}

function facts({ actionId, request, target, round, risk }: ActionView): Html {
  return section(
    'What is asked',
    html`<dl>
      <dt>Operation</dt>
      <dd>${request.operation}</dd>
      <dt>Target</dt>
      <dd>${target === null ? 'not yet known' : `${target.name} (${target.environment}, ${target.kind})`}</dd>
      <dt>Asked by agent</dt>
      <dd>${request.agent}</dd>
      <dt>Asked at</dt>
      <dd>${time(request.requestedAtMs)}</dd>
      <dt>Risk</dt>
      <dd class="${risk}">${risk}</dd>
      <dt>Round</dt>
      <dd>${round}</dd>
      ${
        request.tainted === true
          ? html`<dt>Untrusted input</dt>
              <dd>was read by the agent before it asked</dd>`
          : null
      }
      <dt>Action</dt>
      <dd><code>${actionId}</code></dd>
    </dl>`,
  );
}

function reason({ request }: ActionView): Html {
  const link = request.link === undefined ? null : untrusted('Untrusted link to the agent’s run', request.link);
  return section('Why, in the agent’s words', html`${untrusted('The agent’s own words', request.reason)}${link}`);
}

function flags(all: readonly Flag[]): Html | null {
  if (all.length === 0) return null;
  const items = gravestFirst(all).map(
    ({ severity, sentence, code }) =>
      html`<li><strong class="${severity}">${severity}</strong> ${sentence} <span class="small">(${code})</span></li>`,
  );
  return section(
    'Risks found',
    html`<ul>
      ${items}
    </ul>`,
  );
}

/** Whole, never cut: it is what runs. */
function content({ preview, request }: ActionView): Html {
  if (preview === null) return section('Parameters, as asked', lineBlock(JSON.stringify(request.params, null, 2)));
  const { language, text } = preview.content;
  return section(`What would run (${language})`, language === 'diff' ? diffBlock(text) : lineBlock(text));
}

function parameters({ preview, request }: ActionView): Html | null {
  return preview === null ? null : section('Exact parameters', lineBlock(JSON.stringify(request.params, null, 2)));
}

function previewFacts({ preview }: ActionView): Html | null {
  if (preview === null || preview.facts.length === 0) return null;
  const rows = preview.facts.map(
    ({ label, value }) =>
      html`<dt>${label}</dt>
        <dd>${value}</dd>`,
  );
  return section('What it would do', html`<dl>${rows}</dl>`);
}

/** Who else is affected, and what the agent did before. */
function context({ context: known }: ActionView): Html | null {
  if (known === null) return null;
  const owners =
    known.owners.length === 0 ? null : html`<p>Owned by ${known.owners.join(', ')}, who may be affected.</p>`;
  const items = known.recent.map(
    ({ actionId, operation, target, outcome: ended, concludedAtMs }) =>
      html`<li>
        ${time(concludedAtMs)}: ${operation}${target === null ? '' : ` on ${target}`}: <strong>${ended}</strong>
        <span class="small">${actionId}</span>
      </li>`,
  );
  const past =
    items.length === 0
      ? html`<p>No earlier action of this agent has ended.</p>`
      : html`<p>The last actions of this agent:</p>
          <ul>
            ${items}
          </ul>`;
  return section('Who else is affected, and what the agent did before', html`${owners}${past}`);
}

/** Its secrets were replaced before it was kept. */
function logs({ logs: kept }: ActionView, log: LogText | null): Html | null {
  if (log === null) return null;
  const left = describeRedactions(kept?.stored?.redactions ?? []);
  const note = left === null ? null : html`<p class="small">${left}</p>`;
  const body = log.ok ? html`${untrusted('The agent’s own log', log.text)}${note}` : html`<p>${log.because}</p>`;
  return section('The agent’s log', body);
}

function policy({ plan, policy: bundle, barred, escalated }: ActionView): Html | null {
  if (plan === null) return null;
  const escalations = escalated.map(
    ({ group, firedAtMs }) => html`<li>Escalated to ${group} at ${time(firedAtMs)}</li>`,
  );
  const kept = barred.map(({ person, because }) => html`<li>${person} may not decide: ${because}</li>`);
  return section(
    'What policy demands',
    html`<p>${describePlan(plan)}</p>
      <ul>
        ${escalations}${kept}
      </ul>
      <p class="small">
        By ${plan.policies.join(', ')} of bundle ${bundle?.number ?? null} (${bundle?.digest ?? null})
      </p>`,
  );
}

function decisions(all: readonly DecisionView[]): Html | null {
  if (all.length === 0) return null;
  const items = all.map(
    ({ person, decision, reason: why, channel, decidedAtMs, current }) =>
      html`<li>
        <strong class="${decision === 'approve' ? 'good' : 'bad'}"
          >${decision === 'approve' ? 'approved' : 'denied'}</strong
        >
        by ${person} at ${time(decidedAtMs)}, through
        ${channel}${current ? null : ' (no longer counts: the review was opened again)'}
        ${why === '' ? null : html`<pre>${why}</pre>`}
      </li>`,
  );
  return section(
    'Decisions',
    html`<ul>
      ${items}
    </ul>`,
  );
}

function refusals({ refusals: all }: ActionView): Html | null {
  if (all.length === 0) return null;
  const items = all.map(
    ({ who, code, message, atMs }) =>
      html`<li>${time(atMs)}: ${who ?? 'somebody unproven'}: ${message} <span class="small">(${code})</span></li>`,
  );
  return section(
    'Refused attempts',
    html`<ul>
      ${items}
    </ul>`,
  );
}

function outcome({ outcome: ended, receipt }: ActionView): Html | null {
  if (ended === null) return null;
  const results = Object.entries(ended.result ?? {}).map(([name, value]) => {
    return html`<dt>${name}</dt>
      <dd>${typeof value === 'string' ? value : JSON.stringify(value)}</dd>`;
  });
  const digest =
    receipt === null ? null : html`<p class="small">Receipt ${receipt.digest}, ${time(receipt.concludedAtMs)}</p>`;
  return section(
    'Outcome',
    html`<p>${ended.status}: ${ended.message}</p>
      <dl>${results}</dl>
      ${digest}`,
  );
}

function incident({ incidents, freeze }: ActionView): Html | null {
  if (incidents.length === 0) return null;
  const items = incidents.map(
    ({ severity, sentence, code, openedAtMs }) =>
      html`<li>
        <strong class="${severity}">${severity}</strong> ${sentence}
        <span class="small">(${code}, ${time(openedAtMs)})</span>
      </li>`,
  );
  return section(
    'Incident: the effect is not what was declared',
    html`<ul>
        ${items}
      </ul>
      ${freezeOf(freeze)}`,
  );
}

function freezeOf(freeze: ActionView['freeze']): Html | null {
  if (freeze === null) return null;
  const { agent, frozenAtMs, lifted } = freeze;
  if (lifted === null)
    return html`<p class="bad">
      Agent ${agent} is frozen since ${time(frozenAtMs)}. To let it act again:
      <code>countersign unfreeze ${agent}</code>.
    </p>`;
  return html`<p>Agent ${agent} was frozen for it; ${lifted.person} unfroze it at ${time(lifted.atMs)}.</p>
    <pre>${lifted.reason}</pre>`;
}

function leases({ leases: all }: ActionView): Html | null {
  if (all.length === 0) return null;
  return section(
    'Leases, and the proof of their end',
    html`<ul>
      ${all.map(lease)}
    </ul>`,
  );
}

function lease({ purpose, username, leasedAtMs, revokedAtMs, proofs }: LeaseView): Html {
  const end =
    revokedAtMs === null
      ? html`<strong class="warn">its end is not proven yet</strong>`
      : html`<strong class="good">ended</strong>, proven at ${time(revokedAtMs)}`;
  const answers = proofs.map(({ asked, answer }) => html`<li>${asked}: ${answer}</li>`);
  const user = username === null ? null : html`, user <code>${username}</code>`;
  return html`<li>
    For ${purpose}, from ${time(leasedAtMs)}${user}: ${end}
    <ul>
      ${answers}
    </ul>
  </li>`;
}

function timeline({ timeline: entries }: ActionView): Html {
  const items = entries.map(
    ({ kind, atMs, signedBy, digest }) =>
      html`<li>
        ${time(atMs)} <strong>${kind}</strong> <span class="small">signed by ${signedBy}, ${digest.slice(0, 16)}…</span>
      </li>`,
  );
  return section(
    'Timeline',
    html`<ol>
      ${items}
    </ol>`,
  );
}

function time(atMs: number): Html {
  const iso = new Date(atMs).toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')} UTC</time>`;
}

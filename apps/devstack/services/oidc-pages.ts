import type { Configuration } from 'oidc-provider';

export interface Person {
  /** Becomes `sub`. */
  readonly id: string;
  readonly email: string;
  readonly name: string;
}

type DeviceFlow = NonNullable<NonNullable<Configuration['features']>['deviceFlow']>;

/** Where one picks whom to be. Development only: it asks for no password, and says so. */
export function loginPage(interactionId: string, people: readonly Person[]): string {
  const buttons = people.map(
    ({ id, name, email }) =>
      `<li><button name="person" value="${escapeHtml(id)}">${escapeHtml(name)}</button> ${escapeHtml(email)}</li>`,
  );
  return page(
    'Who are you?',
    `<p><strong>Development only.</strong> This page asks for no password: whoever opens it may be anybody.</p>
<form method="post" action="/interaction/${escapeHtml(interactionId)}"><ul>
${buttons.join('\n')}
</ul></form>`,
  );
}

export function errorPage(message: string): string {
  return page('This login cannot go on', `<p>${escapeHtml(message)}</p><p>Begin it again.</p>`);
}

/** The device flow's pages; the provider's own ones load fonts from the internet. */
export const devicePages: Pick<DeviceFlow, 'userCodeInputSource' | 'userCodeConfirmSource' | 'successSource'> = {
  userCodeInputSource: (context, form, _out, error) => {
    const hint = error
      ? '<p>That code is not known, or not any more.</p>'
      : '<p>Enter the code that your terminal shows.</p>';
    context.body = page('Sign a device in', `${hint}${form}<button form="op.deviceInputForm">Continue</button>`);
  },
  userCodeConfirmSource: (context, form, client, _deviceInfo, userCode) => {
    const question = `<p>${escapeHtml(client.clientId)} shows this code: <strong>${escapeHtml(userCode)}</strong>?</p>`;
    const buttons =
      '<button form="op.deviceConfirmForm">Yes, go on</button> <button form="op.deviceConfirmForm" name="abort" value="yes">No</button>';
    context.body = page('Is it you?', `${question}${form}${buttons}`);
  },
  successSource: (context) => {
    context.body = page('Signed in', '<p>You may close this page and go back to your terminal.</p>');
  },
};

function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title} (development)</title>\n<h1>${title}</h1>\n${body}\n</html>\n`;
}

function escapeHtml(untrusted: string): string {
  return untrusted.replace(/[&<>"']/g, (character) => `&#${String(character.charCodeAt(0))};`);
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type Provider from 'oidc-provider';
import { errorPage, loginPage, type Person } from './oidc-pages.js';

/** How one signs in here: by choosing whom to be. */
export const CHOSEN_ACR = 'urn:countersign:dev:chosen';

/** Serves /interaction/…: shows the login page, and takes the person picked there. */
export function createLogin(
  provider: Provider,
  people: readonly Person[],
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    try {
      // Also proves, by its signed cookie, that this browser began the login.
      const { uid, prompt } = await provider.interactionDetails(request, response);
      if (prompt.name !== 'login')
        throw new Error(`The provider asks for "${prompt.name}", for which there is no page.`);
      if (request.method !== 'POST') {
        answer(response, 200, loginPage(uid, people));
        return;
      }
      const personId = new URLSearchParams(await text(request)).get('person');
      const person = people.find(({ id }) => id === personId);
      if (!person) throw new Error(`Nobody here is called ${String(personId)}.`);
      await provider.interactionFinished(
        request,
        response,
        { login: { accountId: person.id, acr: CHOSEN_ACR } },
        { mergeWithLastSubmission: false },
      );
    } catch (error) {
      answer(response, 400, errorPage(error instanceof Error ? error.message : String(error)));
    }
  };
}

function answer(response: ServerResponse, status: number, html: string): void {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'",
  };
  response.writeHead(status, headers);
  response.end(html);
}

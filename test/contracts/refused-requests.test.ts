import { afterAll, beforeAll } from 'vitest';
import { startTestIssuer, type TestIssuer } from '../support/issuer.js';
import { startOffice, type Office } from './channel-office.js';
import { refusedByApi } from './refused/api.js';
import { refusedInSlack } from './refused/slack.js';
import { refusedInTeams } from './refused/teams.js';

// What is turned away at the edge of a whole Countersign, each request differing from an honest one in one thing. After
// each, nothing is on record as decided, no workflow has heard of it, and at the end the honest one counts.

const EVE = '  - { id: eve, name: Eve Ek, email: eve@example.com, oidcSubject: eve }\n';

let issuer: TestIssuer;
let office: Office;

beforeAll(async () => {
  issuer = await startTestIssuer();
  office = await startOffice({
    gateway: {
      COUNTERSIGN_OIDC_ISSUER: issuer.issuer,
      COUNTERSIGN_SLACK_EMAIL_DOMAINS: 'example.com',
      COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1',
    },
    arrange: (directory) => directory.replace('people:\n', `people:\n${EVE}`).replace('dba: [', 'dba: [eve, '),
  });
});
afterAll(async () => {
  await office.close();
  await issuer.stop();
});

refusedInSlack(() => office);
refusedInTeams(() => office);
refusedByApi(
  () => office,
  () => issuer,
);

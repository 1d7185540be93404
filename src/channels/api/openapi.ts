import { createApi } from './api.js';

/** The OpenAPI 3.1 document of the routes, as committed at `docs/openapi.json`. Nothing is connected to. */
export async function buildOpenApi(): Promise<string> {
  const unused = (): never => {
    throw new Error('buildOpenApi: no route is called');
  };
  const app = await createApi({
    policy: unused,
    record: {
      append: unused,
      appendAgentStatement: unused,
      openTwin: unused,
      ofAction: unused,
      ofActions: unused,
      listActions: unused,
      freezesOf: unused,
      newestFreezes: unused,
      alarms: unused,
      effectsWithin: unused,
      debts: unused,
      listIncidents: unused,
      close: unused,
    },
    changes: { subscribe: () => () => undefined },
    endedSessions: { end: unused, hasEnded: unused },
    contents: { get: unused },
    sources: { put: unused },
    intake: { submit: unused, attach: unused },
    decisions: { decide: unused },
    withdrawals: { withdraw: unused },
    freezing: { freeze: unused, list: unused },
    unfreezing: { unfreeze: unused },
    clearing: { list: unused, clear: unused },
    retrospectives: { list: unused, review: unused },
    ledger: { checkpoint: unused, entries: unused, prove: unused, tile: unused },
    ledgerIsPublic: false,
    codec: { payloads: { decode: unused }, namespace: '', uiOrigins: [], audiences: [] },
    budgets: unused,
    siem: unused,
    deliveries: { list: unused, replay: unused },
    workloads: { isOurs: unused, read: unused },
    evidence: unused,
    refusals: { put: unused },
    ready: unused,
    clock: unused,
    log: false,
    trustedProxies: [],
    publicUrl: 'http://127.0.0.1:8480',
    oidc: {
      issuer: 'http://127.0.0.1',
      audience: 'countersign',
      clientId: 'countersign-console',
      tokenTypes: ['at+jwt'],
    },
    sessionKey: undefined,
    assurance: { maxAgeMs: 0, acrValues: [] },
    consoleDir: '',
    artefactsDir: '',
  });
  try {
    await app.ready();
    // JSON has no comments: the description says where the file comes from.
    return `${JSON.stringify(app.swagger(), null, 2)}\n`;
  } finally {
    await app.close();
  }
}

import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, Worker, type ReplayResult } from '@temporalio/worker';
import { describe, expect, it } from 'vitest';
import { credentialsIn, fileNames, NAMES, readHistory, readText } from './histories.js';
import '../support/quiet-workers.js';

const codePath = fileURLToPath(new URL('../../dist/workflow-bundle.js', import.meta.url));
const files = await fileNames();

async function replay(
  fileName: string,
  workflowBundle: { codePath: string } | { code: string },
): Promise<ReplayResult> {
  const history = await readHistory(fileName);
  // The action's id is read from the workflow's own.
  const workflowId = history.events?.[0]?.workflowExecutionStartedEventAttributes?.workflowId ?? '';
  const histories = [{ workflowId, history }];
  for await (const result of Worker.runReplayHistories({ workflowBundle }, histories)) return result;
  throw new Error('nothing was replayed');
}

describe('the saved histories', () => {
  it('are there, of every way that an action can go', () => {
    expect(files.map((file) => file.replace(/^v\d+\.\d+\.\d+-/, ''))).toEqual(
      expect.arrayContaining(NAMES.map((name) => `${name}.json`)),
    );
  });

  it.each(files)('%s is replayed by the shipped workflow', async (fileName) => {
    expect((await replay(fileName, { codePath })).error).toBeUndefined();
  });

  it.each(files)('%s holds no credential, and nothing of the machine it was made on', async (fileName) => {
    const text = await readText(fileName);
    expect(credentialsIn(JSON.parse(text))).toEqual([]);
    expect(text).not.toMatch(/\/home\/|\/root\/|\/work\//);
  });
});

it('a credential is found where a history holds it: in the statement of an envelope in a payload', () => {
  const fold = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');
  const leak = { token: `hvs.${'A'.repeat(24)}` };
  for (const data of [fold(leak), fold({ request: { payload: fold(leak) } })])
    expect(credentialsIn({ payloads: [{ data }] })).toHaveLength(1);
});

describe('a workflow that was changed without a patch', () => {
  it('is found out', async () => {
    const changed = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('./changed-workflows.mjs', import.meta.url)),
      payloadConverterPath: fileURLToPath(new URL('../../dist/workflows/payload-converter.js', import.meta.url)),
      failureConverterPath: fileURLToPath(new URL('../../dist/workflows/failure-converter.js', import.meta.url)),
      logger: new DefaultLogger('ERROR'),
    });
    const approved = files.find((fileName) => fileName.endsWith('-approved.json')) ?? '';
    expect((await replay(approved, changed)).error?.name).toBe('DeterminismViolationError');
  });
});

import { afterAll, describe, expect, it } from 'vitest';
import type { CountersignGateway } from '../../src/client/index.js';
import { expectFit, tabTo, type ConsoleVisitor } from '../support/console.js';

interface AtConsole {
  /** An export that waits for a DBA. */
  ask: () => Promise<string>;
  visit: (name: string, path: string) => Promise<ConsoleVisitor>;
  /** A DBA, signed in. */
  ben: () => ConsoleVisitor;
  agent: () => CountersignGateway;
}

/** The way of a broken glass through the full view, whose policy offers it: see `offerGlass`. */
export function describeGlass({ ask, visit, ben, agent }: AtConsole): void {
  describe('the glass', () => {
    const BURNS = 'The shop is down since 02:10, and no DBA picks up.';
    let actionId: string;
    let erin: ConsoleVisitor;
    afterAll(() => erin.context.close());

    it('is not there for whom policy does not let', async () => {
      actionId = await ask();
      const { page } = ben();
      await page.goto(`/view/${actionId}`);
      await page.getByText('2 of security can break the glass').waitFor();
      expect(await page.getByRole('button', { name: /Break the glass/ }).count()).toBe(0);
    });

    it('is broken by keyboard alone, and neither without what burns nor without the words', async () => {
      erin = await visit('Erin Eze', `/view/${actionId}`);
      const { page } = erin;
      await page.getByRole('button', { name: 'Break the glass…' }).waitFor();
      await tabTo(page, '.break-glass > button');
      await page.keyboard.press('Enter');
      const dialog = page.getByRole('dialog', { name: 'Break the glass?' });
      await dialog.getByText('Once one other person has broken it too, it runs at once').waitFor();
      await expectFit(page);
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'hidden' });
      await page.getByRole('button', { name: 'Break the glass…' }).press('Enter');
      const sure = dialog.getByRole('button', { name: 'Break the glass' });
      expect(await sure.isDisabled()).toBe(true);
      await dialog.getByRole('textbox', { name: /^Type break the glass/ }).fill('Break the glass');
      await sure.press('Enter');
      await page.getByRole('alert').getByText('Say what burns, in at least 20 characters').waitFor();
      expect(await dialog.locator('textarea:focus').count()).toBe(1);
      expect((await agent().get(actionId)).decisions).toEqual([]);
      await page.keyboard.type(BURNS);
      await tabTo(page, 'dialog button.deny');
      await page.keyboard.press('Enter');
      await page.getByText('You broke the glass. It runs once 1 more of security did.').waitFor();
      expect(await page.locator('#decision-title:focus').count()).toBe(1);
      expect(await page.getByRole('button', { name: 'Break the glass…' }).count()).toBe(0);
    });

    it('is in the queue of whoever may break it too; then it runs, and says so', async () => {
      const fay = await visit('Fay Fuchs', '/queue');
      const { page } = fay;
      await page.getByText('erin breaks the glass. You are in security').waitFor();
      await page.getByRole('link', { name: /^Export of 1 table/ }).click();
      await page.getByRole('button', { name: 'Break the glass…' }).click();
      await page.getByText('You are the last who is needed').waitFor();
      await page.getByRole('textbox', { name: 'What burns' }).fill(BURNS);
      await page.getByRole('textbox', { name: /^Type/ }).fill('break the glass');
      await page.getByRole('dialog').getByRole('button', { name: 'Break the glass' }).click();
      await page.getByText('You broke the glass. It is about to run.').waitFor();
      await page.getByRole('heading', { name: 'Outcome: succeeded' }).waitFor();
      await page.getByText('You broke it, so you have no say in it.').waitFor();
      expect(fay.complaints).toEqual([]);
      await fay.context.close();
    });

    it('is reviewed by who did not break it, and is owed until then', async () => {
      const { page } = ben();
      await page.goto('/queue');
      const debts = page.getByRole('list', { name: 'Broken glasses to be reviewed' });
      await debts.getByText('waits for you').waitFor();
      await expectFit(page);
      await debts.getByRole('link').click();
      const banner = page.getByRole('region', { name: 'The glass was broken' });
      await banner.getByText('Review owed by dba').waitFor();
      const record = banner.getByRole('button', { name: 'Put it on record' });
      await record.waitFor();
      expect(await record.isDisabled()).toBe(true);
      await expectFit(page);
      await banner.getByRole('radio', { name: /^Not justified/ }).check();
      await banner.getByRole('textbox', { name: 'What you found' }).fill('I was on call, and nobody rang.');
      await record.click();
      await page.getByRole('heading', { name: 'The glass was broken, and that was not found justified' }).waitFor();
      await page.getByRole('heading', { name: 'Incident: the glass should not have been broken' }).waitFor();
      await page.goto('/queue');
      await debts.waitFor({ state: 'detached' });
    });
  });
}

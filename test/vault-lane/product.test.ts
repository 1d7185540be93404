import { expect, inject, it } from 'vitest';

it("runs on HashiCorp's Vault", () => {
  expect(inject('services').vault.product).toBe('hashicorp-vault');
});

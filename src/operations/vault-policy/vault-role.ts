/** What the child tokens of `vault.policy` may do, as Vault policies; see docs/operations/vault-policy.md. */

/** Policy of the preview's tokens: read the policies that actions may touch. */
export function policyReaderPolicy(patterns: readonly string[], protectedPatterns: readonly string[]): string {
  return policiesFor(patterns, protectedPatterns, ['read']);
}

/** Policy of the execution's tokens: write and delete them too. */
export function policyWriterPolicy(patterns: readonly string[], protectedPatterns: readonly string[]): string {
  return policiesFor(patterns, protectedPatterns, ['create', 'read', 'update', 'delete']);
}

function policiesFor(
  patterns: readonly string[],
  protectedPatterns: readonly string[],
  capabilities: readonly string[],
): string {
  return [
    ...patterns.map((pattern) => block(pattern, capabilities)),
    // The more exact path wins in Vault: these stay out of reach whatever the patterns above say.
    ...[...new Set([...protectedPatterns, 'countersign*'])].map((pattern) => block(pattern, ['deny'])),
  ].join('\n');
}

function block(pattern: string, capabilities: readonly string[]): string {
  return `path "sys/policies/acl/${pattern}" {\n  capabilities = [${capabilities.map((word) => `"${word}"`).join(', ')}]\n}`;
}

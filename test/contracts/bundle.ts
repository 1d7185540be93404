import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { examplePolicies } from '../../apps/devstack/place.js';
import { kindOf, type Target } from '../../src/targets/targets.js';

/** The example's people, and one operation on one target, which one DBA reviews. */
export async function writeSubjectBundle(folder: string, operation: string, target: Target): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const name of ['bundle.yaml', 'directory.yaml', 'approvals.cedar'])
    await copyFile(join(examplePolicies, name), join(folder, name));
  await writeFile(join(folder, 'targets.yaml'), stringify({ targets: [target] }));
  await writeFile(join(folder, 'schema.cedarschema'), schemaOf(operation, kindOf(target).cedarType));
  await writeFile(join(folder, 'operation.cedar'), policiesOf(operation));
}

function schemaOf(operation: string, resource: string): string {
  return `
    entity AgentGroup;
    entity Group;
    entity Environment;
    entity Person in [Group];
    entity Agent in [AgentGroup] { owner: Person, prompters: Set<Person> };
    entity ${resource} in [Environment];
    type Findings = { flags: Set<String>, severity: Long };
    type Approval = { agent: Agent, flags: Set<String>, severity: Long };
    action "request";
    action "approve";
    action "request:${operation}" in ["request"] appliesTo { principal: Agent, resource: ${resource}, context: {} };
    action "${operation}" appliesTo { principal: Agent, resource: ${resource}, context: Findings };
    action "approve:${operation}" in ["approve"] appliesTo { principal: Person, resource: ${resource}, context: Approval };
  `;
}

function policiesOf(operation: string): string {
  return `
@id("may-ask")
permit (principal, action == Action::"request:${operation}", resource);

@id("reviewed")
@review("dba:1")
@expire("1h")
@lease("5m")
permit (principal, action == Action::"${operation}", resource);
`;
}

/** What an ARN of IAM or STS names. */
export interface IamName {
  kind: 'user' | 'group' | 'role' | 'policy';
  /** Unique within its kind and account, whatever its path. */
  name: string;
}

/** A user, group or role: what permissions are attached to. */
export interface PrincipalName {
  kind: 'user' | 'group' | 'role';
  name: string;
}

const RESOURCE = /^(user|group|role|policy)\/(?:[\x21-\x7e]+\/)?([\w+=,.@-]{1,128})$/;
const SESSION = /^assumed-role\/([\w+=,.@-]{1,64})\/[\w+=,.@-]{1,64}$/;

/** Reads the ARN of something in this account; a session of a role counts as the role. Null for anything else. */
export function parseIamArn(
  arn: string,
  { partition, accountId }: { partition: string; accountId: string },
): IamName | null {
  const [prefix, itsPartition, service, region, account, ...rest] = arn.split(':');
  if (prefix !== 'arn' || itsPartition !== partition || region !== '' || account !== accountId) return null;
  const resource = rest.join(':');
  const session = service === 'sts' ? SESSION.exec(resource)?.[1] : undefined;
  if (session !== undefined) return { kind: 'role', name: session };
  const [, kind, name] = (service === 'iam' ? RESOURCE.exec(resource) : null) ?? [];
  return kind === undefined || name === undefined ? null : { kind: kind as IamName['kind'], name };
}

export function isPrincipal(named: IamName | null): named is PrincipalName {
  return named !== null && named.kind !== 'policy';
}

export function samePrincipal(one: PrincipalName, other: PrincipalName): boolean {
  return one.kind === other.kind && one.name === other.name;
}

/** A database that actions may touch, as the installation makes it. */
export interface TargetSpec {
  /** e.g. `orders` */
  name: string;
  environment: string;
  /** Orders in it; each has three lines, and every fourth a new customer. */
  orders: number;
}

/** Everything an installation calls by name. Two installations on the same servers share nothing. */
export interface Names {
  installation: string;
  databaseMount: string;
  transitMount: string;
  approleMount: string;
  policyMount: string;
  recordDatabase: string;
  /** Prefix of the record's four login roles. */
  recordRolePrefix: string;
  process(process: string): string;
  target(target: string): TargetNames;
}

export interface TargetNames {
  database: string;
  /** Login that Vault itself uses there. */
  vaultLogin: string;
  /** Group role that may read the data. */
  reader: string;
  /** Group role that may log in and see who else is, and reads no table. */
  witness: string;
  /** Role that owns the schema and its tables. */
  owner: string;
  /** Role that grants for the owner. */
  granter: string;
  /** Group role that may log in, and reads no table. */
  grantViewer: string;
  previewRole: string;
  executeRole: string;
  witnessRole: string;
  previewTokenRole: string;
  executeTokenRole: string;
  grantPreviewRole: string;
  grantExecuteRole: string;
  grantPreviewTokenRole: string;
  grantExecuteTokenRole: string;
}

/** @param installation prefixes every name: 1 to 20 lower-case letters and digits, beginning with a letter. */
export function namesOf(installation: string): Names {
  if (!/^[a-z][a-z0-9]{0,19}$/.test(installation)) {
    throw new Error(
      `"${installation}" cannot name an installation: use 1 to 20 lower-case letters and digits, a letter first.`,
    );
  }
  return {
    installation,
    databaseMount: `${installation}-database`,
    transitMount: `${installation}-transit`,
    approleMount: `${installation}-approle`,
    policyMount: `${installation}-policy`,
    recordDatabase: `${installation}_record`,
    recordRolePrefix: `${installation}_`,
    process: (process) => `${installation}-${process}`,
    target: (target) => targetNames(installation, target),
  };
}

function targetNames(installation: string, target: string): TargetNames {
  if (!/^[a-z][a-z0-9-]{0,19}$/.test(target)) {
    throw new Error(
      `"${target}" cannot name a target here: use 1 to 20 lower-case letters, digits and "-", a letter first.`,
    );
  }
  // PostgreSQL's unquoted names have no "-".
  const database = `${installation}_${target.replaceAll('-', '_')}`;
  return {
    database,
    vaultLogin: `${database}_vault`,
    reader: `${database}_reader`,
    witness: `${database}_witness`,
    owner: `${database}_owner`,
    granter: `${database}_granter`,
    grantViewer: `${database}_grant_viewer`,
    previewRole: `${target}-preview`,
    executeRole: `${target}-execute`,
    witnessRole: `${target}-witness`,
    previewTokenRole: `${installation}-preview-${target}`,
    executeTokenRole: `${installation}-execute-${target}`,
    grantPreviewRole: `${target}-grant-preview`,
    grantExecuteRole: `${target}-grant-execute`,
    grantPreviewTokenRole: `${installation}-grant-preview-${target}`,
    grantExecuteTokenRole: `${installation}-grant-execute-${target}`,
  };
}

import { z } from 'zod';
import type { Loaded } from '../directory/load-directory.js';
import { kindOf, targetSchema, type Target } from '../targets/targets.js';
import { readYaml, type Problem, type SourceFile, type YamlSource } from '../directory/yaml-source.js';

const targetsFileSchema = z.strictObject({ targets: z.array(targetSchema).min(1).max(1_000) });

type TargetsFile = z.infer<typeof targetsFileSchema>;
type Checked = YamlSource<TargetsFile>;

export interface LoadedTargets {
  targets: Target[];
  /** A problem at the line of a field of one target. */
  problem(index: number, field: readonly PropertyKey[], message: string): Problem;
}

/** Reads `targets.yaml`. Never throws for what the file holds. */
export function loadTargets(source: SourceFile): Loaded<LoadedTargets> {
  const yaml = readYaml(source, targetsFileSchema);
  const file = yaml.value;
  if (file === null) return { ok: false, problems: yaml.problems };
  const problems = [
    ...checkUnique(file, yaml),
    ...file.targets.flatMap((target, index) => checkOne(target, index, yaml)),
    ...checkConflicts(file, yaml),
  ];
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    value: {
      targets: file.targets,
      problem: (index, field, message) => yaml.problem(['targets', index, ...field], message),
    },
  };
}

function checkOne(target: Target, index: number, yaml: Checked): Problem[] {
  const problem = (field: PropertyKey[], message: string): Problem =>
    yaml.problem(['targets', index, ...field], `target "${target.name}"${message}`);
  const problems = kindOf(target)
    .findProblems(target)
    .map(({ field, message }) => problem(field, message.startsWith('"') ? `: ${message}` : ` ${message}`));
  // `from` after `to` means hours across midnight.
  if (target.hours.from === target.hours.to) {
    const message = `: business hours from ${String(target.hours.from)} to ${String(target.hours.to)} hold no hour: write 0 to 24 for all`;
    problems.push(problem(['hours', 'to'], message));
  }
  if (!isTimeZone(target.hours.timeZone)) {
    const message = `: "${target.hours.timeZone}" is not an IANA time zone, e.g. Europe/Berlin`;
    problems.push(problem(['hours', 'timeZone'], message));
  }
  return problems;
}

/** What a kind says of a target beside the others. */
function checkConflicts({ targets }: TargetsFile, yaml: Checked): Problem[] {
  const tokenRoles = targets.flatMap((target) => kindOf(target).tokenRoles(target));
  return targets.flatMap((target, index) =>
    (kindOf(target).findConflicts?.(target, tokenRoles) ?? []).map(({ field, message }) =>
      yaml.problem(['targets', index, ...field], `target "${target.name}" ${message}`),
    ),
  );
}

/** A thing that two targets name could be asked for under the laxer one. */
function checkUnique(file: TargetsFile, yaml: Checked): Problem[] {
  const problems: Problem[] = [];
  const names = new Set<string>();
  const holders = new Map<string, string>();
  for (const [index, target] of file.targets.entries()) {
    const problem = (field: PropertyKey[], message: string): Problem =>
      yaml.problem(['targets', index, ...field], `target "${target.name}" ${message}`);
    if (names.has(target.name)) {
      problems.push(problem(['name'], 'is listed twice: remove one'));
      continue;
    }
    names.add(target.name);
    for (const { field, key } of kindOf(target).exclusives(target)) {
      const holder = holders.get(key);
      if (holder === undefined) holders.set(key, target.name);
      else problems.push(problem(field, `names the ${key} of target "${holder}": each target needs its own`));
    }
  }
  return problems;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

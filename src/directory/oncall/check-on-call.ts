import { z } from 'zod';
import { nameSchema } from '../../core/schemas/primitives.js';
import { suggest } from '../nearest.js';
import type { Problem, YamlSource } from '../yaml-source.js';
import { onCallSources, type OnCallSettings } from './catalog.gen.js';
import type { OnCallSource } from './source.js';

const sourceSchema = z.discriminatedUnion(
  'kind',
  onCallSources.map(({ schema }) => schema) as unknown as [z.core.$ZodTypeDiscriminable],
) as unknown as z.ZodType<OnCallSettings>;

/** `onCall` of `directory.yaml`: for a group, where it stands who is on call; the first source that knows counts. */
export const onCallSchema = z.record(nameSchema, z.array(sourceSchema).min(1).max(5)).default({});

const sources = new Map<string, OnCallSource>(
  onCallSources.map((source) => [source.kind, source as unknown as OnCallSource]),
);

interface File {
  groups: Readonly<Record<string, readonly string[]>>;
  onCall: Readonly<Record<string, readonly OnCallSettings[]>>;
}

/** What is wrong with the on-call sources of a directory file. */
export function checkOnCall({ groups, onCall }: File, yaml: Pick<YamlSource<unknown>, 'problem'>): Problem[] {
  return Object.entries(onCall).flatMap(([group, entries]) => {
    const path = ['onCall', group];
    const members = groups[group];
    if (members === undefined)
      return [
        yaml.problem(path, `onCall names group "${group}"; ${suggest(group, Object.keys(groups), 'the directory')}`),
      ];
    return entries.flatMap((settings, index) =>
      (sources.get(settings.kind)?.findProblems?.(settings, new Set(members)) ?? []).map(({ field, message }) =>
        yaml.problem([...path, index, ...field], message),
      ),
    );
  });
}

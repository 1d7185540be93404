import { Fragment, type ReactNode } from 'react';

/** `a`, `a and b`, `a, b and c`, each emphasised. */
export function Named({ names }: { names: readonly string[] }): ReactNode {
  return names.map((name, index) => (
    <Fragment key={`${index} ${name}`}>
      {index === 0 ? '' : index === names.length - 1 ? ' and ' : ', '}
      <strong>{name}</strong>
    </Fragment>
  ));
}

/** What every channel says of what differs between two rounds: a person who changes the channel reads the same words. */
export const DIFFERENCE_WORDS = {
  title: 'What differs from what was shown before',
  same: 'Nothing that is shown differs; the target itself changed.',
  plan: 'Policy',
  riskAdded: 'New risk',
  riskGone: 'No longer a risk',
  before: 'before',
  now: 'now',
  absent: 'not there',
  decisions: 'Earlier decisions no longer count.',
} as const;

/** Of facts and risks that differ and are not on record as such; empty when there are none. */
export function itemsLeftOut(count: number): string {
  if (count === 0) return '';
  const [facts, they] = count === 1 ? ['fact or risk differs', 'it stands'] : ['facts or risks differ', 'they stand'];
  return `${count.toLocaleString('en-US')} more ${facts}; as ${they} now is shown with the others.`;
}

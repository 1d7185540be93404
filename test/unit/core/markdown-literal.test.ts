import { expect, it } from 'vitest';
import { markdownLiteral } from '../../../src/core/visible-text.js';

it.each([
  ['a link', '[x](https://evil.example)', '` [x](https://evil.example) `'],
  ['an end of the code span', 'a ` b ``` ![x](y)', '```` a ` b ``` ![x](y) ````'],
  ['a paragraph of its own', 'a\n\n# b', '` a⟨U+000A⟩⟨U+000A⟩# b `'],
  ['nothing', '', '`  `'],
])('%s stays text in the Temporal UI', (_name, untrusted, shown) => {
  expect(markdownLiteral(untrusted)).toBe(shown);
});

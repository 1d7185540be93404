import { visibleText } from '../../../core/visible-text.js';

/** Markup that may go out as it is. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

type Content = Html | string | number | null | readonly Content[];

/** A template whose every value is escaped, unless it is Html itself. Null shows nothing. */
export function html(literals: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(literals.map((literal, index) => `${literal}${render(values[index] ?? null)}`).join(''));
}

function render(value: Content): string {
  if (value === null) return '';
  if (value instanceof Html) return value.markup;
  if (typeof value === 'object') return value.map(render).join('');
  return escape(visibleText(String(value)));
}

function escape(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => `&#${String(character.charCodeAt(0))};`);
}

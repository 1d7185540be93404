/**
 * Slack's documented limits on Block Kit (https://docs.slack.dev/reference/block-kit), for what we send.
 * Returns Slack's error code and why, or null. An element we do not know is an error: the fake would not show it.
 */
export function findBlockFault(blocks: unknown, surface: 'message' | 'modal'): { code: string; why: string } | null {
  if (!Array.isArray(blocks) || blocks.length === 0) return invalid('blocks must be a non-empty array');
  if (blocks.length > (surface === 'message' ? 50 : 100)) return invalid('too many blocks');
  for (const [index, block] of blocks.entries()) {
    const why = blockFault(block as Fields, surface);
    if (why !== null) return invalid(`block ${String(index)}: ${why}`);
  }
  if (surface === 'modal') return null;
  // Undocumented; see github.com/slackapi/bolt-js issues 2509 and 2867: refused between 11,341 and 13,297 characters.
  if (JSON.stringify(blocks).length > 11_000)
    return { code: 'msg_blocks_too_long', why: 'the blocks are too long together' };
  return null;
}

/** The same for a modal of `views.open`. */
export function findViewFault(view: Fields): { code: string; why: string } | null {
  const wrong =
    view['type'] !== 'modal'
      ? 'type'
      : (plainFault(view['title'], 24) ??
        (view['submit'] === undefined ? submitFault(view['blocks']) : plainFault(view['submit'], 24)) ??
        plainFault(view['close'], 24) ??
        // https://docs.slack.dev/reference/methods/views.open: view_too_large
        (JSON.stringify(view).length > 250_000 ? 'too large' : null) ??
        lengthFault(view['private_metadata'], 0, 3_000) ??
        lengthFault(view['callback_id'], 1, 255));
  return wrong === null ? findBlockFault(view['blocks'], 'modal') : invalid(`view: ${wrong}`);
}

/** A modal with inputs needs a button to submit them. */
function submitFault(blocks: unknown): string | null {
  const hasInput = (blocks as Fields[]).some(({ type }) => type === 'input');
  return hasInput ? 'submit is missing' : null;
}

export type Fields = Record<string, unknown>;

function invalid(why: string): { code: string; why: string } {
  return { code: 'invalid_blocks', why };
}

function blockFault(block: Fields, surface: 'message' | 'modal'): string | null {
  switch (block['type']) {
    case 'divider':
      return null;
    case 'header':
      return plainFault(block['text'], 150);
    case 'section':
      return textFault(block['text'], 3_000);
    case 'context':
      return listFault(block['elements'], 10, (element) => textFault(element, 3_000));
    case 'rich_text':
      return listFault(block['elements'], 1_000, richPartFault);
    case 'actions':
      return sameActionId(block['elements']) ?? listFault(block['elements'], 25, buttonFault);
    case 'input':
      return surface === 'message' ? 'input in a message' : inputFault(block);
    default:
      return `unknown type ${String(block['type'])}`;
  }
}

function richPartFault(part: Fields): string | null {
  switch (part['type']) {
    case 'rich_text_section':
    case 'rich_text_quote':
      return listFault(part['elements'], 10_000, inlineFault);
    case 'rich_text_preformatted':
      return listFault(part['elements'], 10_000, (inline) =>
        inline['type'] === 'text' || inline['type'] === 'link'
          ? inlineFault(inline)
          : 'only text and links are preformatted',
      );
    case 'rich_text_list':
      return part['style'] === 'bullet' || part['style'] === 'ordered'
        ? listFault(part['elements'], 1_000, richPartFault)
        : 'list style';
    default:
      return `unknown rich text ${String(part['type'])}`;
  }
}

function inlineFault(inline: Fields): string | null {
  switch (inline['type']) {
    case 'text':
      return lengthFault(inline['text'], 1, 3_000);
    case 'link':
      return lengthFault(inline['url'], 1, 3_000) ?? (/^https?:\/\//.test(String(inline['url'])) ? null : 'link url');
    case 'emoji':
      return lengthFault(inline['name'], 1, 100);
    case 'date':
      return Number.isInteger(inline['timestamp']) && typeof inline['format'] === 'string' ? null : 'date';
    default:
      return `unknown inline ${String(inline['type'])}`;
  }
}

function buttonFault(button: Fields): string | null {
  if (button['type'] !== 'button') return 'not a button';
  if (![undefined, 'primary', 'danger'].includes(button['style'] as string | undefined)) return 'button style';
  const own =
    plainFault(button['text'], 75) ??
    lengthFault(button['action_id'], 1, 255) ??
    lengthFault(button['value'] ?? '', 0, 2_000) ??
    lengthFault(button['url'] ?? '', 0, 3_000);
  if (own !== null || button['confirm'] === undefined) return own;
  const { title, text, confirm, deny } = button['confirm'] as Fields;
  return plainFault(title, 100) ?? plainFault(text, 300) ?? plainFault(confirm, 30) ?? plainFault(deny, 30);
}

function inputFault(block: Fields): string | null {
  const element = block['element'] as Fields;
  if (element['type'] !== 'plain_text_input') return 'unknown input';
  const most = element['max_length'];
  return (
    plainFault(block['label'], 2_000) ??
    (block['hint'] === undefined ? null : plainFault(block['hint'], 2_000)) ??
    (typeof most === 'number' && most <= 3_000 ? null : 'max_length')
  );
}

function sameActionId(elements: unknown): string | null {
  const ids = (elements as Fields[]).map((element) => element['action_id']);
  return new Set(ids).size === ids.length ? null : 'action_id twice in one block';
}

function textFault(text: unknown, most: number): string | null {
  const { type } = text as Fields;
  return type === 'plain_text' || type === 'mrkdwn' ? lengthFault((text as Fields)['text'], 1, most) : 'text type';
}

function plainFault(text: unknown, most: number): string | null {
  return (text as Fields | undefined)?.['type'] === 'plain_text'
    ? lengthFault((text as Fields)['text'], 1, most)
    : 'must be plain_text';
}

function lengthFault(value: unknown, least: number, most: number): string | null {
  if (typeof value !== 'string') return 'not a string';
  return value.length >= least && value.length <= most
    ? null
    : `${String(value.length)} characters, not ${String(least)} to ${String(most)}`;
}

function listFault(list: unknown, most: number, check: (element: Fields) => string | null): string | null {
  if (!Array.isArray(list) || list.length === 0 || list.length > most) return 'number of elements';
  for (const element of list) {
    const why = check(element as Fields);
    if (why !== null) return why;
  }
  return null;
}

import { visibleText } from '../../../core/visible-text.js';

/** Shown where a browser was sent and something went wrong: no script, no style, no link but to our own start. */
export function noticePage({ title, detail }: { title: string; detail: string }): {
  page: string;
  contentSecurityPolicy: string;
} {
  const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="robots" content="noindex" />
    <title>${escape(title)} · Countersign</title>
  </head>
  <body>
    <main>
      <h1>${escape(title)}</h1>
      <p>${escape(detail)}</p>
      <p><a href="/sign-in">Sign in</a></p>
    </main>
  </body>
</html>
`;
  return {
    page,
    contentSecurityPolicy: "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  };
}

function escape(text: string): string {
  return visibleText(text).replace(/[&<>"'`]/g, (character) => `&#${String(character.charCodeAt(0))};`);
}

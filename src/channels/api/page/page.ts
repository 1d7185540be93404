import type { Problem } from '../problems.js';
import { html, type Html } from './html.js';

/** A whole page: no script, one style sheet of our own. */
export function page(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${title} · Countersign</title>
        <link rel="stylesheet" href="/style.css" />
      </head>
      <body>
        ${body}
      </body>
    </html> `.markup;
}

export function problemPage({ title, detail }: Problem): string {
  return page(
    title,
    html`<h1>${title}</h1>
      <p>${detail}</p>`,
  );
}

/** The pages' one style sheet: readable on a phone, in light and dark. */
export const styleSheet = `
:root { color-scheme: light dark; --line: #8886; --soft: #8881; --bad: #b3261e; --good: #1a7f37; --warn: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #57d977; --warn: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; margin: 0 0 .5rem; }
h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); border: 1px solid var(--line); border-radius: .3rem; padding: .7rem; margin: 0; font: .9rem/1.45 ui-monospace, monospace; }
dl { display: grid; grid-template-columns: minmax(7rem, 13rem) 1fr; gap: .2rem 1rem; margin: 0; }
dt { opacity: .75; } dd { margin: 0; white-space: pre-line; }
ul, ol { margin: 0; padding-left: 1.2rem; }
section > :is(ul, dl, pre) + * { margin-top: .6rem; }
.state { display: inline-block; padding: 0 .5rem; border: 1px solid currentcolor; border-radius: 1rem; font-size: .9rem; }
.good { color: var(--good); } .bad, .critical, .high { color: var(--bad); } .warn, .medium { color: var(--warn); }
.untrusted { border-left: .3rem solid var(--warn); padding-left: .7rem; }
.untrusted > p:first-child { font-size: .85rem; color: var(--warn); margin: 0 0 .3rem; }
.small { font-size: .85rem; opacity: .8; }
time { white-space: nowrap; }
.lines { counter-reset: line; padding-left: .2rem; }
.line { display: block; position: relative; padding-left: 3.4em; counter-increment: line; }
.line::before { content: counter(line); position: absolute; left: 0; width: 2.7em; text-align: right; opacity: .45; }
.added, ins { color: var(--good); } .removed, del { color: var(--bad); } ins, del { text-decoration: none; }
.line.added { background: color-mix(in srgb, var(--good) 10%, transparent); }
.line.removed { background: color-mix(in srgb, var(--bad) 10%, transparent); }
.line.heading { font-weight: 600; }
dd > del, dd > ins { display: block; }
@media (max-width: 32rem) { dl { grid-template-columns: 5.5rem 1fr; gap: .3rem .75rem; } pre { font-size: .8rem; } }
`;

/** Of the report's page. Colours keep their contrast in light and dark, and on paper. */
export const PAGE_STYLE = `
:root { --text: #1b1f24; --quiet: #57606a; --ground: #fff; --raised: #f6f8fa; --line: #d0d7de; --good: #1a7f4b; --plain: #2f6fb5; --warn: #9a6700; --bad: #cf222e; --glass: #8250df; }
@media screen and (prefers-color-scheme: dark) { :root { --text: #e6edf3; --quiet: #9da7b1; --ground: #0d1117; --raised: #161b22; --line: #30363d; --good: #3fb371; --plain: #58a6ff; --warn: #d29922; --bad: #ff6b63; --glass: #bc8cff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 80rem; padding: 1.5rem; font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--ground); }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
.quiet { color: var(--quiet); }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
.tiles { list-style: none; padding: 0; margin: 1rem 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(7.6rem, 1fr)); gap: .75rem; }
.tiles li { background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; color: var(--quiet); font-size: .85rem; }
.tiles strong { display: block; font-size: 1.2rem; color: var(--text); white-space: nowrap; }
.tiles .alert { border-color: var(--bad); }
.tiles .alert strong, .bad { color: var(--bad); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; background: var(--raised); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
figcaption { font-weight: 600; margin-bottom: .5rem; }
.legend { display: block; font-weight: 400; font-size: .8rem; color: var(--quiet); }
.key { display: inline-block; width: .7rem; height: .7rem; margin: 0 .3rem 0 .6rem; border-radius: 2px; background: var(--plain); }
.legend .key:first-child { margin-left: 0; }
.key.good { background: var(--good); } .key.warn { background: var(--warn); } .key.bad { background: var(--bad); } .key.glass { background: var(--glass); }
svg { width: 100%; height: auto; } svg text { font-size: 15px; fill: var(--quiet); }
svg .grid { stroke: var(--line); } rect.plain { fill: var(--plain); } rect.good { fill: var(--good); } rect.warn { fill: var(--warn); } rect.bad { fill: var(--bad); } rect.glass { fill: var(--glass); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
td code { overflow-wrap: anywhere; min-width: 8rem; display: inline-block; }
th { background: var(--raised); }
@page { margin: 12mm; size: A4 landscape; }
@media print { body { max-width: none; padding: 0; font-size: 10px; } .scroll { overflow: visible; } tr, figure, .tiles li { break-inside: avoid; } thead { display: table-header-group; } * { print-color-adjust: exact; } .charts { grid-template-columns: 1fr 1fr; } .tiles { grid-template-columns: repeat(9, 1fr); gap: .4rem; } .tiles li, .legend { font-size: .7rem; } th, td { min-width: 0; padding: .25rem .35rem; } }
`;

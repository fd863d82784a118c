/**
 * A run as one page that needs nothing else: the data as JSON in it, and a script that draws them.
 */
import { type Fault, isLasting, startMillis } from "../../core/simulation/FaultPlan.ts"
import type { TraceLine } from "../../testing/stellar/Simulation.ts"
import type { Finished, RunOptions } from "./Experiment.ts"
import { pageScript } from "./pageScript.ts"
import { documentOf } from "./report.ts"

/** What a page shows. */
export interface PageContent {
  /** The command that makes the same run again. */
  readonly command: string
  readonly options: RunOptions
  readonly outcome: Finished
  /** The lines to be shown, in order of time; they need not be all. */
  readonly lines: ReadonlyArray<TraceLine>
}

const MICROS_PER_MILLI = 1000

/** The text of the page (HTML). It fetches nothing, and its policy forbids it to. */
export const pageOf = ({ command, lines, options, outcome }: PageContent): string => {
  const { plan, topology } = options
  const texts = new Map<string, number>()
  // Hashes and addresses come again and again.
  const placeOf = (text: string): number => {
    const place = texts.get(text) ?? texts.size
    texts.set(text, place)
    return place
  }
  const events = lines.map(({ atMicros, detail, node, what }) => [atMicros, node ?? -1, placeOf(what), placeOf(detail)])
  const data = {
    command,
    report: documentOf(outcome, topology.nodes),
    dials: topology.dials.map(({ called, caller }) => [caller, called]),
    faults: plan.faults.map(faultOf),
    texts: [...texts.keys()],
    events
  }
  // No text in it can end the element that it stands in.
  const json = JSON.stringify(data).replaceAll("<", "\\u003c")
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Simulation of seed ${outcome.result.seed}</title>
<style>${style}</style>
</head>
<body>
<header>
<h1 id="title"></h1>
<p><code id="command"></code></p>
<dl id="figures"></dl>
</header>
<section id="violations" hidden><h2>What must not be</h2><ol></ol></section>
<section>
<h2>Space and time</h2>
<p class="legend" id="legend"></p>
<p class="tools">
<button id="all">Whole run</button> <button id="first">First violation</button> <button id="in">+</button> <button id="out">−</button>
<span id="span"></span>
</p>
<div class="diagram"><canvas id="diagram"></canvas><div id="tip" hidden></div></div>
<p class="hint">Turn the wheel to zoom, drag to move, click a message to follow it through the network. Shown are <span id="shown"></span>.</p>
</section>
<div class="columns">
<section><h2>Topology</h2><svg id="topology" viewBox="-110 -110 220 220" role="img" aria-label="Who calls whom"></svg></section>
<section><h2>Faults</h2><div class="scroll"><table id="faults"></table></div></section>
</div>
<section>
<h2>Trace</h2>
<p class="tools"><input id="filter" placeholder="Only lines with this text" size="40"> <span id="listed"></span></p>
<div class="scroll"><table id="trace"></table></div>
</section>
<script type="application/json" id="data">${json}</script>
<script>${pageScript}</script>
</body>
</html>
`
}

/** A fault as the page draws it: when, which nodes it is about (none: all), and the rest of it for a person. */
const faultOf = (fault: Fault) => ({
  kind: fault.kind,
  from: startMillis(fault) * MICROS_PER_MILLI,
  to: (isLasting(fault) ? fault.toMillis : fault.atMillis) * MICROS_PER_MILLI,
  nodes: nodesOf(fault),
  text: JSON.stringify(fault)
})

const nodesOf = (fault: Fault): ReadonlyArray<number> => {
  if ("node" in fault) return [fault.node]
  if ("source" in fault) return [fault.source, fault.target]
  if ("host" in fault) return [fault.host]
  if ("where" in fault) return "host" in fault.where ? [fault.where.host] : [fault.where.source, fault.where.target]
  return []
}

const style = `
:root { color-scheme: light dark; --text: #1c2430; --soft: #667085; --line: #d5dae1; --ground: #ffffff; --raised: #f5f7f9;
  --says: #0b62c4; --hears: #6f9bd1; --good: #17803d; --bad: #c8102e; --node: #8a4fbf; --way: #d97706; --disk: #0e8a8a; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ee; --soft: #98a2b3; --line: #333b47; --ground: #14181e;
  --raised: #1c2229; --says: #6db1ff; --hears: #4a6f9c; --good: #52c27a; --bad: #ff6b7d; --node: #c196f0; --way: #f0a03c; --disk: #45c2c2; } }
* { box-sizing: border-box }
body { font: 14px/1.45 system-ui, sans-serif; color: var(--text); background: var(--ground); margin: 0 auto; max-width: 1400px; padding: 16px 24px 48px }
h1 { font-size: 22px; margin: 8px 0 } h2 { font-size: 16px; margin: 24px 0 6px }
code, table, #tip { font-family: ui-monospace, monospace; font-size: 12px }
code { color: var(--soft); overflow-wrap: anywhere }
dl { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 12px 0 } dt { color: var(--soft); font-size: 12px } dd { margin: 0; font-variant-numeric: tabular-nums }
#violations ol { margin: 0; padding: 4px 12px 4px 40px; max-height: 150px; overflow: auto; border: 1px solid var(--line); border-radius: 4px } #violations li { margin: 2px 0; overflow-wrap: anywhere } #violations li:first-child { color: var(--bad); font-weight: 600 }
.legend span { margin-right: 16px; white-space: nowrap } .legend i { display: inline-block; width: 10px; height: 10px; border-radius: 50%; margin-right: 5px }
.legend i.band { border-radius: 2px; opacity: .55 }
.tools, .legend, .hint { margin: 6px 0 } .hint, #span, #listed { color: var(--soft); font-size: 12px }
button, input { font: inherit; font-size: 13px; padding: 2px 10px; border: 1px solid var(--line); border-radius: 4px; background: var(--raised); color: inherit }
.diagram { position: relative; border: 1px solid var(--line); border-radius: 4px } canvas { display: block; width: 100%; cursor: crosshair; touch-action: none }
#tip { position: absolute; pointer-events: none; background: var(--raised); border: 1px solid var(--line); border-radius: 4px; padding: 3px 8px; max-width: 420px; overflow-wrap: anywhere; z-index: 1 }
.columns { display: grid; grid-template-columns: minmax(280px, 1fr) 2fr; gap: 32px } #topology { width: 100%; max-height: 420px }
.scroll { max-height: 400px; overflow: auto; border: 1px solid var(--line); border-radius: 4px }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: 2px 10px; vertical-align: top; white-space: nowrap } td:last-child { white-space: normal; overflow-wrap: anywhere; width: 100% }
th { position: sticky; top: 0; background: var(--raised); font-weight: 600 } td.number { text-align: right } tr.violation { color: var(--bad) } tr[tabindex] { cursor: pointer } tr[tabindex]:hover { background: var(--raised) }
@media (max-width: 800px) { .columns { grid-template-columns: 1fr } }
`

/**
 * The script of the page, as text: it runs in a browser, and is plain JavaScript without anything from elsewhere.
 *
 * All that comes from the run is put in as text, never as markup.
 */

/** Draws the data of the page. */
export const pageScript = String.raw`
"use strict"
const data = JSON.parse(document.getElementById("data").textContent)
const { report, texts, faults, dials } = data
const events = data.events.map(([at, node, what, detail]) => ({ at, node, what: texts[what], detail: texts[detail] }))
const byId = (id) => document.getElementById(id)
const element = (name, text, className) => {
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (className !== undefined) made.className = className
  return made
}
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name)
const seconds = (micros, digits = 3) => (micros / 1e6).toFixed(digits) + " s"
const nodeName = (node) => node === null || node < 0 ? "network" : "node " + node
const end = report.simulatedSeconds * 1e6
const violation = report.violations[0]
const hostile = new Set(faults.filter(({ kind }) => kind === "hostile").map(({ nodes }) => nodes[0]))
const faultColor = (kind) =>
  ["crash", "stop", "hostile", "lost", "survey"].includes(kind) ? "node" : ["slowDisk", "fullDisk", "failingDisk"].includes(kind) ? "disk" : "way"

// What it is, and its figures
byId("title").textContent = "Seed " + report.seed + ": " +
  (violation === undefined ? "all is well" : report.violations.length + (report.violations.length === 1 ? " violation" : " violations"))
byId("command").textContent = data.command
const millis = (value) => value === null ? "-" : value + " ms"
for (const [name, value] of [
  ["nodes", report.nodes], ["simulated", report.simulatedSeconds + " s"], ["CPU", report.cpuSeconds.toFixed(2) + " s"],
  ["said", report.originated], ["delivered", report.deliveries], ["again", report.duplicates],
  ["statements p50, p99", millis(report.latencyMillis.scp.p50) + ", " + millis(report.latencyMillis.scp.p99)],
  ["transactions p50, p99", millis(report.latencyMillis.tx.p50) + ", " + millis(report.latencyMillis.tx.p99)],
  ["bytes a node", report.bytesPerNode], ["faults", faults.length], ["trace", report.traceHash], ["plan", report.planHash.slice(0, 16)]
]) {
  const pair = element("div")
  pair.append(element("dt", name), element("dd", String(value)))
  byId("figures").append(pair)
}
if (violation !== undefined) {
  byId("violations").hidden = false
  for (const { detail, node, property, seconds: at } of report.violations) {
    byId("violations").querySelector("ol").append(element("li", at + " s, " + nodeName(node) + ": " + property + " (" + detail + ")"))
  }
}
for (const [name, text, kind] of [
  ["says", "says"], ["hears", "hears for the first time"], ["good", "peer joined"], ["way", "peer left or refused"], ["bad", "violation"],
  ["node", "node down or hostile", "band"], ["way", "network fault", "band"], ["disk", "disk fault", "band"]
]) {
  const item = element("span")
  const mark = element("i", undefined, kind)
  mark.style.background = "var(--" + name + ")"
  item.append(mark, text)
  byId("legend").append(item)
}
const firstAt = events.length === 0 ? 0 : events[0].at
const lastAt = events.length === 0 ? end : events[events.length - 1].at
byId("shown").textContent = events.length + " lines of the trace, from " + seconds(firstAt) + " to " + seconds(lastAt)

// Space and time: a lane for each node, time from left to right
const canvas = byId("diagram")
const pen = canvas.getContext("2d")
const LEFT = 64, TOP = 24
const lane = Math.max(3, Math.min(26, Math.floor(640 / report.nodes)))
const height = TOP + lane * report.nodes + 8
// Each flood line is a stroke: with more of them one sees only a grey area, late.
const MOST_FLOOD_LINES = 4000
const whole = [0, Math.max(end, lastAt)]
let view = whole
let chosen
let pointed
const said = new Map()
for (const event of events) if (event.what === "says" && !said.has(event.detail)) said.set(event.detail, event)
const heard = new Set()
for (const event of events) {
  const key = event.node + " " + event.detail
  event.isFirst = event.what === "hears" && !heard.has(key)
  if (event.isFirst) heard.add(key)
}
const laneY = (node) => TOP + lane * node + lane / 2
let width = 0
const x = (at) => LEFT + (at - view[0]) / (view[1] - view[0]) * (width - LEFT - 8)
const timeAt = (place) => view[0] + (place - LEFT) / (width - LEFT - 8) * (view[1] - view[0])
const firstFrom = (at) => {
  let low = 0, high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (events[middle].at < at) low = middle + 1
    else high = middle
  }
  return low
}
const visible = () => events.slice(firstFrom(view[0]), firstFrom(view[1] + 1))

const draw = () => {
  const scale = window.devicePixelRatio || 1
  width = canvas.clientWidth
  canvas.width = width * scale
  canvas.height = height * scale
  canvas.style.height = height + "px"
  pen.setTransform(scale, 0, 0, scale, 0, 0)
  pen.clearRect(0, 0, width, height)
  pen.font = "11px system-ui, sans-serif"
  pen.textBaseline = "middle"

  pen.strokeStyle = pen.fillStyle = color("line")
  pen.lineWidth = 1
  for (let node = 0; node < report.nodes; node++) {
    pen.fillRect(LEFT, Math.round(laneY(node)), width - LEFT - 8, 1)
    if (lane >= 12 || node % Math.ceil(12 / lane) === 0) {
      pen.fillStyle = color(violation !== undefined && violation.node === node ? "bad" : hostile.has(node) ? "node" : "soft")
      pen.textAlign = "right"
      pen.fillText(nodeName(node), LEFT - 8, laneY(node))
      pen.fillStyle = color("line")
    }
  }
  const step = 10 ** Math.ceil(Math.log10((view[1] - view[0]) / 20))
  const tick = (view[1] - view[0]) / step > 14 ? step * 2 : step
  pen.textAlign = "center"
  for (let at = Math.ceil(view[0] / tick) * tick; at <= view[1]; at += tick) {
    pen.fillStyle = color("line")
    pen.fillRect(Math.round(x(at)), TOP - 4, 1, height - TOP)
    pen.fillStyle = color("soft")
    pen.textAlign = x(at) > width - 40 ? "right" : "center"
    pen.fillText(seconds(at, tick >= 1e6 ? 0 : tick >= 1e3 ? 3 : 6), x(at), TOP / 2)
  }

  pen.save()
  pen.beginPath()
  pen.rect(LEFT, TOP - 6, width - LEFT - 8, height)
  pen.clip()
  for (const { from, kind, nodes, to } of faults) {
    if (to < view[0] || from > view[1]) continue
    pen.fillStyle = pen.strokeStyle = color(faultColor(kind))
    const [start, stop] = [x(from), Math.max(x(from) + 2, x(to))]
    pen.globalAlpha = nodes.length === 0 ? 0.08 : 0.22
    if (nodes.length === 0) pen.fillRect(start, TOP - 4, stop - start, height - TOP)
    for (const node of nodes) pen.fillRect(start, TOP + lane * node + 1, stop - start, Math.max(1, lane - 2))
    pen.globalAlpha = 0.6
    if (nodes.length > 1) pen.fillRect(start, laneY(Math.min(...nodes)), 1, Math.abs(laneY(nodes[0]) - laneY(nodes[1])))
    pen.globalAlpha = 0.9
    if (nodes.length > 0 && lane >= 12 && stop - start > 60) {
      pen.textAlign = "left"
      pen.fillText(kind, Math.max(start, LEFT) + 4, laneY(nodes[0]))
    }
  }
  pen.globalAlpha = 1

  const shown = visible()
  const floods = shown.filter(({ isFirst, detail }) => isFirst && said.has(detail))
  const line = (from, to) => {
    pen.beginPath()
    pen.moveTo(x(from.at), laneY(from.node))
    pen.lineTo(x(to.at), laneY(to.node))
    pen.stroke()
  }
  pen.strokeStyle = color("hears")
  pen.globalAlpha = chosen === undefined ? 0.35 : 0.12
  if (floods.length <= MOST_FLOOD_LINES) for (const event of floods) line(said.get(event.detail), event)
  pen.globalAlpha = 1
  if (chosen !== undefined && said.has(chosen)) {
    pen.strokeStyle = color("says")
    pen.lineWidth = 1.5
    for (const event of events) if (event.isFirst && event.detail === chosen) line(said.get(chosen), event)
  }
  const size = Math.max(1.5, Math.min(4, lane / 5))
  for (const { at, detail, isFirst, node, what } of shown) {
    if (node < 0 || what === "hears" && !isFirst) continue
    const kind = what === "says" ? "says" : what === "hears" ? "hears" : what === "joined" ? "good" : what === "violation" ? "bad" : "way"
    pen.fillStyle = color(detail === chosen ? "says" : kind)
    const radius = what === "says" ? size : what === "violation" ? size + 2 : size * 0.7
    if (what === "says" || what === "hears" || what === "violation") {
      pen.beginPath()
      pen.arc(x(at), laneY(node), radius, 0, 7)
      pen.fill()
    } else pen.fillRect(x(at) - 1, laneY(node) - radius * 1.5, 2, radius * 3)
  }
  pen.strokeStyle = pen.fillStyle = color("bad")
  if (violation !== undefined) pen.fillRect(Math.round(x(violation.seconds * 1e6)), TOP - 6, 1.5, height)
  if (pointed !== undefined) {
    pen.strokeStyle = color("text")
    pen.lineWidth = 1
    pen.beginPath()
    pen.arc(x(pointed.at), laneY(pointed.node), size + 4, 0, 7)
    pen.stroke()
  }
  pen.restore()
  byId("span").textContent = seconds(view[0]) + " to " + seconds(view[1]) +
    (floods.length > MOST_FLOOD_LINES ? "; zoom in to see the ways of the messages" : "")
  listTrace(shown)
}

// The lines of what is in view
const MOST_ROWS = 500
const row = (cells, className) => {
  const made = element("tr", undefined, className)
  cells.forEach((cell, place) => made.append(element("td", cell, place === 0 ? "number" : undefined)))
  return made
}
const head = (...names) => {
  const made = element("tr")
  for (const name of names) made.append(element("th", name))
  return made
}
const listTrace = (shown) => {
  const wanted = byId("filter").value
  const lines = shown.filter(({ detail, node, what }) =>
    wanted === "" || (nodeName(node) + " " + what + " " + detail).includes(wanted))
  byId("listed").textContent = lines.length > MOST_ROWS
    ? "the first " + MOST_ROWS + " of " + lines.length + " lines in view"
    : lines.length + " lines in view"
  byId("trace").replaceChildren(
    head("time", "where", "what", "detail"),
    ...lines.slice(0, MOST_ROWS).map((event) => {
      const made = row([seconds(event.at, 6), nodeName(event.node), event.what, event.detail], event.what === "violation" ? "violation" : undefined)
      made.tabIndex = 0
      made.onclick = () => {
        chosen = event.detail
        draw()
      }
      return made
    })
  )
}
byId("filter").oninput = () => draw()

// Moving about
const LEAST_MICROS = 1000
const show = (from, to) => {
  const length = Math.min(whole[1] - whole[0], Math.max(LEAST_MICROS, to - from))
  const start = Math.min(Math.max(from, whole[0]), whole[1] - length)
  view = [start, start + length]
  draw()
}
const zoom = (factor, about) => show(about - (about - view[0]) * factor, about + (view[1] - about) * factor)
canvas.addEventListener("wheel", (event) => {
  event.preventDefault()
  zoom(event.deltaY > 0 ? 1.25 : 0.8, timeAt(event.offsetX))
}, { passive: false })
let grip
const nearest = ({ offsetX, offsetY }) => {
  let best, least = 12 ** 2
  for (const event of visible()) {
    if (event.node < 0 || event.what === "hears" && !event.isFirst) continue
    const distance = (x(event.at) - offsetX) ** 2 + (laneY(event.node) - offsetY) ** 2
    if (distance < least) [best, least] = [event, distance]
  }
  return best
}
canvas.onpointerdown = (event) => {
  grip = { x: event.offsetX, view, moved: false }
  canvas.setPointerCapture(event.pointerId)
}
canvas.onpointermove = (event) => {
  if (grip !== undefined) {
    const shift = (grip.x - event.offsetX) / (width - LEFT - 8) * (grip.view[1] - grip.view[0])
    grip.moved ||= Math.abs(grip.x - event.offsetX) > 3
    if (grip.moved) show(grip.view[0] + shift, grip.view[1] + shift)
    return
  }
  const found = nearest(event)
  const tip = byId("tip")
  tip.hidden = found === undefined
  if (found !== undefined) {
    tip.textContent = seconds(found.at, 6) + ", " + nodeName(found.node) + " " + found.what + " " + found.detail
    tip.style.left = Math.min(event.offsetX + 14, width - 440) + "px"
    tip.style.top = event.offsetY + 14 + "px"
  }
  if (found !== pointed) {
    pointed = found
    draw()
  }
}
canvas.onpointerup = (event) => {
  if (grip !== undefined && !grip.moved) {
    chosen = nearest(event)?.detail
    draw()
  }
  grip = undefined
}
canvas.onpointerleave = () => { byId("tip").hidden = true }
const AROUND_MICROS = 5e6
// A message that did not arrive is said long before that is known.
const missed = violation === undefined ? undefined : [...said.values()].find(({ detail }) => violation.detail.includes(detail))
const showFirst = () => {
  const at = violation.seconds * 1e6
  chosen = missed?.detail
  show(Math.min(at, missed?.at ?? at) - AROUND_MICROS, at + AROUND_MICROS)
}
byId("all").onclick = () => show(...whole)
byId("first").onclick = showFirst
byId("first").disabled = violation === undefined
byId("in").onclick = () => zoom(0.5, (view[0] + view[1]) / 2)
byId("out").onclick = () => zoom(2, (view[0] + view[1]) / 2)
window.onresize = () => draw()

// Topology: nodes in a circle, in the order of their lanes
const svg = byId("topology")
const shape = (name, attributes) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}
const place = (node) => {
  const angle = node / report.nodes * 2 * Math.PI - Math.PI / 2
  return [Math.cos(angle) * 92, Math.sin(angle) * 92]
}
for (const [caller, called] of dials) {
  const [[x1, y1], [x2, y2]] = [place(caller), place(called)]
  svg.append(shape("line", { x1, y1, x2, y2, stroke: "var(--line)", "stroke-width": report.nodes > 100 ? 0.15 : 0.5 }))
}
for (let node = 0; node < report.nodes; node++) {
  const [cx, cy] = place(node)
  const isFirst = violation !== undefined && violation.node === node
  const dot = shape("circle", {
    cx, cy, r: Math.max(1, Math.min(5, 120 / report.nodes)),
    fill: isFirst ? "var(--bad)" : hostile.has(node) ? "var(--node)" : "var(--says)"
  })
  const title = shape("title", {})
  title.textContent = nodeName(node) + (hostile.has(node) ? ", hostile" : "") + (isFirst ? ", first violation" : "")
  dot.append(title)
  svg.append(dot)
  if (report.nodes <= 60) {
    const label = shape("text", { x: cx * 1.13, y: cy * 1.13 + 2, "font-size": 6, "text-anchor": "middle", fill: "var(--soft)" })
    label.textContent = node
    svg.append(label)
  }
}

byId("faults").append(
  head("from", "to", "kind", "what"),
  ...faults.map(({ from, kind, text, to }) => {
    const made = row([seconds(from), seconds(to), kind, text])
    made.children[2].style.color = "var(--" + faultColor(kind) + ")"
    made.tabIndex = 0
    made.onclick = () => show(from - AROUND_MICROS / 5, to + AROUND_MICROS / 5)
    return made
  })
)
if (faults.length === 0) byId("faults").append(row(["", "", "none", ""]))

if (violation === undefined) draw()
else showFirst()
`

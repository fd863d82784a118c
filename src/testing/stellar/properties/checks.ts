/**
 * Brings what happens in a run to the properties that want to know of it.
 */
import { Effect } from "effect"
import type { CryptoShape } from "../../../core/Crypto.ts"
import type { VirtualNetwork } from "../../../layers/simulation/VirtualNetwork.ts"
import type { World } from "../../../layers/simulation/World.ts"
import type { OverlayEvent } from "../../../services/Overlay.ts"
import type { Fetched, Fetching, Flooded } from "../../../services/stellar/Application.ts"
import type { Stellar } from "../../../services/stellar/Overlay.ts"
import * as Wiretap from "../Wiretap.ts"
import { type Hooks, isHonest, type Leftovers, nodeAt, type Property, type Watched } from "./Property.ts"

/** What the properties of a run are watched with. */
export interface ChecksParts extends Omit<Watched, "nowMicros" | "fork"> {
  readonly properties: ReadonlyArray<Property>
  readonly world: World
  readonly network: Pick<VirtualNetwork, "observe">
  readonly sha256: CryptoShape["sha256"]
  readonly violated: (property: string, node: number | undefined, detail: string) => void
  /** Told what a property has thrown: it is called in the midst of a node, which would take it for its own. */
  readonly broke: (cause: unknown) => void
}

/** Where a run says what happens. */
export interface Checks {
  /** The life that a node is in: what an earlier one still does is no concern of the properties. */
  readonly lifeOf: (node: number) => number
  readonly started: (node: number) => void
  readonly ended: (node: number) => void
  readonly event: (node: number, event: OverlayEvent<Stellar>) => void
  readonly said: (node: number, life: number, message: Flooded) => void
  readonly processed: (node: number, life: number, message: Flooded, isAccepted: boolean) => void
  readonly waits: (node: number, life: number, message: Flooded, verdict: Fetching) => void
  readonly fetched: (node: number, item: Fetched, isAwaited: boolean) => void
  readonly end: () => void
  readonly over: (left: Leftovers) => void
}

const MICROS_PER_SECOND = 1_000_000

/** Begins to watch; the World stands at 0, and no node has started. */
export const start = (parts: ChecksParts): Checks => {
  const { broke, endMicros, network, properties, violated, world } = parts
  const watched: Watched = {
    ...parts,
    nowMicros: world.nowMicros,
    fork: (effect) => {
      world.fork(Effect.catchDefect(effect, (defect) => Effect.sync(() => broke(defect))), "properties")
    }
  }
  const all = properties.map(({ name, watch }) => watch(watched, (node, detail) => violated(name, node, detail)))
  /** What tells all properties that want to know; nothing if none does. */
  const telling = <Args extends ReadonlyArray<unknown>>(
    hookOf: (hooks: Hooks) => ((...args: Args) => void) | undefined
  ): ((...args: Args) => void) | undefined => {
    const hooks = all.flatMap((each) => hookOf(each) ?? [])
    if (hooks.length === 0) return undefined
    return (...args) => {
      try {
        for (const hook of hooks) hook(...args)
      } catch (cause) {
        broke(cause)
      }
    }
  }
  const tell = {
    event: telling(({ event }) => event),
    said: telling(({ said }) => said),
    processed: telling(({ processed }) => processed),
    waits: telling(({ waits }) => waits),
    fetched: telling(({ fetched }) => fetched),
    ended: telling(({ ended }) => ended),
    links: telling(({ links }) => links),
    network: telling(({ network }) => network),
    sent: telling(({ sent }) => sent),
    content: telling(({ content }) => content),
    arrived: telling(({ arrived }) => arrived),
    second: telling(({ second }) => second),
    calm: telling(({ calm }) => calm),
    end: telling(({ end }) => end),
    over: telling(({ over }) => over)
  }
  const lives = new Map<number, number>()
  const isUp = new Set<number>()
  const lifeOf = (node: number): number => lives.get(node) ?? 0
  const isLife = (node: number, life: number): boolean => isUp.has(node) && lifeOf(node) === life

  // A property hears of bytes before it hears of the frames in them.
  if (tell.links !== undefined) network.observe(tell.links, { bytes: false })
  if (tell.network !== undefined) network.observe(tell.network)
  if (tell.sent !== undefined || tell.content !== undefined || tell.arrived !== undefined) {
    const at = nodeAt(watched)
    const tap = Wiretap.make(parts.sha256, (ip) => at(ip)?.index, {
      sent: (frame, bytes, from, to) => {
        tell.sent?.(frame)
        tell.content?.(frame, bytes, from, to)
      },
      arrived: (frame) => tell.arrived?.(frame)
    })
    network.observe(tap.observe)
  }
  world.after(parts.calmFromMicros, () => tell.calm?.())
  if (tell.second !== undefined) {
    const second = (): void => {
      tell.second?.()
      if (world.nowMicros() + MICROS_PER_SECOND < endMicros) world.after(MICROS_PER_SECOND, second)
    }
    world.after(MICROS_PER_SECOND, second)
  }

  return {
    lifeOf,
    started: (node) => {
      if (isUp.has(node)) return
      isUp.add(node)
      lives.set(node, lifeOf(node) + 1)
    },
    ended: (node) => {
      if (isUp.delete(node) && isHonest(watched, node)) tell.ended?.(node)
    },
    event: (node, event) => {
      if (isUp.has(node)) tell.event?.(node, event)
    },
    said: (node, life, message) => {
      if (isLife(node, life)) tell.said?.(node, message)
    },
    processed: (node, life, message, isAccepted) => {
      if (isLife(node, life)) tell.processed?.(node, message, isAccepted)
    },
    waits: (node, life, message, verdict) => {
      if (isLife(node, life)) tell.waits?.(node, message, verdict)
    },
    fetched: (node, item, isAwaited) => {
      if (isUp.has(node)) tell.fetched?.(node, item, isAwaited)
    },
    end: () => tell.end?.(),
    over: (left) => tell.over?.(left)
  }
}

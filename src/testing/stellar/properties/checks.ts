/**
 * Brings what happens in a run to the properties that want to know of it.
 */
import type { CryptoShape } from "../../../core/Crypto.ts"
import type { VirtualNetwork } from "../../../layers/simulation/VirtualNetwork.ts"
import type { World } from "../../../layers/simulation/World.ts"
import type { OverlayEvent } from "../../../services/Overlay.ts"
import type { Flooded } from "../../../services/stellar/Application.ts"
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
  readonly end: () => void
  readonly over: (left: Leftovers) => void
}

const MICROS_PER_SECOND = 1_000_000

/** Begins to watch; the World stands at 0, and no node has started. */
export const start = (parts: ChecksParts): Checks => {
  const { endMicros, network, properties, violated, world } = parts
  const watched: Watched = {
    ...parts,
    nowMicros: world.nowMicros,
    fork: (effect) => void world.fork(effect, "properties")
  }
  const all = properties.map(({ name, watch }) => watch(watched, (node, detail) => violated(name, node, detail)))
  const having = <K extends keyof Hooks>(key: K): ReadonlyArray<NonNullable<Hooks[K]>> =>
    all.flatMap((hooks) => hooks[key] ?? [])
  const hooks = {
    event: having("event"),
    said: having("said"),
    processed: having("processed"),
    ended: having("ended"),
    second: having("second"),
    sent: having("sent"),
    arrived: having("arrived")
  }
  const lives = new Map<number, number>()
  const isUp = new Set<number>()
  const lifeOf = (node: number): number => lives.get(node) ?? 0
  const isLife = (node: number, life: number): boolean => isUp.has(node) && lifeOf(node) === life

  // A property hears of bytes before it hears of the frames in them.
  for (const hook of having("network")) network.observe(hook)
  if (hooks.sent.length + hooks.arrived.length > 0) {
    const at = nodeAt(watched)
    const tap = Wiretap.make(parts.sha256, (ip) => at(ip)?.index, {
      sent: (frame) => {
        for (const hook of hooks.sent) hook(frame)
      },
      arrived: (frame) => {
        for (const hook of hooks.arrived) hook(frame)
      }
    })
    network.observe(tap.observe)
  }
  world.after(parts.calmFromMicros, () => {
    for (const hook of having("calm")) hook()
  })
  if (hooks.second.length > 0) {
    const second = (): void => {
      for (const hook of hooks.second) hook()
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
      if (!isUp.delete(node) || !isHonest(watched, node)) return
      for (const hook of hooks.ended) hook(node)
    },
    event: (node, event) => {
      if (!isUp.has(node)) return
      for (const hook of hooks.event) hook(node, event)
    },
    said: (node, life, message) => {
      if (!isLife(node, life)) return
      for (const hook of hooks.said) hook(node, message)
    },
    processed: (node, life, message, isAccepted) => {
      if (!isLife(node, life)) return
      for (const hook of hooks.processed) hook(node, message, isAccepted)
    },
    end: () => {
      for (const hook of having("end")) hook()
    },
    over: (left) => {
      for (const hook of having("over")) hook(left)
    }
  }
}

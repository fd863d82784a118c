/**
 * The properties of connections notice what keeps peers out, and let pass what is right.
 */
import { assert, describe, it } from "@effect/vitest"
import { format, type PeerAddress, tcpAddress } from "../../src/core/PeerAddress.ts"
import { alreadyConnected, Drop } from "../../src/core/stellar/DropReason.ts"
import {
  configuredAreConnected,
  pendingEnd,
  refusalsAreTrue
} from "../../src/testing/stellar/properties/connections.ts"
import type { WatchedNode } from "../../src/testing/stellar/properties/Property.ts"
import { ipOf } from "../../src/testing/stellar/Simulation.ts"
import {
  addressOf,
  faceOf,
  failed,
  frame,
  HOSTILE,
  idOf,
  joined,
  left,
  on,
  SECOND,
  watching,
  wayOf
} from "./watching.ts"

/** A machine's end of a link that it has dialled. */
const portOf = (index: number, port = 50_000): PeerAddress => tcpAddress(ipOf(index), port)
const dialing = (index: number) => ({ _tag: "Dialing", address: addressOf(index) }) as const
const HERE = alreadyConnected("GAAAA")

describe("the property of refusals", () => {
  it("wants who is refused as being here to be here, or about to be", () => {
    const { breaches, hooks } = watching(refusalsAreTrue)
    const comes = () => hooks.links?.(on("Accepted", portOf(1), addressOf(0)))
    const refuse = () => {
      comes()
      hooks.event?.(0, failed(1, HERE))
    }
    hooks.event?.(0, joined(1))
    refuse()
    hooks.event?.(0, left(1))
    comes()
    refuse()
    hooks.event?.(0, failed(1, Drop.UnexpectedMac))
    hooks.event?.(0, dialing(1))
    refuse()
    hooks.event?.(0, failed(1, Drop.UnexpectedMac, "outbound"))
    assert.deepStrictEqual(breaches, [])
    refuse()
    assert.deepStrictEqual(breaches, [0])
    hooks.event?.(0, failed(HOSTILE, HERE))
    assert.deepStrictEqual(breaches, [0], "it may have said to be anybody")
  })

  it("wants the slots of that direction to be taken where there is no slot", () => {
    const { breaches, hooks } = watching(refusalsAreTrue)
    hooks.event?.(0, joined(1))
    hooks.event?.(0, joined(5))
    hooks.event?.(0, failed(HOSTILE, Drop.PeerRejected))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, failed(1, Drop.PeerRejected, "outbound"))
    hooks.event?.(0, left(5))
    hooks.event?.(0, failed(1, Drop.PeerRejected))
    assert.deepStrictEqual(breaches, [0, 0])
  })

  it("wants others to be waiting where too many wait", () => {
    const over = (index: number): Partial<WatchedNode> => {
      const { config } = watching(refusalsAreTrue).nodes[index]!
      // One of the two places of an address may be that of a feeler, which nobody sees.
      return { config: { ...config, maxPendingInbound: 2, maxPendingPerIp: 2 } }
    }
    const { breaches, hooks } = watching(refusalsAreTrue, { over })
    const comes = (index: number) => hooks.links?.(on("Accepted", portOf(index), addressOf(0)))
    comes(1)
    comes(1)
    hooks.event?.(0, failed(1, Drop.PendingOfAddressFull))
    comes(HOSTILE)
    comes(1)
    hooks.event?.(0, failed(1, Drop.PendingFull))
    assert.deepStrictEqual(breaches, [])
    hooks.event?.(0, joined(1))
    comes(1)
    hooks.event?.(0, failed(1, Drop.PendingOfAddressFull))
    comes(1)
    hooks.event?.(0, failed(1, Drop.PendingFull))
    assert.deepStrictEqual(breaches, [0, 0])
    hooks.ended?.(0)
    hooks.event?.(0, failed(1, Drop.PendingFull))
    assert.deepStrictEqual(breaches, [0, 0, 0], "the links of an earlier life are gone")
  })
})

describe("the property of configured peers", () => {
  /** When the book says that the address is to be tried, in Unix milliseconds: long ago, or never. */
  const [DUE, NOT_DUE] = [0, Number.MAX_SAFE_INTEGER]

  /** Node 0 is configured to call node 1; both are up from the first second on. What is seen in the end, if this happens? */
  const seenAfter = (
    happens: (watched: ReturnType<typeof watching>) => void,
    { calls = 1, failures = 1, nextAttemptMillis = DUE, targetOutbound = 1 } = {}
  ): ReadonlyArray<number | undefined> => {
    const { config } = watching(configuredAreConnected).nodes[0]!
    const rows = [{ address: addressOf(1), kind: "outbound", failures, nextAttemptMillis } as const]
    const watched = watching(configuredAreConnected, {
      calmFromMicros: 20 * SECOND,
      over: (index) => ({
        overlay: () => faceOf({}),
        calls: index === 0 ? [calls] : [],
        config: {
          ...config,
          maxOutbound: targetOutbound,
          targetOutbound,
          targetOutboundWithoutInbound: targetOutbound
        },
        committed: { peers: { rows }, bans: new Map() }
      })
    })
    const { breaches, clock, hooks } = watched
    clock.nowMicros = SECOND
    hooks.second?.()
    happens(watched)
    clock.nowMicros = 60 * SECOND
    hooks.end?.()
    return breaches
  }
  const at =
    (seconds: number, happens: (watched: ReturnType<typeof watching>) => void) =>
    (watched: ReturnType<typeof watching>) => {
      watched.clock.nowMicros = seconds * SECOND
      happens(watched)
    }
  const nothing = () => {}

  it("sees a configured peer that is not called, whatever there was before", () => {
    assert.deepStrictEqual(seenAfter(nothing), [0])
    assert.deepStrictEqual(
      seenAfter(at(30, ({ hooks }) => {
        hooks.event?.(0, dialing(1))
        hooks.event?.(0, joined(1, { direction: "outbound" }))
        hooks.event?.(0, left(1))
      })),
      [0]
    )
  })

  it("asks for no call of who is connected, is hostile, is banned, or is not to be tried yet", () => {
    assert.deepStrictEqual(seenAfter(({ hooks }) => hooks.event?.(0, joined(1))), [])
    assert.deepStrictEqual(seenAfter(({ hooks }) => hooks.event?.(1, joined(0))), [])
    assert.deepStrictEqual(seenAfter(nothing, { calls: HOSTILE }), [])
    assert.deepStrictEqual(seenAfter(({ hooks }) => hooks.event?.(0, { _tag: "Banned", id: idOf(1) })), [])
    assert.deepStrictEqual(seenAfter(({ hooks }) => hooks.event?.(1, { _tag: "Banned", id: idOf(0) })), [])
    assert.deepStrictEqual(seenAfter(nothing, { nextAttemptMillis: NOT_DUE }), [])
    assert.deepStrictEqual(seenAfter(nothing, { failures: 120 }), [])
  })

  it("asks for no call without a slot, or before two rounds in which it could be made", () => {
    const taken = at(2, ({ hooks }) => hooks.event?.(0, joined(HOSTILE, { direction: "outbound" })))
    assert.deepStrictEqual(seenAfter(taken), [])
    assert.deepStrictEqual(seenAfter(taken, { targetOutbound: 2 }), [0])
    const free = (seconds: number) => (watched: ReturnType<typeof watching>) => {
      taken(watched)
      at(seconds, ({ hooks }) => hooks.event?.(0, left(HOSTILE)))(watched)
    }
    assert.deepStrictEqual(seenAfter(free(53)), [0])
    assert.deepStrictEqual(seenAfter(free(54)), [])
    const startedAt = (seconds: number) =>
      at(seconds, ({ hooks }) => {
        hooks.ended?.(1)
        hooks.second?.()
      })
    assert.deepStrictEqual(seenAfter(startedAt(53)), [0])
    assert.deepStrictEqual(seenAfter(startedAt(54)), [])
  })
})

describe("the property of pending connections", () => {
  const pending = () => watching(pendingEnd, { overlay: faceOf({}) })
  const comes = ({ hooks }: ReturnType<typeof watching>, index = 1) =>
    hooks.links?.(on("Accepted", portOf(index), addressOf(0)))
  const seenAt = ({ breaches, clock, hooks }: ReturnType<typeof watching>, seconds: number) => {
    clock.nowMicros = seconds * SECOND
    hooks.second?.()
    return breaches
  }

  it("sees a link that is neither let in nor refused, and a call that comes to nothing", () => {
    const watched = pending()
    comes(watched, HOSTILE)
    watched.hooks.event?.(0, dialing(1))
    assert.deepStrictEqual(seenAt(watched, 10), [])
    assert.deepStrictEqual(seenAt(watched, 15), [0], "a handshake, and 5 s for the disk")
    assert.deepStrictEqual(seenAt(watched, 16), [0, 0, 0], "a dial and a handshake, and 5 s for the disk")
  })

  it("sees nothing of who is let in, refused or gone, or of a node that has ended", () => {
    const ways: ReadonlyArray<(watched: ReturnType<typeof watching>) => void> = [
      ({ hooks }) => hooks.sent?.(frame(wayOf(1, 0).back, "AUTH")),
      ({ hooks }) => hooks.event?.(0, { ...failed(1, Drop.UnexpectedMac), address: portOf(1) }),
      ({ hooks }) => hooks.ended?.(0)
    ]
    for (const through of ways) {
      const watched = pending()
      comes(watched)
      through(watched)
      assert.deepStrictEqual(seenAt(watched, 60), [], format(portOf(1)))
    }
    const called = pending()
    called.hooks.event?.(0, dialing(1))
    called.hooks.event?.(0, joined(1, { direction: "outbound", address: tcpAddress(ipOf(1), 1234) }))
    called.hooks.event?.(0, dialing(1))
    called.hooks.event?.(0, failed(1, Drop.UnexpectedMac, "outbound"))
    assert.deepStrictEqual(seenAt(called, 60), [])
  })
})

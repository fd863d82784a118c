/**
 * Who is in session with whom, as the honest nodes of a run say it.
 */
import type { Direction } from "../../src/services/Peers.ts"
import { nodeAt, type Property } from "../../src/testing/stellar/properties/Property.ts"

/** The live sessions of a run. */
export class Sessions {
  /** To be given to the run. */
  readonly property: Property
  /** Told of each change: the node that tells, and its peer. */
  onChange: (node: number, peer: number) => void = () => {}
  private readonly ofNode: ReadonlyArray<Map<number, Direction>>

  constructor(nodes: number) {
    this.ofNode = Array.from({ length: nodes }, () => new Map())
    this.property = {
      name: "sessions are counted",
      doc: "Breaks never: it only keeps the books of a measurement.",
      watch: (run) => {
        const at = nodeAt(run)
        return {
          event: (node, event) => {
            if (event._tag !== "PeerJoined" && event._tag !== "PeerLeft") return
            const { ip } = event._tag === "PeerJoined" ? event.peer.address : event.address
            const peer = at(ip)?.index
            if (peer === undefined) return
            if (event._tag === "PeerJoined") this.ofNode[node]!.set(peer, event.peer.direction)
            else this.ofNode[node]!.delete(peer)
            this.onChange(node, peer)
          }
        }
      }
    }
  }

  /** How many sessions the node has, of one direction or of both. */
  count(node: number, direction?: Direction): number {
    const all = this.ofNode[node]!
    if (direction === undefined) return all.size
    let count = 0
    for (const one of all.values()) if (one === direction) count += 1
    return count
  }

  /** Whether both have a session with the other. */
  isMutual(one: number, other: number): boolean {
    return this.ofNode[one]!.has(other) && this.ofNode[other]!.has(one)
  }

  /** All pairs that are in session, the lower number first. */
  pairs(): ReadonlyArray<readonly [number, number]> {
    return this.ofNode.flatMap((peers, node) =>
      [...peers.keys()].filter((peer) => node < peer && this.isMutual(node, peer)).map((peer) => [node, peer] as const)
    )
  }
}

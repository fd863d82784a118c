/**
 * The property of surveys: they tell what is so.
 */
import { Effect } from "effect"
import type { PeerId } from "../../../core/PeerId.ts"
import { surveyors } from "../../../core/simulation/FaultPlan.ts"
import { entryOf, isHonest, nodeOf, type Property } from "./Property.ts"

/** What a survey shows of a node, that node has had. */
export const surveysTellTheTruth: Property = {
  name: "a survey shows sessions that there were, of nodes that were asked, and no more",
  doc:
    "At the end, of each node that surveyed: each peer that an honest node is shown with has joined it in this run; nobody is shown but the surveyor and who was a peer of it; and when its time is over it asks nobody any more.",
  watch: (run, violated) => {
    const surveying = surveyors(run.plan)
    const of = nodeOf(run)
    const joined = new Map<number, Set<PeerId>>()
    const joinedTo = (node: number): Set<PeerId> => entryOf(joined)(node, () => new Set<PeerId>())
    if (surveying.length === 0) return {}
    return {
      event: (node, event) => {
        if (event._tag === "PeerJoined") joinedTo(node).add(event.peer.id)
      },
      end: () => {
        for (const surveyor of surveying) {
          const overlay = run.nodes[surveyor]?.overlay()
          if (overlay === undefined || !isHonest(run, surveyor)) continue
          run.fork(Effect.map(overlay.survey.results, ({ isRunning, nodes }) => {
            if (isRunning) violated(surveyor, "it goes on asking")
            for (const [id, shown] of nodes) {
              if (id !== run.nodes[surveyor]?.id && !joinedTo(surveyor).has(id)) {
                violated(surveyor, `${id} was no peer, and is shown`)
              }
              const node = of(id)
              if (node === undefined || node.isHostile) continue
              for (const peer of [...shown?.inbound.keys() ?? [], ...shown?.outbound.keys() ?? []]) {
                if (!joinedTo(node.index).has(peer)) violated(node.index, `${peer} is shown and has never joined`)
              }
            }
          }))
        }
      }
    }
  }
}

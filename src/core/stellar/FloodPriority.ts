/**
 * Which messages spend credit, and in which order they leave.
 */
import type { Priority } from "../Priority.ts"
import type { MessageName } from "./messages.ts"

/** The ranks of the four flow-controlled kinds (protocol, outbound queues): consensus waits for nobody. */
export const FloodPriority = {
  SCP_MESSAGE: 0,
  TRANSACTION: 1,
  FLOOD_DEMAND: 2,
  FLOOD_ADVERT: 3
} as const satisfies Partial<Record<MessageName, Priority>>

const ranks: Partial<Record<MessageName, Priority>> = FloodPriority

/** The rank of a kind of message, or `undefined` if it spends no credit. */
export const priorityOf = (name: MessageName): Priority | undefined => ranks[name]

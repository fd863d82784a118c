/**
 * A ban, when it holds, and which bans a list takes.
 */
import { BAN_NOTE_CHARACTERS } from "./limits.ts"
import type { PeerId } from "./PeerId.ts"

/** What can be said of a ban when it is made. */
export interface BanOptions {
  /** Why, for the next operator: at most `BAN_NOTE_CHARACTERS` characters. */
  readonly note?: string
  /** Unix milliseconds from which on the ban counts as none; without it, it holds until it is lifted. */
  readonly expiresAtMillis?: number
}

/** Who is banned, and what was said of it. */
export interface Ban<Id extends string = PeerId> {
  readonly id: Id
  readonly note: string | undefined
  /** Unix milliseconds at which it was made; `undefined` if another program wrote it, which did not say. */
  readonly sinceMillis: number | undefined
  /** Unix milliseconds at which it ends; `undefined`: when it is lifted. */
  readonly expiresAtMillis: number | undefined
}

/** Whether the ban holds at this time. */
export const holdsAt = ({ expiresAtMillis }: Pick<Ban, "expiresAtMillis">, nowMillis: number): boolean =>
  expiresAtMillis === undefined || expiresAtMillis > nowMillis

/** The list that a ban comes into. */
export interface BanRoom {
  readonly nowMillis: number
  /** Bans that hold of others than who is banned now. */
  readonly others: number
  /** Bans that the list may hold. */
  readonly entries: number
}

/** Why the list does not take a ban, in words for the operator; `undefined` if it does. */
export const banRefusal = (
  { expiresAtMillis, note }: BanOptions,
  { entries, nowMillis, others }: BanRoom
): string | undefined => {
  if (note !== undefined && note.length > BAN_NOTE_CHARACTERS) {
    return `the note has ${note.length} characters, and may have ${BAN_NOTE_CHARACTERS}`
  }
  if (expiresAtMillis !== undefined && !(Number.isSafeInteger(expiresAtMillis) && expiresAtMillis > nowMillis)) {
    return "the ban would be over already: its expiry must be a time to come, in whole Unix milliseconds"
  }
  return others >= entries ? `the list is full (${entries} bans): lift some` : undefined
}

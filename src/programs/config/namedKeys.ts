/**
 * Names for public keys: where stellar-core's file gives them, and what lists of keys mean by them.
 */
import { Redacted } from "effect"
import type { Validator } from "./readSettings.ts"
import { keyAndName, REFERENCE, type Settings } from "./settings.ts"

/** The keys by their names; `undefined` is the node itself, whose key only its seed knows. */
export type NamedKeys = ReadonlyMap<string, string | undefined>

/** The lists of keys that may use names. */
export const KEY_LISTS = ["PREFERRED_PEER_KEYS", "SURVEYOR_KEYS"] as const

/** All names that the settings and the file's validators give. */
export const namedKeys = (settings: Settings, validators: ReadonlyArray<Validator>): NamedKeys => {
  const names = new Map<string, string | undefined>()
  const seed = settings.NODE_SEED
  const self = seed === undefined ? undefined : keyAndName(Redacted.value(seed))[1]
  if (self !== undefined) names.set(self, undefined)
  for (const text of [...settings.NODE_NAMES, ...KEY_LISTS.flatMap((list) => settings[list])]) {
    const [key, name] = keyAndName(text)
    if (name !== undefined) names.set(name, key)
  }
  for (const { name, publicKey } of validators) names.set(name, publicKey)
  return names
}

/** The name that an element of a list of keys refers to; `undefined` if it is a key itself. */
export const referenceIn = (text: string): string | undefined =>
  text.startsWith(REFERENCE) ? text.slice(REFERENCE.length) : undefined

/** The keys of a list, without names. The node itself and names that nobody gave are left out. */
export const keysOf = (texts: ReadonlyArray<string>, names: NamedKeys): ReadonlyArray<string> =>
  texts.flatMap((text) => {
    const reference = referenceIn(text)
    const key = reference === undefined ? keyAndName(text)[0] : names.get(reference)
    return key === undefined ? [] : [key]
  })

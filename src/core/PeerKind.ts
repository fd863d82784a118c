/**
 * What an address is to us, and how that changes with what is observed of it.
 */

/** What an address is to us: it called us (or was told to us), we called it, or it is preferred by configuration. */
export type PeerKind = "inbound" | "outbound" | "preferred"

/**
 * What was observed of an address.
 *
 * `preferredIsKnown` says that the configuration was looked up for it: only then does an outbound link prove that the
 * address is preferred no more.
 */
export type Observed =
  | { readonly kind: "preferred" }
  | { readonly kind: "outbound"; readonly preferredIsKnown: boolean }
  | { readonly kind: "inbound" }

/**
 * The kind of an address after an observation (rules of stellar-core's peer database).
 *
 * - preferred: it is preferred.
 * - outbound: an inbound address becomes outbound; a preferred one does when the configuration was looked up.
 * - inbound: a preferred address becomes outbound, since it is not in the configuration any more; others stay.
 */
export const kindAfter = (known: PeerKind, observed: Observed): PeerKind => {
  switch (observed.kind) {
    case "preferred":
      return "preferred"
    case "outbound":
      return known === "preferred" && !observed.preferredIsKnown ? "preferred" : "outbound"
    case "inbound":
      return known === "preferred" ? "outbound" : known
  }
}

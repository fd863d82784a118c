/**
 * A transport whose links can fall silent all at once: as if the process that held them were no more.
 */
import { Effect, Layer } from "effect"
import { type Link, LinkError, Transport } from "../../services/Transport.ts"

/** The switch of one life of a node. */
export class Silence {
  isFallen = false
}

/**
 * From the moment at which the silence has fallen not a byte leaves by these links, no last words and no half-close, and none is read:
 * what is left for their fibers is to close them.
 */
export const layer = (silence: Silence): Layer.Layer<Transport, never, Transport> =>
  Layer.effect(
    Transport,
    Effect.map(Transport, ({ dial, listen }) =>
      Transport.of({
        dial: (address, options) => Effect.map(dial(address, options), (link) => silenced(link, silence)),
        listen: (address, onLink) => listen(address, (link) => onLink(silenced(link, silence)))
      }))
  )

const silenced = (link: Link, silence: Silence): Link => ({
  ...link,
  send: (bytes) => silence.isFallen || link.send(bytes),
  end: Effect.suspend(() => silence.isFallen ? Effect.void : link.end),
  read: (sink) =>
    Effect.suspend(() =>
      silence.isFallen
        ? Effect.fail(new LinkError({ reason: "failed", message: "the process is no more" }))
        : link.read((chunk) => silence.isFallen ? false : sink(chunk))
    )
})

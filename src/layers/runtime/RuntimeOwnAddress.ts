/**
 * Where this node can be reached, once it listens.
 */
import { Layer } from "effect"
import type { PeerAddress } from "../../core/PeerAddress.ts"
import { OwnAddress } from "../../services/OwnAddress.ts"

/** What is told to others before, or instead of, what was bound. */
export interface OwnAddressOptions {
  /** A port to tell whatever is bound: that of a router in front, for example. */
  readonly announcedPort: number | undefined
  /** The port to tell if the node does not listen: networks want one all the same. */
  readonly defaultPort: number
}

/** The address of one node; its state is made when the layer is built. */
export const layer = (options: OwnAddressOptions): Layer.Layer<OwnAddress> =>
  Layer.sync(OwnAddress, () => {
    let address: PeerAddress | undefined
    return {
      bound: (to) => {
        address = to
      },
      listening: () => address,
      announcedPort: () => options.announcedPort ?? address?.port ?? options.defaultPort
    }
  })

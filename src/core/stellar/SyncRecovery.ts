/**
 * When a node that has lost the network asks its peers where that is.
 */
import { SYNC_RECOVERY_MILLIS } from "./limits.ts"

/** The clock of the recovery: it rings each ten seconds for as long as the node does not follow the network. */
export class SyncRecovery {
  private dueMillis: number | undefined

  /** Whether peers are to be asked now. Each ring is told once; the first comes ten seconds after the node was found lost. */
  isDue(isFollowing: boolean, nowMillis: number): boolean {
    if (isFollowing) {
      this.dueMillis = undefined
      return false
    }
    if (this.dueMillis !== undefined && nowMillis < this.dueMillis) return false
    const isDue = this.dueMillis !== undefined
    this.dueMillis = nowMillis + SYNC_RECOVERY_MILLIS
    return isDue
  }
}

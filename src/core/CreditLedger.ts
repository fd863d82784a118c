/**
 * Credit: leave to send, in messages and in bytes, counted on both sides.
 *
 * The receiver's ledger says what the peer may still send and when credit goes back; the sender's says what we may still
 * send. What counts as flood, and how a grant travels, is the network's.
 */

/** Credit that goes back to the peer. */
export interface Grant {
  readonly messages: number
  readonly bytes: number
}

/** The sizes of a receiver's ledger. */
export interface ReceiveCredit {
  /** Flood messages and bytes that the peer may have in flight. */
  readonly messages: number
  readonly bytes: number
  /** Consumed messages or bytes after which credit goes back. */
  readonly batchMessages: number
  readonly batchBytes: number
  /** Messages and bytes of any kind in process at once; then reading pauses. */
  readonly readingMessages: number
  readonly readingBytes: number
}

/** What we have left to receive from one peer. Credit goes back exactly as it was consumed, so the sum never changes. */
export class ReceiveLedger {
  /**
   * Flood messages that are taken before the peer ends. They come back when a message is consumed, a little before the
   * peer hears of it in a grant: the accounting of core.
   */
  messages: number
  /** The same in bytes. */
  bytes: number
  private readonly credit: ReceiveCredit
  private readonly maxMessageBytes: number
  private inProcessMessages = 0
  private inProcessBytes = 0
  private consumedMessages = 0
  private consumedBytes = 0

  /** `maxMessageBytes` is the longest message that framing lets through: one more of it must always fit. */
  constructor(credit: ReceiveCredit, maxMessageBytes: number) {
    this.credit = credit
    this.maxMessageBytes = maxMessageBytes
    this.messages = credit.messages
    this.bytes = credit.bytes
  }

  /** Takes a message in. `false`: the peer had no credit for it, which ends the peer. */
  take(size: number, isFlood: boolean): boolean {
    if (this.inProcessMessages >= this.credit.readingMessages) return false
    if (this.inProcessBytes + size > this.credit.readingBytes + this.maxMessageBytes) return false
    if (isFlood) {
      if (this.messages < 1 || this.bytes < size) return false
      this.messages -= 1
      this.bytes -= size
    }
    this.inProcessMessages += 1
    this.inProcessBytes += size
    return true
  }

  /** Notes that a message is done with. A grant, when a batch of credit is full: it is to be sent now. */
  consume(size: number, isFlood: boolean): Grant | undefined {
    this.inProcessMessages -= 1
    this.inProcessBytes -= size
    if (!isFlood) return undefined
    this.messages += 1
    this.bytes += size
    this.consumedMessages += 1
    this.consumedBytes += size
    if (this.consumedMessages < this.credit.batchMessages && this.consumedBytes < this.credit.batchBytes) {
      return undefined
    }
    const grant = { messages: this.consumedMessages, bytes: this.consumedBytes }
    this.consumedMessages = 0
    this.consumedBytes = 0
    return grant
  }

  /** Whether a further message may be read; when not, reading pauses until something is consumed. */
  canRead(): boolean {
    return this.inProcessMessages < this.credit.readingMessages && this.inProcessBytes < this.credit.readingBytes
  }

  /** Messages taken in and not consumed yet. */
  inProcess(): number {
    return this.inProcessMessages
  }

  /** Adds credit that is granted beside the give-back, after the limit was raised: the grant that carries it. */
  raise(bytes: number): Grant {
    this.bytes += bytes
    return { messages: 0, bytes }
  }
}

/** Low words wrap here; what is above is counted in whole steps. Two to the 52 keeps every sum exact. */
const STEP = 2 ** 52
/** That many steps are two to the 64, where core's counters overflow. */
const STEPS = 4096

/**
 * What we may still send to one peer: nothing, until its first grant.
 *
 * Two counters up to two to the 64, exact, without a BigInt a frame: each is a number of steps and what is left over.
 */
export class SendLedger {
  private messages = 0
  private messageSteps = 0
  private bytes = 0
  private byteSteps = 0

  /** Whether a flood message of this size may be sent now. */
  covers(size: number): boolean {
    return (this.messages >= 1 || this.messageSteps > 0) && (this.bytes >= size || this.byteSteps > 0)
  }

  /** Spends the credit of a message that `covers` allowed. */
  spend(size: number): void {
    if (this.messages < 1) {
      this.messages += STEP
      this.messageSteps -= 1
    }
    if (this.bytes < size) {
      this.bytes += STEP
      this.byteSteps -= 1
    }
    this.messages -= 1
    this.bytes -= size
  }

  /** Adds a grant. `false`: a counter would pass two to the 64, which ends the peer. */
  grant(messages: number, bytes: number): boolean {
    this.messages += messages
    this.bytes += bytes
    if (this.messages >= STEP) {
      this.messages -= STEP
      this.messageSteps += 1
    }
    if (this.bytes >= STEP) {
      this.bytes -= STEP
      this.byteSteps += 1
    }
    return this.messageSteps < STEPS && this.byteSteps < STEPS
  }

  /** What is left, for people to look at. */
  left(): Grant {
    return { messages: this.messageSteps * STEP + this.messages, bytes: this.byteSteps * STEP + this.bytes }
  }
}

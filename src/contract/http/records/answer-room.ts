/** An answer's members around its list. */
const FRAME_BYTES = 1_024

/** The room that is left in a JSON answer, where what carries it sets a limit. */
export class AnswerRoom {
  #leftBytes: number

  /** @param answerBytesMax Infinity where there is no limit */
  constructor(answerBytesMax: number) {
    this.#leftBytes = answerBytesMax - FRAME_BYTES
  }

  /** Takes the room that one element of the answer's list needs; tells whether there was enough. */
  take(element: unknown): boolean {
    // Nothing is measured where nothing is limited: writing an element out costs as much as the answer itself.
    if (this.#leftBytes === Number.POSITIVE_INFINITY) return true
    const bytes = Buffer.byteLength(JSON.stringify(element)) + 1
    if (bytes > this.#leftBytes) return false
    this.#leftBytes -= bytes
    return true
  }
}

import { checkSound } from '../../src/core/record/sound-batch.ts'

/** In place of src/core/record/run-check.ts in functions: without native modules each batch's CRC is computed as fast by itself. */
export class RunCheck {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  check(position: number): void {
    checkSound(this.#bytes, position)
  }
}

/** Whether a store can do what is asked of it, as far as it knows. */
export interface StoreHealth {
  /**
   * Looks, and tells what is wrong and what to do about it, in words that can follow a colon; undefined where nothing is.
   * Cheap enough for a probe that comes every second, and never waits for what is in trouble.
   * @param isTried whether to write something as well, where nothing has been written for a while: the only way to learn that
   *   it can be
   */
  look(isTried?: boolean): Promise<string | undefined>

  /** What only opening the store anew can mend, in such words; undefined where there is nothing of the kind. */
  needsRestart?(): string | undefined
}

/** Whether a store can do what is asked of it, as far as it knows. */
export interface StoreHealth {
  /**
   * Looks, and tells what is wrong and what to do about it, in words that can follow a colon; undefined where nothing is.
   * Cheap enough for a probe that comes every second.
   */
  look(): Promise<string | undefined>
}

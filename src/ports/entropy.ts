/** Chance. A port, so that a seed can replay a run. */
export interface Entropy {
  /** 128 random bits as 32 hexadecimal digits: nobody ever draws the same twice. */
  id(): string

  /** From 0 to less than 1, for jitter. */
  fraction(): number
}

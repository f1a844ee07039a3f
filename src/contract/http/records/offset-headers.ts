/** The headers that tell of record batches what JSON tells in members. */
export const START_OFFSET_HEADER = 'tidemark-start-offset'
export const END_OFFSET_HEADER = 'tidemark-end-offset'
export const NEXT_OFFSET_HEADER = 'tidemark-next-offset'

import type { Level } from './log/settled/segment.ts'

/**
 * What stands beside the logs, so that no object is forgotten: each object of a partition's own is named by an item of its
 * log, or by a note, or by both, at every moment. Notes are put before what they are about is done.
 */
export type Note = IntentNote | DeadNote | TopicNote

/** Somebody is about to upload this object, and to put an item of this level that names it. */
export interface IntentNote {
  readonly kind: 'intent'
  /** The object's. */
  readonly key: string
  readonly level: Level
  /** By the clock of whoever noted it, milliseconds since the epoch. */
  readonly notedMs: number
}

/** No item that counts names this object any more. */
export interface DeadNote {
  readonly kind: 'dead'
  readonly key: string
  readonly notedMs: number
  /** 2: once it is deleted, it is looked for once more later, since somebody may be uploading it still. */
  readonly looks: 1 | 2
  /** 8 random hexadecimal digits: each noting is one of its own. */
  readonly id: string
}

/** @param randomId 8 digits of it make the note one of its own */
export function deadNote(key: string, notedMs: number, looks: DeadNote['looks'], randomId: string): DeadNote {
  return { kind: 'dead', key, notedMs, looks, id: randomId.slice(0, 8) }
}

/** This topic was deleted: what comes late to its logs and objects is looked for. */
export interface TopicNote {
  readonly kind: 'topic'
  readonly topicId: string
  readonly name: string
  /** How many it had heads for. */
  readonly partitions: number
  readonly notedMs: number
  /** How often what came late has been removed. */
  readonly sweeps: number
}

import type { DeadNote, IntentNote, Note, TopicNote } from '../../../core/garbage.ts'
import type { Level } from '../../../core/log/settled/segment.ts'
import { GARBAGE_KEY, NOTE_ATTRIBUTES, noteKey, parseNoteKey } from '../../../core/storage-layout.ts'
import {
  fields,
  type Item,
  itemKey,
  type Kind,
  number,
  sortKeyOf,
  string,
  text,
  whole,
} from '../table/attributes.ts'

const level: Kind<Level> = {
  write: written => (written === 'rolled' ? string(written) : number(written)),
  read: (value, name) => (value?.S === 'rolled' ? 'rolled' : whole.read(value, name)),
}
const looks: Kind<DeadNote['looks']> = {
  write: number,
  read: (value, name) => (whole.read(value, name) === 2 ? 2 : 1),
}

// What stands in a note's key is not repeated.
const INTENT = fields<Pick<IntentNote, 'level' | 'notedMs'>>(NOTE_ATTRIBUTES, { level, notedMs: whole })
const DEAD = fields<Pick<DeadNote, 'looks'>>(NOTE_ATTRIBUTES, { looks })
const TOPIC = fields<Omit<TopicNote, 'kind' | 'topicId'>>(NOTE_ATTRIBUTES, {
  name: text,
  partitions: whole,
  notedMs: whole,
  sweeps: whole,
})

export function noteItemKey(note: Note): Item {
  return itemKey(GARBAGE_KEY, noteKey(note))
}

export function encodeNoteItem(note: Note): Item {
  return { ...noteItemKey(note), ...encodeMembers(note) }
}

function encodeMembers(note: Note): Item {
  if (note.kind === 'intent') return INTENT.encode(note)
  return note.kind === 'dead' ? DEAD.encode(note) : TOPIC.encode(note)
}

/** @throws RangeError when the item is no note */
export function decodeNoteItem(item: Item): Note {
  const parsed = parseNoteKey(sortKeyOf(item))
  if (parsed.kind === 'intent') return { ...parsed, ...INTENT.decode(item) }
  return parsed.kind === 'dead' ? { ...parsed, ...DEAD.decode(item) } : { ...parsed, ...TOPIC.decode(item) }
}

import type { PartName } from './group/classic/parts.ts'

/** The names of what classic groups keep beside the group's own item; storage-layout.ts hands them out. */

const PREFIXES = { joined: 'join#', assigned: 'sync#' } as const
const GENERATION_DIGITS = 10

/** The start of the sort keys of all parts of a kind. They sort as their generations do. */
export function partsPrefix(kind: PartName['kind']): string {
  return PREFIXES[kind]
}

/** Sorts behind the sort keys of all parts of earlier generations, and before all others. */
export function partsEnd(kind: PartName['kind'], generation: number): string {
  return `${PREFIXES[kind]}${String(generation).padStart(GENERATION_DIGITS, '0')}`
}

/** A part's sort key. The member's id comes last, since it can be any text. */
export function partKey(name: PartName): string {
  const key = `${partsEnd(name.kind, name.generation)}#${name.id}#${name.part}`
  return name.kind === 'joined' ? key : `${key}#${name.memberId}`
}

/** @throws RangeError when the key is not a part's */
export function parsePartKey(key: string): PartName {
  const match = /^(join|sync)#(\d{10})#([0-9a-f]{32})#(\d+)(?:#(.*))?$/s.exec(key)
  if (!match) throw new RangeError(`${key} is not the key of a part`)
  const [, prefix, generation, id = '', part, memberId] = match
  const place = { generation: Number(generation), id, part: Number(part) }
  const name: PartName =
    memberId === undefined ? { kind: 'joined', ...place } : { kind: 'assigned', ...place, memberId }
  if (PREFIXES[name.kind] !== `${prefix}#`) throw new RangeError(`${key} is not the key of a part`)
  return name
}

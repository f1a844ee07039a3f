import type { ClassicGroup } from '../core/group/classic/classic-group.ts'
import type { PartName } from '../core/group/classic/parts.ts'
import type { Group } from '../core/group/group.ts'
import type { ClassicExpectation } from '../core/group/group-changes.ts'

/**
 * Groups by Kafka's classic protocol, in the items of groups. Every write is one atomic, durable step on one item, and every
 * read sees all writes that resolved before it began.
 */
export interface ClassicGroupStore {
  /**
   * Makes the group a classic one like this, or the next one of what it is; null: not one any more. On the condition that it
   * is as expected. Tells whether it was, and the group as it is then; undefined: there is none.
   */
  changeClassic(
    groupId: string,
    expected: ClassicExpectation,
    next: ClassicGroup | null,
  ): Promise<{ readonly held: boolean; readonly group: Group | undefined }>

  /** Puts one part. Parts never change. */
  putPart(groupId: string, name: PartName, bytes: Uint8Array): Promise<void>

  readPart(groupId: string, name: PartName): Promise<Uint8Array | undefined>

  /** All parts of a kind, in the order of their generations. */
  parts(groupId: string, kind: PartName['kind']): AsyncIterable<{ name: PartName; bytes: Uint8Array }>

  /** Removes the parts of earlier generations but those that are kept, by their ids. May be repeated. */
  removeOlderParts(
    groupId: string,
    kind: PartName['kind'],
    generation: number,
    keptIds: ReadonlySet<string>,
  ): Promise<void>
}

import { decodeGroup } from '../../../src/adapters/items/classic-groups.ts'
import { splitKey } from '../../../src/adapters/items/items.ts'
import type { ClassicGroup } from '../../../src/core/group/classic/classic-group.ts'
import { GROUP_META_KEY, GROUP_PREFIX, groupKey } from '../../../src/core/storage-layout.ts'
import { type PartitionId, partitionKey } from '../../../src/core/topic/partition-id.ts'

/** A group from when it became a classic one until it was removed, or became one of the other kind. */
interface Life {
  /** By generation: what it consists of. */
  readonly generations: Map<number, Generation>
  generation: number
  /** By partition: the highest generation that has committed. */
  readonly committed: Map<string, number>
}

interface Generation {
  readonly members: string
  readonly leader: string
  assignmentId: string | null
  /** What its leader has said, as whoever was told it has told us. */
  token?: string
}

/**
 * What classic groups promise: a generation has one leader, one set of members and one assignment, and generations only grow. A
 * member is told of a generation that it is in; and whoever commits under one that has gone changes nothing that a later one
 * has committed.
 */
export class ClassicPromises {
  readonly #violated: (problem: string) => void
  readonly #lives = new Map<string, Life>()
  generations = 0
  lives = 0

  constructor(violated: (problem: string) => void) {
    this.#violated = violated
  }

  /** Hears of every change of an item. */
  readonly changed = (key: string, _: Uint8Array | undefined, after: Uint8Array | undefined): void => {
    if (!key.startsWith(GROUP_PREFIX)) return
    const { partitionKey: group, sortKey } = splitKey(key)
    if (sortKey !== GROUP_META_KEY) return
    const classic = after && decodeGroup(after).classic
    if (classic) this.#classicChanged(group, classic)
    else this.#lives.delete(group)
  }

  /** Which life of its group somebody has part in; undefined: it is none of this kind. */
  lifeOf(groupId: string): object | undefined {
    return this.#lives.get(groupKey(groupId))
  }

  generationOf(groupId: string): number {
    return this.#lives.get(groupKey(groupId))?.generation ?? -1
  }

  /** A member was told what its leader has assigned. */
  assigned(life: object | undefined, generation: number, token: string): void {
    const known = (life as Life | undefined)?.generations.get(generation)
    if (!known) return
    known.token ??= token
    if (known.token !== token) {
      this.#violated(`two assignments: generation ${generation} was told ${known.token} and ${token}`)
    }
  }

  /** A commit was made, by a member of this generation. */
  committed(groupId: string, partition: PartitionId, generation: number): void {
    const life = this.#lives.get(groupKey(groupId))
    if (!life) return
    const key = partitionKey(partition)
    const highest = life.committed.get(key) ?? -1
    if (generation < highest) {
      this.#violated(`stale: ${key} was committed under ${highest}, and then under ${generation}`)
    }
    life.committed.set(key, generation)
  }

  #classicChanged(group: string, classic: ClassicGroup): void {
    const known = this.#lives.get(group)
    const life = known ?? { generations: new Map(), generation: 0, committed: new Map() }
    if (!known) this.lives += 1
    this.#lives.set(group, life)
    if (classic.generation < life.generation) {
      this.#violated(`back: generation ${classic.generation} of ${group} comes after ${life.generation}`)
    }
    life.generation = classic.generation
    if (classic.phase !== 'syncing' && classic.phase !== 'stable') return
    const leader = classic.members.find(({ memberId }) => memberId === classic.leader)
    if (!leader) {
      this.#violated(`no leader: generation ${classic.generation} of ${group}`)
      return
    }
    const now: Generation = {
      members: JSON.stringify(classic.members.map(({ assignedAs }) => assignedAs).sort()),
      leader: leader.assignedAs,
      assignmentId: classic.assignmentId,
    }
    const before = life.generations.get(classic.generation)
    if (!before) {
      this.generations += 1
      life.generations.set(classic.generation, now)
      return
    }
    if (before.members !== now.members || before.leader !== now.leader) {
      this.#violated(
        `two generations: ${classic.generation} of ${group} is ${JSON.stringify(now)}, and was ${JSON.stringify(before)}`,
      )
    }
    if (before.assignmentId !== null && before.assignmentId !== now.assignmentId) {
      this.#violated(`two assignments: generation ${classic.generation} of ${group}`)
    }
    before.assignmentId = now.assignmentId
  }
}

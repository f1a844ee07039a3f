import type { FaultSource, SimulatedProcess } from '../../../src/adapters/memory/network.ts'
import type { Clock } from '../../../src/ports/clock.ts'
import type { GroupStore } from '../../../src/ports/group-store.ts'
import { withFaults } from '../with-faults.ts'

const WRITES = [
  'createGroup',
  'markGroup',
  'winCheck',
  'setTarget',
  'putMember',
  'renewLease',
  'removeMember',
  'putTargetChunk',
  'removeOlderTargets',
  'setOwner',
  'commit',
  'removeGroup',
] as const satisfies (keyof GroupStore)[]

/** The group store as a process sees it across an unreliable network; a listing is one call that can fail. */
export function groupStoreAcross(
  store: GroupStore,
  faults: FaultSource,
  process: SimulatedProcess,
  clock: Clock,
): GroupStore {
  const calls = withFaults(store, WRITES, faults, process, clock)
  const listings = withFaults(
    {
      members: (groupId: string) => collect(store.members(groupId)),
      claims: (groupId: string) => collect(store.claims(groupId)),
      groups: () => collect(store.groups()),
    },
    [],
    faults,
    process,
    clock,
  )
  const streams: Pick<GroupStore, 'members' | 'claims' | 'groups'> = {
    members: async function* (groupId) {
      yield* await listings.members(groupId)
    },
    claims: async function* (groupId) {
      yield* await listings.claims(groupId)
    },
    groups: async function* () {
      yield* await listings.groups()
    },
  }
  return new Proxy(calls, {
    get: (target, name) =>
      name in streams ? streams[name as keyof typeof streams] : Reflect.get(target, name),
  })
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

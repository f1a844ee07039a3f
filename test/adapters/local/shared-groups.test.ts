import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type LocalStore, openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { toOffset } from '../../../src/core/numbers.ts'
import { freshPartition } from '../../conformance/samples.ts'

/** Several brokers on one directory, as several processes are: each has a connection of its own. */
let directory: string
let stores: LocalStore[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-shared-groups-'))
  stores = []
  for (let number = 0; number < 4; number += 1) stores.push(await openLocalStore(directory))
})
afterEach(async () => {
  await Promise.all(stores.map(store => store.close()))
  await rm(directory, { recursive: true })
})

test('a partition has one owner, whichever broker is asked', async () => {
  await stores[0]!.groups.createGroup('g', 'range')
  const partitions = Array.from({ length: 25 }, (_, partition) => freshPartition(partition))
  const tries = stores.flatMap(({ groups }, number) =>
    partitions.map(async partition => {
      const owner = `member-${number}`
      return { partition, owner, ...(await groups.setOwner('g', partition, owner, undefined)) }
    }),
  )
  const outcomes = await Promise.all(tries)
  for (const partition of partitions) {
    const winners = outcomes.filter(outcome => outcome.partition === partition && outcome.held)
    expect(winners).toHaveLength(1)
    for (const { groups } of stores) {
      expect(await groups.readClaim('g', partition)).toMatchObject({
        owner: winners[0]!.owner,
        generation: 1,
      })
    }
  }
})

test('no mark is lost, and commits follow one another', async () => {
  await stores[0]!.groups.createGroup('g', 'range')
  await Promise.all(stores.flatMap(({ groups }) => Array.from({ length: 25 }, () => groups.markGroup('g'))))
  expect(await stores[3]!.groups.readGroup('g')).toMatchObject({ marks: 100 })
  const partition = freshPartition()
  const commits = stores.map(({ groups }, number) => {
    const committed = { offset: toOffset(number), leaderEpoch: 0, metadata: '', committedMs: number }
    return groups.commit('g', partition, committed, 'unowned', null)
  })
  expect((await Promise.all(commits)).filter(({ held }) => held)).toHaveLength(1)
})

test('a group that one broker removes is gone for all, and outlives their restart otherwise', async () => {
  const [first, second] = stores as [LocalStore, LocalStore]
  for (const groupId of ['a/b', 'a#b']) {
    await first.groups.createGroup(groupId, 'range')
    await first.groups.setOwner(groupId, freshPartition(), 'one', undefined)
  }
  await second.groups.removeGroup('a/b')
  expect(await first.groups.readGroup('a/b')).toBeUndefined()
  await Promise.all(stores.map(store => store.close()))
  stores = [await openLocalStore(directory)]
  const listed: string[] = []
  for await (const groupId of stores[0]!.groups.groups()) listed.push(groupId)
  expect(listed).toEqual(['a#b'])
  expect(await stores[0]!.groups.readGroup('a/b')).toBeUndefined()
  for await (const { owner } of stores[0]!.groups.claims('a#b')) expect(owner).toBe('one')
})

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { triggerKey } from '../../src/core/storage-layout.ts'
import { checkTriggerSettings } from '../../src/core/trigger/settings.ts'
import type { Trigger, TriggerSettings } from '../../src/core/trigger/trigger.ts'
import type { TriggerStore } from '../../src/ports/trigger-store.ts'
import { freshId } from './samples.ts'

export interface OpenedTriggerStore {
  readonly triggers: TriggerStore
  close(): Promise<void>
}

const PLAIN = checkTriggerSettings({})

/** What every TriggerStore promises. The store is opened once, and need not be empty nor used by nobody else. */
export function describeTriggerStore(name: string, open: () => Promise<OpenedTriggerStore>): void {
  describe(`${name} as a trigger store`, () => {
    let opened: OpenedTriggerStore
    let triggers: TriggerStore

    beforeAll(async () => {
      opened = await open()
      triggers = opened.triggers
    })
    afterAll(async () => {
      await opened.close()
    })

    const freshGroup = () => `conformance-${freshId()}`

    function triggerOf(overrides: Partial<Trigger> = {}): Trigger {
      return {
        triggerId: freshId(),
        groupId: freshGroup(),
        topic: 'tides',
        target: 'arn:aws:lambda:eu-west-1:000000000000:function:tides',
        state: 'active',
        settings: PLAIN,
        createdMs: 1_750_000_000_000,
        version: 1,
        ...overrides,
      }
    }

    const next = (trigger: Trigger, overrides: Partial<Trigger> = {}): Trigger => ({
      ...trigger,
      version: trigger.version + 1,
      ...overrides,
    })

    async function listed(groupId?: string): Promise<Trigger[]> {
      const found: Trigger[] = []
      for await (const trigger of triggers.triggers(groupId)) found.push(trigger)
      return found
    }

    test.each<[string, Partial<TriggerSettings>]>([
      ['only defaults', {}],
      [
        'everything set',
        {
          batchSize: 10_000,
          maxBatchingWindowMs: 300_000,
          startingPosition: { timestampMs: Number.MAX_SAFE_INTEGER },
          parallelism: 4,
          retryAttempts: 0,
          maxRecordAgeMs: 60_000,
          bisectBatchOnError: true,
          reportBatchItemFailures: true,
          filters: ['{"value":{"port":["Brest","Saint-Malo"]}}', '{"key":["größe"]}'],
          onFailure: 'tidemark://lost',
          callTimeoutMs: 900_000,
        },
      ],
      ['the latest', { startingPosition: 'latest' }],
      ['the first millisecond', { startingPosition: { timestampMs: 0 } }],
    ])('gives back a trigger as it was put: %s', async (_, settings) => {
      const trigger = triggerOf({ settings: { ...PLAIN, ...settings }, state: 'paused' })
      expect(await triggers.putTrigger(trigger)).toBe(true)
      expect(await triggers.readTrigger(trigger.groupId, trigger.topic)).toEqual(trigger)
    })

    test('has no trigger of a group and topic that has none', async () => {
      const trigger = triggerOf()
      await triggers.putTrigger(trigger)
      expect(await triggers.readTrigger(trigger.groupId, 'rivers')).toBeUndefined()
      expect(await triggers.readTrigger(freshGroup(), trigger.topic)).toBeUndefined()
      expect(await listed(freshGroup())).toEqual([])
    })

    test('takes the longest names there are, and groups of any characters', async () => {
      const topic = 't'.repeat(249)
      for (const groupId of [`€${freshId()}`.padEnd(249, '€'), `${freshGroup()}/#%2F ü😀`.padEnd(249, '#')]) {
        const trigger = triggerOf({ groupId, topic })
        expect(await triggers.putTrigger(trigger)).toBe(true)
        expect(await triggers.readTrigger(groupId, topic)).toEqual(trigger)
        expect(await listed(groupId)).toEqual([trigger])
      }
    })

    test('puts a first version only where there is none', async () => {
      const trigger = triggerOf()
      expect(await triggers.putTrigger(trigger)).toBe(true)
      expect(await triggers.putTrigger(trigger)).toBe(false)
      expect(await triggers.putTrigger({ ...trigger, triggerId: freshId() })).toBe(false)
      expect(await triggers.readTrigger(trigger.groupId, trigger.topic)).toEqual(trigger)
    })

    test('puts another version only on the one before', async () => {
      const first = triggerOf()
      const second = next(first, { state: 'paused' })
      const third = next(second, { settings: { ...PLAIN, batchSize: 7 } })
      expect(await triggers.putTrigger(second)).toBe(false)
      await triggers.putTrigger(first)
      expect(await triggers.putTrigger(third)).toBe(false)
      expect(await triggers.putTrigger(second)).toBe(true)
      expect(await triggers.putTrigger(next(first, { target: 'another' }))).toBe(false)
      expect(await triggers.readTrigger(first.groupId, first.topic)).toEqual(second)
      expect(await triggers.putTrigger(third)).toBe(true)
      expect(await triggers.readTrigger(first.groupId, first.topic)).toEqual(third)
    })

    test('lets one of twenty who make it win', async () => {
      const groupId = freshGroup()
      const made = Array.from({ length: 20 }, () => triggerOf({ groupId }))
      const won = await Promise.all(made.map(trigger => triggers.putTrigger(trigger)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await triggers.readTrigger(groupId, 'tides')).toEqual(made[won.indexOf(true)])
    })

    test('lets one of twenty changes of the same version win', async () => {
      const trigger = triggerOf()
      await triggers.putTrigger(trigger)
      const changes = Array.from({ length: 20 }, (_, number) => next(trigger, { target: `target-${number}` }))
      const won = await Promise.all(changes.map(change => triggers.putTrigger(change)))
      expect(won.filter(Boolean)).toHaveLength(1)
      expect(await triggers.readTrigger(trigger.groupId, trigger.topic)).toEqual(changes[won.indexOf(true)])
    })

    test('removes the trigger of an id, whatever its version, and again', async () => {
      const trigger = triggerOf()
      await triggers.putTrigger(trigger)
      await triggers.putTrigger(next(trigger))
      const { groupId, topic, triggerId } = trigger
      expect(await triggers.removeTrigger(groupId, topic, freshId())).toBe(false)
      expect(await triggers.readTrigger(groupId, topic)).toEqual(next(trigger))
      expect(await triggers.removeTrigger(groupId, topic, triggerId)).toBe(true)
      expect(await triggers.readTrigger(groupId, topic)).toBeUndefined()
      expect(await triggers.removeTrigger(groupId, topic, triggerId)).toBe(true)
    })

    test('does not take a trigger that was removed and made again for the old one', async () => {
      const old = triggerOf()
      const { groupId, topic } = old
      await triggers.putTrigger(old)
      await triggers.removeTrigger(groupId, topic, old.triggerId)
      expect(await triggers.putTrigger(next(old))).toBe(false)
      const anew = { ...old, triggerId: freshId() }
      expect(await triggers.putTrigger(anew)).toBe(true)
      expect(await triggers.removeTrigger(groupId, topic, old.triggerId)).toBe(false)
      expect(await triggers.readTrigger(groupId, topic)).toEqual(anew)
    })

    test('lists all triggers in the order of their keys, and those of one group', async () => {
      const groupId = freshGroup()
      // Groups whose ids begin with this one's, and topics on either side of what parts the two.
      const names = ['', '-', '!', '/x', '#', '$', '%', '%23', 'ä', '😀', '\uffff'].flatMap(suffix =>
        ['a', 'A', '-', '0', 'a.b'].map(topic => ({ groupId: `${groupId}${suffix}`, topic })),
      )
      for (const named of names.toReversed()) await triggers.putTrigger(triggerOf(named))
      const keysOf = (found: Trigger[]) =>
        found.filter(trigger => trigger.groupId.startsWith(groupId)).map(triggerKey)
      const sorted = names.map(triggerKey).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      expect(keysOf(await listed())).toEqual(sorted)
      for (const suffix of ['', '#', '%', '/x', '\uffff']) {
        const found = await listed(`${groupId}${suffix}`)
        expect(found.map(({ topic }) => topic)).toEqual(['-', '0', 'A', 'a', 'a.b'])
        expect(new Set(found.map(trigger => trigger.groupId))).toEqual(new Set([`${groupId}${suffix}`]))
      }
    })

    test('can change while it is being listed', async () => {
      const groupId = freshGroup()
      for (const topic of ['a', 'b', 'c']) await triggers.putTrigger(triggerOf({ groupId, topic }))
      const seen: string[] = []
      for await (const { topic, triggerId } of triggers.triggers(groupId)) {
        seen.push(topic)
        expect(await triggers.removeTrigger(groupId, topic, triggerId)).toBe(true)
      }
      expect(seen).toEqual(['a', 'b', 'c'])
      expect(await listed(groupId)).toEqual([])
    })

    test('is not changed by changing what it was given or gave', async () => {
      const filters = ['{"key":["a"]}']
      const trigger = triggerOf({ settings: { ...PLAIN, filters } })
      await triggers.putTrigger(trigger)
      filters.push('{}')
      const got = (await triggers.readTrigger(trigger.groupId, trigger.topic))!
      expect(got.settings.filters).toHaveLength(1)
      ;(got.settings.filters as string[]).push('{}')
      expect((await listed(trigger.groupId))[0]?.settings.filters).toHaveLength(1)
    })

    test('refuses half a character, which no store of UTF-8 can keep', async () => {
      await expect(triggers.putTrigger(triggerOf({ groupId: '\ud83d' }))).rejects.toThrow(RangeError)
    })
  })
}

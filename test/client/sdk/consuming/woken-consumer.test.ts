/** A consumer that is woken as on AWS: what wake-ups bring it takes, and what they do not it fetches. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openMemoryStore } from '../../../../src/adapters/memory/memory-store.ts'
import { LogBroker } from '../../../../src/broker/log-broker.ts'
import { WakeListeners } from '../../../../src/broker/waking/wake-listeners.ts'
import { Tidemark } from '../../../../src/client/sdk/tidemark.ts'
import { INLINE_BYTES_MAX, WAKE_PAUSE_MS } from '../../../../src/core/limits.ts'
import { encodeBatch } from '../../../../src/core/record/index.ts'
import { parseBrokerMessage } from '../../../../src/core/waking/messages.ts'
import type { Post } from '../../../../src/core/waking/posts.ts'
import { systemClock, systemEntropy } from '../../../../src/embedded/system.ts'
import { WokenBroker } from '../../../broker/waking/woken-broker.ts'
import { until } from './group-of-consumers.ts'

/** A consumer of a topic, woken and at its end, whose armings are all so old that they stay. */
async function open(partitions = 1) {
  // Whoever arms does so a while ago.
  const clock = { nowMs: () => systemClock.nowMs() - WAKE_PAUSE_MS }
  const store = openMemoryStore(systemClock)
  const ports = { ...store, clock: systemClock, entropy: systemEntropy }
  const broker = new LogBroker(ports, { lingerMs: 0, flushes: 'elsewhere', reportError: console.error })
  onTestFinished(() => broker.close())
  const { topicId } = await broker.createTopic({ topic: 'tides', partitions })
  const woken = new WokenBroker({ broker, listeners: store.listeners, clock })
  const wakes = new WakeListeners({ ...ports, posts: woken.posts })
  const got: string[] = []
  const consumer = new Tidemark({ broker: woken.broker }).consumer({ retry: { initialRetryTime: 5 } })
  onTestFinished(() => consumer.disconnect(), 10_000)
  const places = Array.from({ length: partitions }, (_, partition) => ({
    topic: 'tides',
    partition,
    offset: '0',
  }))
  await consumer.assign(places)
  await consumer.run({
    eachMessage: async ({ partition, message }) =>
      void got.push(`${partition} ${message.offset} ${message.value?.subarray(0, 10)}`),
  })
  await until(() =>
    woken.fetches.some(({ partitions: all }) => all.filter(({ arm }) => arm).length === partitions),
  )
  await sleep(20)
  const append = (value: string, partition = 0) =>
    broker.produce({
      topic: 'tides',
      partition,
      batches: encodeBatch([{ value: Buffer.from(value) }], { nowMs: Date.now() }),
    })
  const dispatch = (partition = 0) => wakes.wakeChanged([{ topicId, partition }])
  return { woken, consumer, got, append, dispatch, broker }
}

describe('a wake-up', () => {
  test('that brings all there is costs no fetch, of one partition and of others', async () => {
    const { woken, got, append, dispatch } = await open(2)
    const before = woken.fetches.length
    await append('ebb', 1)
    await dispatch(1)
    await append('flood', 0)
    await dispatch(0)
    await until(() => got.length === 2)
    expect(got).toEqual(['1 0 ebb', '0 0 flood'])
    await sleep(20)
    expect(woken.fetches.length).toBe(before)
    expect(woken.posted).toHaveLength(2)
  })

  test('before which one was lost is made up for by a fetch that does not arm', async () => {
    const { woken, got, append, dispatch } = await open()
    await append('lost')
    const { post } = woken.posts
    woken.posts.post = async () => []
    await dispatch()
    woken.posts.post = post
    await sleep(WAKE_PAUSE_MS)
    const before = woken.fetches.length
    await append('heard')
    await dispatch()
    await until(() => got.length === 2)
    expect(got).toEqual(['0 0 lost', '0 1 heard'])
    expect(woken.fetches.slice(before).flatMap(({ partitions }) => partitions.map(({ arm }) => arm))).toEqual(
      [undefined],
    )
  })

  test('of what is too large for it has that fetched', async () => {
    const { woken, got, append, dispatch } = await open()
    const before = woken.fetches.length
    await append('spring '.repeat(INLINE_BYTES_MAX))
    await dispatch()
    await until(() => got.length === 1)
    expect(got[0]).toBe('0 0 spring spr')
    expect(woken.fetches.length).toBe(before + 1)
    const told = parseBrokerMessage(woken.posted.at(-1)!.message)
    expect(told).toMatchObject({ partitions: [{ from: 0, endOffset: 1 }] })
  })

  test('that comes twice, and one that comes late, deliver nothing twice', async () => {
    const { woken, got, append, dispatch } = await open()
    for (const text of ['one', 'two']) {
      await append(text)
      await dispatch()
      await sleep(WAKE_PAUSE_MS)
    }
    const [first, second] = woken.posted
    await woken.posts.post([second!, first!, second!])
    await until(() => got.length === 2)
    await sleep(50)
    expect(got).toEqual(['0 0 one', '0 1 two'])
  })

  test('that comes after a later one leaves nothing unread', async () => {
    const { woken, got, append, dispatch } = await open()
    const { post } = woken.posts
    const held: Post[] = []
    woken.posts.post = async posts => {
      held.push(...posts)
      return []
    }
    for (const text of ['one', 'two']) {
      await append(text)
      await dispatch()
      await sleep(WAKE_PAUSE_MS)
    }
    await post(held.toReversed())
    await until(() => got.length === 2)
    expect(got).toEqual(['0 0 one', '0 1 two'])
  })

  test('with what is damaged has the fetch tell', async () => {
    const { woken, got, append, dispatch } = await open()
    const { post } = woken.posts
    woken.posts.post = posts =>
      post(
        posts.map(({ socket, message }) => ({
          socket,
          message: message.replace(/"batches":"[^"]{80}/, start => `${start.slice(0, -4)}AAAA`),
        })),
      )
    await append('ebb')
    await dispatch()
    await until(() => got.length === 1)
    expect(got).toEqual(['0 0 ebb'])
  })

  test('for a partition that is paused is not taken, and what it told of is there afterwards', async () => {
    const { woken, consumer, got, append, dispatch } = await open()
    consumer.pause([{ topic: 'tides' }])
    await append('ebb')
    await dispatch()
    await sleep(50)
    expect(got).toEqual([])
    consumer.resume([{ topic: 'tides' }])
    await until(() => got.length === 1)
    const armings = woken.fetches.filter(({ partitions }) => partitions.some(({ arm }) => arm))
    expect(armings.length).toBeGreaterThan(1)
  })

  test('soon after another uses the arming up, and the fetch arms anew', async () => {
    const { woken, got, append, dispatch } = await open()
    for (const text of ['one', 'two']) {
      await append(text)
      await dispatch()
    }
    await until(() => got.length === 2)
    const last = woken.fetches.at(-1)!
    expect(last.partitions).toMatchObject([{ arm: true, armFrom: 2 }])
    expect(got).toEqual(['0 0 one', '0 1 two'])
  })

  test('to a socket that is gone disarms it', async () => {
    const { woken, append, dispatch } = await open()
    woken.cutAll()
    await append('one')
    expect(await dispatch()).toBe(1)
    await sleep(WAKE_PAUSE_MS)
    await append('two')
    expect(await dispatch()).toBe(0)
  })
})

import { expect, test } from 'vitest'
import { createTopic, deleteTopics, describeTopic, listTopics } from '../../src/cli/commands/topic.ts'
import { TidemarkError } from '../../src/core/errors.ts'
import { openInMemory } from '../../src/embedded/embedded.ts'
import { fakeTerminal } from './fake-terminal.ts'

test('topics are listed in a table or as JSON', async () => {
  const { broker, close } = openInMemory()
  const empty = fakeTerminal()
  await listTopics(broker, { json: false }, empty)
  expect(empty.printed().toString()).toBe('')
  expect(empty.noted()).toContain('no topics yet')

  await createTopic(broker, { topic: 'tides', partitions: 12 }, { ifNotExists: false }, fakeTerminal())
  await createTopic(broker, { topic: 'a' }, { ifNotExists: false }, fakeTerminal())
  const table = fakeTerminal()
  await listTopics(broker, { json: false }, table)
  expect(table.printed().toString()).toMatch(/^TOPIC +PARTITIONS +ID\na +1 +\S+\ntides +12 +\S+\n$/)
  const json = fakeTerminal()
  await listTopics(broker, { json: true }, json)
  expect(JSON.parse(json.printed().toString())).toMatchObject([
    { topic: 'a' },
    { topic: 'tides', partitions: 12 },
  ])
  await close()
})

test('a description has the offsets and where each config comes from', async () => {
  const { broker, close } = openInMemory()
  await broker.createTopic({ topic: 'tides', configs: { 'retention.ms': '5000' } })
  const terminal = fakeTerminal()
  await describeTopic(broker, 'tides', { json: false }, terminal)
  const text = terminal.printed().toString()
  expect(text).toMatch(/PARTITION +START OFFSET +END OFFSET +OFFSETS\n +0 +0 +0 +0\n/)
  expect(text).toMatch(/retention\.ms +5000 +set here\n/)
  expect(text).not.toContain('kept')
  expect(text).toMatch(/flush\.ms +5000 +default\n/)
  await close()
})

test('a topic that exists fails, unless that is all right', async () => {
  const { broker, close } = openInMemory()
  await broker.createTopic({ topic: 'tides' })
  const again = (ifNotExists: boolean) =>
    createTopic(broker, { topic: 'tides' }, { ifNotExists }, fakeTerminal())
  await expect(again(false)).rejects.toThrow(TidemarkError)
  expect(await again(true)).toBe(0)
  await close()
})

test('one topic that cannot be deleted does not keep the others', async () => {
  const { broker, close } = openInMemory()
  for (const topic of ['a', 'b']) await broker.createTopic({ topic })
  const terminal = fakeTerminal()
  expect(await deleteTopics(broker, ['a', 'gone', 'b'], { ifExists: false }, terminal)).toBe(1)
  expect(terminal.noted()).toContain('UNKNOWN_TOPIC_OR_PARTITION')
  expect(await broker.listTopics()).toEqual([])
  expect(await deleteTopics(broker, ['gone'], { ifExists: true }, fakeTerminal())).toBe(0)
  await close()
})

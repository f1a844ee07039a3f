import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkTopicName } from '../../../src/core/topic/topic-name.ts'

const refused = (name: string) =>
  expect(() => checkTopicName(name)).toThrow(
    expect.objectContaining({ kafkaName: 'INVALID_TOPIC_EXCEPTION' }),
  )

test.each(['a', 'orders', 'Orders_2.v-1', '...', '-', 'a'.repeat(249)])('allows %s', name => {
  expect(() => checkTopicName(name)).not.toThrow()
})

test.each(['', '.', '..', 'a'.repeat(250), 'a b', 'a/b', 'a\nb', 'a\n', 'é', 'a\0', 'a:b'])(
  'refuses %j',
  refused,
)

test('refuses exactly what Kafka refuses', () => {
  const legal = fc.stringMatching(/^[a-zA-Z0-9._-]{1,249}$/)
  fc.assert(
    fc.property(
      legal,
      fc.constantFrom(...' !"#$%&\'()*+,/:;<=>?@[\\]^`{|}~é\n'),
      fc.nat(),
      (name, bad, at) => {
        if (name !== '.' && name !== '..') checkTopicName(name)
        const place = at % (name.length + 1)
        refused(name.slice(0, place) + bad + name.slice(place))
      },
    ),
  )
})

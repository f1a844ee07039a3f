import { expect, test } from 'vitest'
import { handler } from '../../../src/gateway/apis/handler.ts'
import { HANDLERS } from '../../../src/gateway/apis/handlers.ts'

test('each API is offered once, in the order of their keys', () => {
  const keys = HANDLERS.map(({ api }) => api.key)
  expect(keys).toEqual([...new Set(keys)].sort((one, other) => one - other))
})

test('a handler has its API, its versions and what it does', () => {
  const api = {
    key: 99,
    name: 'Tide',
    isFlexible: () => false,
    decodeRequest: () => 'when',
    encodeResponse: () => [],
  }
  const answer = async () => 'now'
  expect(handler(api, [1, 2], answer)).toEqual({ api, versions: [1, 2], answer })
})

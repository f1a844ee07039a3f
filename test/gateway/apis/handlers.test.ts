import { expect, test } from 'vitest'
import { handler } from '../../../src/gateway/apis/handler.ts'
import { HANDLERS } from '../../../src/gateway/apis/handlers.ts'
import { Metadata } from '../../../src/gateway/wire/messages/metadata.ts'

test('each API is offered once, in the order of their keys, in versions that there is a table of', () => {
  const keys = HANDLERS.map(({ api }) => api.key)
  expect(keys).toEqual([...new Set(keys)].sort((one, other) => one - other))
  for (const { api, versions } of HANDLERS) {
    const [lowest, highest] = versions
    expect([api.name, api.versions[0] <= lowest, highest <= api.versions[1]]).toEqual([api.name, true, true])
  }
})

test('a handler has its API, its versions and what it does', () => {
  const answer = async () => undefined
  expect(handler(Metadata, [1, 2], answer)).toEqual({ api: Metadata, versions: [1, 2], answer })
})

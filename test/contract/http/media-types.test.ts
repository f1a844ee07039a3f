import { expect, test } from 'vitest'
import { chooseMediaType, mediaTypeOf } from '../../../src/contract/http/media-types.ts'

const offered = ['application/json', 'application/x-b'] as const

test.each([
  [null, 'application/json'],
  ['', 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['application/x-b', 'application/x-b'],
  ['APPLICATION/X-B', 'application/x-b'],
  ['application/json;q=0.5, application/x-b', 'application/x-b'],
  ['*/*, application/json;q=0', 'application/x-b'],
  ['application/x-b;q=0.1, */*;q=0.2', 'application/json'],
  ['text/html', undefined],
  ['application/json;q=0', undefined],
  ['application/json;q=2', undefined],
  ['application/json;q=x', undefined],
  [';,;,', undefined],
])('Accept: %s takes %s', (accept, expected) => {
  expect(chooseMediaType(accept, offered)).toBe(expected)
})

test('a content type is compared without parameters and case', () => {
  expect(mediaTypeOf(' Application/JSON ; charset=utf-8')).toBe('application/json')
  expect(mediaTypeOf('')).toBeUndefined()
  expect(mediaTypeOf(null)).toBeUndefined()
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HANDLERS } from '../../src/gateway/apis/handlers.ts'

test('the page of clients lists every API and its versions', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/kafka-clients.md'), 'utf8')
  const listed = Array.from(page.matchAll(/^\| \d+ \| [A-Z].*\|$/gm), ([row]) => row)
  const offered = HANDLERS.map(({ api, versions: [first, last] }) => {
    const versions = first === last ? String(first) : `${first}–${last}`
    return `| ${api.key} | ${api.name} | ${versions} |`
  })
  expect(listed).toEqual(offered)
})

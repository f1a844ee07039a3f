import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import * as client from '../../src/client/index.ts'

test.each(['client', 'client/kafkajs'])(
  '%s alone brings neither a server nor a database nor AWS along',
  async entry => {
    const place = fileURLToPath(new URL(`../../src/${entry}/index.ts`, import.meta.url))
    const { metafile } = await build({
      entryPoints: [place],
      bundle: true,
      write: false,
      metafile: true,
      format: 'esm',
      platform: 'node',
      packages: 'external',
    })
    const imports = Object.values(metafile.inputs).flatMap(input => input.imports)
    const external = imports.filter(each => each.external).map(({ path }) => path)
    expect(external).toContain('zod')
    expect(
      external.filter(path => /hono|@aws-sdk|@smithy|commander|sqlite|node:http|node:fs/.test(path)),
    ).toEqual([])
  },
)

test('it offers what a producer and a consumer need', () => {
  const names = ['HttpBroker', 'TidemarkError', 'decodeBatches', 'encodeBatch', 'fetchLocated', 'toOffset']
  expect(Object.keys(client)).toEqual(expect.arrayContaining(names))
})

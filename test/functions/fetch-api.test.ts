import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as slim from '../../functions/slimming/fetch-api.ts'

/** What both are held against: the same calls, told by what comes of them. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call()
  } catch (error) {
    return (error as Error).name
  }
}

const name = fc.oneof(
  fc.constantFrom('Accept', 'accept', 'x-a', 'X-A', 'cookie', 'content-type', '', 'a b', 'ä'),
  fc.string({ maxLength: 4 }),
)
const value = fc.oneof(
  fc.constantFrom('', ' a ', '\ta\r\n', 'a\nb', 'a\0', 'ÿ', '…', 'text/html'),
  fc.string({ maxLength: 4 }),
)
const headers = fc.array(fc.tuple(name, value), { maxLength: 5 })
const method = fc.constantFrom(
  'GET',
  'post',
  'Patch',
  'patch',
  'BREW',
  'CONNECT',
  'trace',
  'a b',
  '',
  'options',
)
const url = fc.constantFrom('https://a/b?c=d#e', 'https://A/%41/../b', 'https://user:pw@a/', 'https://a')
const text = fc.oneof(fc.constantFrom(''), fc.string({ unit: 'binary' }))
const bytes = fc.uint8Array({ maxLength: 40 })

describe("functions' own Headers, Request and Response are like Node's", () => {
  test('headers', async () => {
    const use = (Kind: typeof slim.Headers) => (given: [string, string][], asked: string) => {
      const made = new Kind()
      for (const [each, content] of given) made.append(each, content)
      const listed: [string, string][] = []
      made.forEach((content, each) => {
        listed.push([each, content])
      })
      const copy = new Kind(made)
      copy.set('x-set', ' 1 ')
      copy.set('x-set', '2')
      const had = [made.get(asked), made.has(asked)]
      made.delete(asked)
      return [had, [...made], listed, [...copy.entries()], [...new Kind({ 'X-B': 'c' })]]
    }
    await fc.assert(
      fc.asyncProperty(headers, name, async (given, asked) => {
        expect(await outcome(() => use(slim.Headers)(given, asked))).toEqual(
          await outcome(() => use(globalThis.Headers as unknown as typeof slim.Headers)(given, asked)),
        )
      }),
      { numRuns: 1_000 },
    )
  })

  test('requests', async () => {
    const use = (Kind: typeof slim.Request) => async (place: string, how: string, body: Uint8Array) => {
      const hasBody = !/^(get|head)$/i.test(how)
      const init = { method: how, headers: { 'x-a': 'b' }, ...(hasBody && { body: Buffer.from(body) }) }
      const made = new Kind(new URL(place), init)
      const { method, url, signal } = made
      const read = [...new Uint8Array(await made.arrayBuffer())]
      return [method, url, signal.aborted, [...made.headers], read]
    }
    await fc.assert(
      fc.asyncProperty(url, method, bytes, async (...given) => {
        expect(await outcome(() => use(slim.Request)(...given))).toEqual(
          await outcome(() => use(globalThis.Request as unknown as typeof slim.Request)(...given)),
        )
      }),
    )
  })

  test('responses', async () => {
    const use =
      (Kind: typeof slim.Response) => async (content: string | Uint8Array | null, isStream: boolean) => {
        const stream = () => ReadableStream.from([Buffer.from('a'), Buffer.from(content ?? '')])
        const body = isStream ? stream() : (content as Uint8Array<ArrayBuffer> | string | null)
        const made = new Kind(body, { status: 201, headers: { 'x-a': 'b' } })
        const { status } = made
        const empty = new Kind(null, made)
        const copy = new Kind(made.body, made)
        return [
          [status, [...copy.headers], [...new Uint8Array(await copy.arrayBuffer())]],
          [empty.status, [...empty.headers], (await empty.arrayBuffer()).byteLength, empty.body],
          new Kind().status,
        ]
      }
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, bytes, fc.constant(null)), fc.boolean(), async (...given) => {
        expect(await outcome(() => use(slim.Response)(...given))).toEqual(
          await outcome(() => use(globalThis.Response as unknown as typeof slim.Response)(...given)),
        )
      }),
    )
  })

  test('a body is read in chunks, too', async () => {
    const request = new slim.Request(new URL('https://a/'), { method: 'POST', body: Buffer.from('tide') })
    const { value: chunk } = await request.body!.getReader().read()
    expect(Buffer.from(chunk!).toString()).toBe('tide')
  })
})

import type { HonoRequest } from 'hono'

/** Names and values in which nothing is encoded, of which each has both. */
const PLAIN = /^(?:[a-z][A-Za-z]*=[\w.:,~-]*(?:&|$))+$/

/** What a query says; a parameter that comes twice is shown as a list. */
export function readQuery(request: HonoRequest): Readonly<Record<string, string | string[]>> {
  const { url } = request
  const start = url.indexOf('?')
  if (start < 0) return {}
  const text = url.slice(start + 1)
  return (PLAIN.test(text) && readPlain(text)) || readAny(request)
}

/** Most are so, and what follows takes several times as long. Undefined where a name comes twice. */
function readPlain(text: string): Record<string, string> | undefined {
  const values: Record<string, string> = {}
  for (const pair of text.split('&')) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (name === '') continue
    if (Object.hasOwn(values, name)) return undefined
    values[name] = pair.slice(at + 1)
  }
  return values
}

function readAny(request: HonoRequest): Record<string, string | string[]> {
  const entries = Object.entries(request.queries())
  return Object.fromEntries(
    entries.map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
  )
}

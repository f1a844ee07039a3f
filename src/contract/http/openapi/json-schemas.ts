import * as z from 'zod'

const HERE = '#/$defs/'
const COMPONENTS = '#/components/schemas/'

type JsonSchema = Readonly<Record<string, unknown>>

/** zod's schemas as JSON Schema. Those with an id become components of the document, each once. */
export class JsonSchemas {
  readonly #components = new Map<string, JsonSchema>()

  describe(schema: z.ZodType): JsonSchema {
    // As a member, so that one that has an id is no exception. What is sent may have members that are not told of here.
    const { properties, $defs = {} } = z.toJSONSchema(z.object({ schema }), { io: 'input' })
    for (const [id, definition] of Object.entries($defs)) {
      if (!this.#components.has(id)) this.#components.set(id, inDocument(definition as JsonSchema))
    }
    return inDocument(properties!.schema as JsonSchema)
  }

  components(): Record<string, JsonSchema> {
    return Object.fromEntries([...this.#components].sort(([one], [other]) => (one < other ? -1 : 1)))
  }
}

/** With references to components. */
function inDocument({ id: _, ...schema }: JsonSchema): JsonSchema {
  return JSON.parse(
    JSON.stringify(schema, (name, value) =>
      name === '$ref' && typeof value === 'string' ? value.replace(HERE, COMPONENTS) : value,
    ),
  )
}

#!/usr/bin/env bash
# zod-to-openapi (@asteasolutions, under @hono/zod-openapi) describes z.int32() as `number` without bounds: 1.5 and 1e300 are
# right by the description, and refused by the very schema that it was made of. z.int() is `integer` without its bounds, and
# zod's own z.toJSONSchema tells both whole. It hurts whoever has clients generated, or tests made, of such a description.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init --yes >/dev/null
npm install --silent --no-audit --no-fund zod@4.6.7 @asteasolutions/zod-to-openapi@9.1.0
cat > program.mjs <<'END'
import { extendZodWithOpenApi, OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi'
import * as zod from 'zod'
const z = { ...zod }
extendZodWithOpenApi(zod.z)
const registry = new OpenAPIRegistry()
registry.register('Numbers', zod.z.object({ narrow: z.int32(), whole: z.int() }))
const { properties } = new OpenApiGeneratorV31(registry.definitions).generateComponents().components.schemas.Numbers
console.log('zod-to-openapi:', JSON.stringify(properties))
console.log('zod itself:    ', JSON.stringify(z.toJSONSchema(z.object({ narrow: z.int32(), whole: z.int() })).properties))
console.log('z.int32() takes 1.5:', z.int32().safeParse(1.5).success)
const asSeen = JSON.stringify(properties) === '{"narrow":{"type":"number"},"whole":{"type":"integer"}}'
process.exit(asSeen && !z.int32().safeParse(1.5).success ? 0 : 1)
END
node --version
npm ls --depth 0
node program.mjs

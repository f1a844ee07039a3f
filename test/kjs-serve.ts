import { createHttpApp } from '../src/contract/http/app.ts'
import { openInMemory } from '../src/embedded/embedded.ts'
import { startHttpServer } from '../src/embedded/http-server.ts'
const { broker } = openInMemory()
const server = await startHttpServer(createHttpApp({ broker, logger: { error: console.error } }), { port: 18082 })
console.log(server.url)

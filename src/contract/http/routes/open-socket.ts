import type { RouteDocumentation } from '../openapi/documentation.ts'
import { invalidRequest } from '../problems/problem.ts'
import { defineRouteWithState } from '../route.ts'

/** Where listeners open their sockets. The server around the app does that, once it is known who asks. */
export const route = defineRouteWithState({
  method: 'get',
  path: '/waking',
  open: ({ waking }) => {
    // Elsewhere, where it is no path of this server.
    if (waking?.url !== '/waking') return undefined
    return async ({ context }) => {
      if (context.env.isUpgrade) return new Response(null, { status: 204 })
      throw invalidRequest(400, 'Open a WebSocket here: ask with Upgrade: websocket.')
    }
  },
})

export const documentation = (): RouteDocumentation => ({
  summary: 'Open a socket on which a listener is woken',
  description:
    'A WebSocket. Say {"type":"hello"} on it, and bring the ticket that comes with a fetch (`listener`): the partitions that it ' +
    'arms are told of once, when something is appended. docs/waking.md has all messages.',
  answers: { 101: { description: 'It is open.' } },
})

import { ARMED_HEADER, WAKING_HEADER } from '../../waking/offer.ts'
import type { AnswerHeaders } from '../openapi/documentation.ts'

/** What the answer to a fetch says of being woken. A function: what only describes is left out where nobody asks for it. */
export const wakingHeaders = (): AnswerHeaders => ({
  [WAKING_HEADER]: {
    description: 'Where listeners open their sockets: a URL, or a path here. Missing where nobody is woken.',
    schema: { type: 'string' },
  },
  [ARMED_HEADER]: {
    description:
      'What became of the listener: `all`: is woken at the next change of each partition that was to be armed; a list of ' +
      'places in the request: but for these, which are to be polled; `stale` or `forged`: its ticket is, and arms nothing.',
    schema: { type: 'string' },
  },
})

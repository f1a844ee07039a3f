import { TidemarkError } from '../../core/errors.ts'
import { DeleteTopics } from '../wire/messages/delete-topics.ts'
import { NO_UUID } from '../wire/schema.ts'
import type { Context } from './context.ts'
import { apiError, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'
import { namedOnce } from './named-once.ts'

/** From there on topics can be named by their ids. */
const VERSION_OF_IDS = 6

interface Asked {
  readonly name: string | null
  readonly topicId: string
}

export const deleteTopics = handler(DeleteTopics, [1, 6], async (request, context) => {
  const asked: readonly Asked[] =
    context.version >= VERSION_OF_IDS
      ? request.topics
      : request.topicNames.map(name => ({ name, topicId: NO_UUID }))
  const { once, twice } = namedOnce(asked, ({ name, topicId }) => `${name ?? ''}/${topicId}`)
  const responses: (Asked & { errorCode: number; errorMessage: string | null })[] = twice.map(topic => ({
    ...topic,
    ...apiError('INVALID_REQUEST', 'The request names this topic twice.'),
  }))
  for (const topic of once) responses.push(await remove(topic, context))
  context.topics.forget()
  return { responses }
})

async function remove(asked: Asked, { broker, topics }: Context) {
  try {
    const found = await find(asked, topics)
    await broker.deleteTopic(found.name)
    return { ...found, errorCode: NONE, errorMessage: null }
  } catch (error) {
    return { ...asked, ...toApiError(error) }
  }
}

async function find({ name, topicId }: Asked, topics: Context['topics']): Promise<Asked & { name: string }> {
  const isById = topicId !== NO_UUID
  if (isById === (name !== null)) {
    throw new TidemarkError('INVALID_REQUEST', 'A topic is named by its name, or by its id: by one of them.')
  }
  if (name !== null) return { name, topicId: (await topics.byName(name))?.topicId ?? NO_UUID }
  const found = await topics.byId(topicId)
  if (!found) throw new TidemarkError('UNKNOWN_TOPIC_ID', `There is no topic with the id ${topicId}.`)
  return { name: found.topic, topicId }
}

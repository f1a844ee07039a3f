import { TidemarkError } from '../../core/errors.ts'
import { checkTopicName } from '../../core/topic/topic-name.ts'
import { Lane } from '../../core/turns.ts'
import type { RequestOf, ResponseOf } from '../wire/api.ts'
import { DescribeConfigs } from '../wire/messages/describe-configs.ts'
import { ListConfigResources } from '../wire/messages/list-config-resources.ts'
import { describeBrokerConfigs } from './broker-configs.ts'
import { type DescribedConfig, RESOURCE } from './config-resources.ts'
import type { Context } from './context.ts'
import { codeOf, NONE, toApiError } from './error-code.ts'
import { handler } from './handler.ts'
import { describeTopicConfigs } from './topic-configs.ts'

type Request = RequestOf<typeof DescribeConfigs>
type Resource = Request['resources'][number]
type Result = ResponseOf<typeof DescribeConfigs>['results'][number]

const TOPICS_PARALLEL = 8

export const describeConfigs = handler(DescribeConfigs, [1, 4], async (request, context) => {
  const lane = new Lane(TOPICS_PARALLEL)
  // Each once: all that is told of one is a thousand times what it takes to ask for it.
  const asked = new Map(request.resources.map(resource => [keyOf(resource), resource]))
  const results = Array.from(asked.values(), resource => lane.run(() => describe(resource, request, context)))
  return { results: await Promise.all(results) }
})

function keyOf({ resourceType, resourceName, configurationKeys }: Resource): string {
  return JSON.stringify([resourceType, resourceName, configurationKeys])
}

async function describe(
  { resourceType, resourceName, configurationKeys }: Resource,
  { includeSynonyms, includeDocumentation }: Request,
  context: Context,
): Promise<Result> {
  const resource = { resourceType, resourceName }
  try {
    const all = await configsOf(resource, context)
    const isWanted = (name: string) => !configurationKeys?.length || configurationKeys.includes(name)
    const configs = all
      .filter(({ name }) => isWanted(name))
      .map(config => ({
        ...config,
        synonyms: includeSynonyms ? config.synonyms : [],
        documentation: includeDocumentation ? config.documentation : null,
      }))
    return { ...resource, errorCode: NONE, errorMessage: '', configs }
  } catch (error) {
    return { ...resource, ...toApiError(error), configs: [] }
  }
}

type Named = Pick<Resource, 'resourceType' | 'resourceName'>

async function configsOf(
  { resourceType, resourceName }: Named,
  context: Context,
): Promise<DescribedConfig[]> {
  switch (resourceType) {
    case RESOURCE.topic:
      checkTopicName(resourceName)
      return describeTopicConfigs((await context.broker.describeTopic(resourceName)).configs)
    case RESOURCE.broker:
      // Of all brokers together nothing was set.
      if (resourceName === '') return []
      checkBroker(resourceName, context)
      return describeBrokerConfigs(context.settings)
    case RESOURCE.brokerLogger:
      checkBroker(resourceName, context)
      return []
    case RESOURCE.clientMetrics:
    case RESOURCE.group:
      return []
    default:
      throw new TidemarkError('INVALID_REQUEST', `Nothing of the type ${resourceType} has configs.`)
  }
}

/** Each tells of itself. @throws TidemarkError INVALID_REQUEST */
function checkBroker(name: string, { settings: { nodeId } }: Context): void {
  if (name === String(nodeId)) return
  throw new TidemarkError('INVALID_REQUEST', `This is broker ${nodeId}, and not ${name}: ask that one.`)
}

/** In the first version of it nothing else could be listed. */
const LISTED_IN_VERSION_0: readonly number[] = [RESOURCE.clientMetrics]
const LISTED: readonly number[] = Object.values(RESOURCE)

export const listConfigResources = handler(
  ListConfigResources,
  [0, 1],
  async ({ resourceTypes }, { settings, topics, version }) => {
    const asked = version === 0 ? LISTED_IN_VERSION_0 : resourceTypes.length > 0 ? resourceTypes : LISTED
    if (asked.some(type => !LISTED.includes(type))) {
      return { errorCode: codeOf('UNSUPPORTED_VERSION'), configResources: [] }
    }
    const configResources: { resourceName: string; resourceType: number }[] = []
    for (const resourceType of asked) {
      if (resourceType === RESOURCE.topic) {
        for (const { topic } of await topics.all())
          configResources.push({ resourceName: topic, resourceType })
      } else if (resourceType === RESOURCE.broker || resourceType === RESOURCE.brokerLogger) {
        configResources.push({ resourceName: String(settings.nodeId), resourceType })
      }
    }
    return { errorCode: NONE, configResources }
  },
)

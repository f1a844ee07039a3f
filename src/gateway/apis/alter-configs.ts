import { TidemarkError } from '../../core/errors.ts'
import { checkConfigName, checkConfigs } from '../../core/topic/topic-config.ts'
import type { RequestOf, ResponseOf } from '../wire/api.ts'
import { AlterConfigs } from '../wire/messages/alter-configs.ts'
import { IncrementalAlterConfigs } from '../wire/messages/incremental-alter-configs.ts'
import { RESOURCE } from './config-resources.ts'
import type { Context } from './context.ts'
import { apiError, NONE, toApiError } from './error-code.ts'
import { hasNoEffect, isForeign } from './foreign-configs.ts'
import { handler } from './handler.ts'
import { namedOnce } from './named-once.ts'
import { isList, toOwnConfigs, toOwnValue } from './topic-configs.ts'

type Operation = RequestOf<typeof IncrementalAlterConfigs>['resources'][number]['configs'][number]
type Setting = RequestOf<typeof AlterConfigs>['resources'][number]['configs'][number]

interface Change {
  readonly set: Record<string, string>
  readonly unset: string[]
}

interface Resource<Config> {
  readonly resourceType: number
  readonly resourceName: string
  readonly configs: readonly Config[]
}

const OPERATION = { set: 0, delete: 1, append: 2, subtract: 3 } as const

/** What is not named stays. */
export const incrementalAlterConfigs = handler(
  IncrementalAlterConfigs,
  [0, 1],
  async ({ resources, validateOnly }, context) => ({
    responses: await alterAll(resources, validateOnly, context, toChange),
  }),
)

/** What is not named goes back to its default. */
export const alterConfigs = handler(AlterConfigs, [0, 2], async ({ resources, validateOnly }, context) => ({
  responses: await alterAll(resources, validateOnly, context, async ({ resourceName, configs }) => {
    const set = toOwnConfigs(configs)
    const { configs: all } = await context.broker.describeTopic(resourceName)
    const unset = all
      .filter(({ name, isDefault }) => !isDefault && set[name] === undefined)
      .map(({ name }) => name)
    return { set, unset }
  }),
}))

async function alterAll<Config extends Setting | Operation>(
  resources: readonly Resource<Config>[],
  isTrial: boolean,
  context: Context,
  toChange: (resource: Resource<Config>, context: Context) => Promise<Change>,
) {
  const keyOf = ({ resourceType, resourceName }: Resource<Config>) => `${resourceType}/${resourceName}`
  const { once, twice } = namedOnce(resources, keyOf)
  const responses: ResponseOf<typeof AlterConfigs>['responses'][number][] = twice.map(
    ({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      ...apiError('INVALID_REQUEST', 'The request names this twice.'),
    }),
  )
  for (const resource of once) {
    const { resourceType, resourceName } = resource
    const outcome = await alter(resource, isTrial, context, toChange)
    responses.push({ resourceType, resourceName, ...outcome })
  }
  return responses
}

async function alter<Config extends Setting | Operation>(
  resource: Resource<Config>,
  isTrial: boolean,
  context: Context,
  toChange: (resource: Resource<Config>, context: Context) => Promise<Change>,
) {
  const { resourceType, resourceName, configs } = resource
  try {
    if (resourceType !== RESOURCE.topic) throw fixed(resourceType, configs)
    if (new Set(configs.map(({ name }) => name)).size < configs.length) {
      throw new TidemarkError('INVALID_REQUEST', 'The request names a config twice.')
    }
    const { set, unset } = await toChange(resource, context)
    for (const name of unset) checkConfigName(name)
    checkConfigs(set)
    if (isTrial) await context.broker.describeTopic(resourceName)
    else await context.broker.alterTopic({ topic: resourceName, set, unset })
    return { errorCode: NONE, errorMessage: null }
  } catch (error) {
    return toApiError(error)
  }
}

function fixed(resourceType: number, configs: readonly { readonly name: string }[]): TidemarkError {
  const names = configs.map(({ name }) => name).join(', ')
  return new TidemarkError(
    'INVALID_REQUEST',
    `Only configs of topics can be altered, and not those of the type ${resourceType}: ${names}.`,
  )
}

async function toChange(
  { resourceName, configs }: Resource<Operation>,
  { broker }: Context,
): Promise<Change> {
  const change: Change = { set: {}, unset: [] }
  for (const { name, configOperation, value } of configs) {
    if (!isForeign(name)) checkConfigName(name)
    if (configOperation === OPERATION.delete) {
      if (!isForeign(name)) change.unset.push(name)
      continue
    }
    if (value === null) throw new TidemarkError('INVALID_REQUEST', `${name} needs a value.`)
    if (configOperation === OPERATION.set) {
      // What has no effect takes none away either.
      if (!hasNoEffect(name, value)) change.set[name] = toOwnValue(name, value)
      continue
    }
    if (isForeign(name)) continue
    if (configOperation !== OPERATION.append && configOperation !== OPERATION.subtract) {
      throw new TidemarkError('INVALID_REQUEST', `There is no operation ${configOperation} on configs.`)
    }
    if (!isList(name)) throw new TidemarkError('INVALID_CONFIG', `${name} is no list: set it.`)
    const { configs: all } = await broker.describeTopic(resourceName)
    const before = partsOf(all.find(config => config.name === name)?.value ?? '')
    const parts = partsOf(value)
    const after =
      configOperation === OPERATION.append
        ? [...new Set([...before, ...parts])]
        : before.filter(part => !parts.includes(part))
    change.set[name] = after.join(',')
  }
  return change
}

function partsOf(value: string): string[] {
  return value
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
}

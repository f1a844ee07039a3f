import * as z from 'zod'
import { TidemarkError } from '../../src/core/errors.ts'
import type { TriggerSettings } from '../../src/core/trigger/trigger.ts'

/** The trigger that a template describes. */
export interface TriggerProperties {
  readonly groupId: string
  readonly topic: string
  /** The function's ARN. */
  readonly target: string
  readonly state: 'active' | 'paused'
  readonly settings: Partial<TriggerSettings>
}

/** The settings come as JSON, since CloudFormation sends every number and every switch as text. */
const settings = z.string().transform((text, { addIssue }) => {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch {
    addIssue('must be a JSON object')
    return z.NEVER
  }
})

const Properties = z.object({
  ServiceToken: z.unknown(),
  groupId: z.string().min(1),
  topic: z.string().min(1),
  target: z.string().min(1),
  state: z.enum(['active', 'paused']).optional(),
  settings,
  onFailure: z.string().min(1).optional(),
})

/** What is in the settings is checked where triggers are made. @throws TidemarkError INVALID_REQUEST */
export function readTriggerProperties(properties: unknown): TriggerProperties {
  const result = Properties.safeParse(properties)
  if (!result.success) {
    const issues = result.error.issues.map(
      ({ path, message }) => `${path.join('.') || 'properties'}: ${message}`,
    )
    throw new TidemarkError(
      'INVALID_REQUEST',
      `The trigger's properties are not valid. ${issues.join('; ')}.`,
    )
  }
  const { groupId, topic, target, state = 'active', onFailure } = result.data
  return {
    groupId,
    topic,
    target,
    state,
    settings: { ...result.data.settings, ...(onFailure !== undefined && { onFailure }) },
  }
}

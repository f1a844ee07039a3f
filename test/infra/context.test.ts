import { App } from 'aws-cdk-lib'
import { expect, test } from 'vitest'
import { readSettings } from '../../infra/context.ts'

const settingsOf = (context: Record<string, unknown>) => readSettings(new App({ context }).node)

test('what a command line says, and what cdk.json says', () => {
  expect(settingsOf({})).toMatchObject({ stackName: 'Tidemark', production: false, auth: 'iam' })
  expect(settingsOf({ production: 'true', monitoring: false, stackName: 'Orders' })).toMatchObject({
    stackName: 'Orders',
    production: true,
    monitoring: false,
  })
  // Left out, it is what the broker makes of it.
  expect(Object.keys(settingsOf({}))).not.toContain('waking')
  expect(settingsOf({ waking: 'true' })).toMatchObject({ waking: true })
})

test.each(['prodction', 'Production', 'jwtissuer'])('%s is no setting, so nothing is deployed', name => {
  expect(() => settingsOf({ [name]: 'true' })).toThrow(
    `There is no setting ${name} (-c, or context in cdk.json): there are stackName, production, monitoring, tracing, waking, requestLog, jwtIssuer, jwtAudience.`,
  )
})

test("CDK's own context is not taken for a slip", () => {
  const own = {
    '@aws-cdk/core:newStyleStackSynthesis': true,
    'aws:cdk:bundling-stacks': ['**'],
    'availability-zones:account=1:region=eu-west-1': ['a'],
    'cli-telemetry': false,
  }
  expect(settingsOf(own)).toMatchObject({ stackName: 'Tidemark' })
})

import { expect, test } from 'vitest'
import { asStoreError } from '../../../src/adapters/aws/aws-failures.ts'
import { aboutProfile, credentialsAdvice } from '../../../src/adapters/aws/credentials-advice.ts'

test('a profile that was asked for is named, since the SDK does not', () => {
  expect(credentialsAdvice({ AWS_PROFILE: 'nope' })).toBe(
    'AWS_PROFILE is "nope": is there such a profile (`aws configure list-profiles`), and has it credentials that ' +
      'hold (`aws sso login --profile nope`)?',
  )
  for (const environment of [{}, { AWS_PROFILE: '' }]) {
    expect(credentialsAdvice(environment)).toMatch(/^set AWS_PROFILE, or AWS_ACCESS_KEY_ID and /)
  }
})

test('a region that nobody knows may be meant to come from a profile', () => {
  expect(aboutProfile({ AWS_PROFILE: 'nope' })).toContain('the profile "nope"')
  expect(aboutProfile({})).toBe('')
})

test('a store without credentials says so', () => {
  const error = Object.assign(new Error('Could not load credentials from any providers'), {
    name: 'CredentialsProviderError',
  })
  const call = { action: 'dynamodb:Query', resource: 'the table "tides"', effect: 'read' } as const
  expect(asStoreError(error, call)).toMatchObject({
    name: 'StoreFailed',
    message: expect.stringContaining(`valid credentials for dynamodb:Query: ${credentialsAdvice()} (`),
  })
})

import { expect, test } from 'vitest'
import { apiOf } from '../../../src/gateway/wire/apis.ts'
import { decodeRequestHeader } from '../../../src/gateway/wire/header.ts'
import { clientRequests } from './client-requests.ts'

test.each(clientRequests())('$client: $api $version is read, and written as it came', ({ hex, ...of }) => {
  const frame = Buffer.from(hex, 'hex')
  const { apiKey, apiVersion, bodyAt } = decodeRequestHeader(frame, apiOf)
  const api = apiOf(apiKey, apiVersion)!
  expect([api.name, apiVersion]).toEqual([of.api, of.version])
  const body = api.decodeRequest(apiVersion, frame, bodyAt)
  const written = Buffer.concat(api.encodeRequest(apiVersion, body))
  expect(written).toEqual(frame.subarray(bodyAt))
})

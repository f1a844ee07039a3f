import { defineApi } from '../api.ts'
import { bytes, int16, int64, string } from '../schema.ts'

export const SaslAuthenticate = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleFrom: 2,
  request: { authBytes: bytes },
  response: {
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    authBytes: bytes.orElse(new Uint8Array(0)),
    sessionLifetimeMs: int64.in('1+'),
  },
})

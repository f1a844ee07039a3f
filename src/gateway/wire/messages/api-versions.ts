import { defineApi } from '../api.ts'
import { array, bool, int16, int32, int64, string } from '../schema.ts'

export const ApiVersions = defineApi({
  key: 18,
  name: 'ApiVersions',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    clientSoftwareName: string.in('3+'),
    clientSoftwareVersion: string.in('3+'),
    clusterId: string.in('5+').nullable('5+').orElse(null),
    nodeId: int32.in('5+').orElse(-1),
  },
  response: {
    errorCode: int16,
    apiKeys: array({ apiKey: int16, minVersion: int16, maxVersion: int16 }),
    throttleTimeMs: int32.in('1+'),
    supportedFeatures: array({ name: string, minVersion: int16, maxVersion: int16 }).tagged(0, '3+'),
    finalizedFeaturesEpoch: int64.tagged(1, '3+').orElse(-1),
    finalizedFeatures: array({ name: string, maxVersionLevel: int16, minVersionLevel: int16 }).tagged(
      2,
      '3+',
    ),
    zkMigrationReady: bool.tagged(3, '3+'),
  },
})

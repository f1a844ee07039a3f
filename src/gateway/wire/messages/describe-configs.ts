import { defineApi } from '../api.ts'
import { array, bool, int8, int16, int32, string } from '../schema.ts'

export const DescribeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleFrom: 4,
  request: {
    resources: array({
      resourceType: int8,
      resourceName: string,
      configurationKeys: array(string).nullable(),
    }),
    includeSynonyms: bool.orElse(false),
    includeDocumentation: bool.in('3+'),
  },
  response: {
    throttleTimeMs: int32.orElse(0),
    results: array({
      errorCode: int16,
      errorMessage: string.nullable().orElse(null),
      resourceType: int8,
      resourceName: string,
      configs: array({
        name: string,
        value: string.nullable(),
        readOnly: bool,
        configSource: int8.orElse(-1),
        isSensitive: bool,
        synonyms: array({ name: string, value: string.nullable(), source: int8 }).orElse([]),
        configType: int8.in('3+'),
        documentation: string.in('3+').nullable('3+'),
      }),
    }),
  },
})

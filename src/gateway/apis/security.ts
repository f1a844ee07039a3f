import { CreateAcls } from '../wire/messages/create-acls.ts'
import { DeleteAcls } from '../wire/messages/delete-acls.ts'
import { DescribeAcls } from '../wire/messages/describe-acls.ts'
import { DescribeUserScramCredentials } from '../wire/messages/describe-user-scram-credentials.ts'
import { apiError, NONE } from './error-code.ts'
import { handler } from './handler.ts'

/** As a broker of Kafka's without an authorizer. */
const DISABLED = apiError(
  'SECURITY_DISABLED',
  'There are no access control lists here: whoever may come may do everything.',
)

export const describeAcls = handler(DescribeAcls, [1, 3], async () => ({ ...DISABLED, resources: [] }))

export const createAcls = handler(CreateAcls, [1, 3], async ({ creations }) => ({
  results: creations.map(() => DISABLED),
}))

export const deleteAcls = handler(DeleteAcls, [1, 3], async ({ filters }) => ({
  filterResults: filters.map(() => ({ ...DISABLED, matchingAcls: [] })),
}))

/** Users stand in a gateway's file, and are nobody's to ask for. */
export const describeUserScramCredentials = handler(
  DescribeUserScramCredentials,
  [0, 0],
  async ({ users }) => ({
    errorCode: NONE,
    errorMessage: '',
    results: (users ?? []).map(({ name }) => ({
      user: name,
      ...apiError('RESOURCE_NOT_FOUND', 'Users are not told of here: they stand in the file of the gateway.'),
      credentialInfos: [],
    })),
  }),
)

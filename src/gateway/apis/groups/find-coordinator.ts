import { TidemarkError } from '../../../core/errors.ts'
import { FindCoordinator } from '../../wire/messages/find-coordinator.ts'
import { NONE, toApiError } from '../error-code.ts'
import { handler } from '../handler.ts'

/** Share groups, which there are none of. */
const SHARE = 2

/** Every gateway coordinates every group, since all that they share stands in the store. */
export const findCoordinator = handler(
  FindCoordinator,
  [0, 6],
  async ({ keyType, coordinatorKeys }, { version, settings }) => {
    const { nodeId, advertised } = settings
    const refused =
      keyType > SHARE || keyType < 0 || keyType === SHARE
        ? toApiError(new TidemarkError('INVALID_REQUEST', 'There are coordinators of groups only.'))
        : undefined
    const found = refused
      ? { ...refused, nodeId: -1, host: '', port: -1 }
      : { errorCode: NONE, errorMessage: null, nodeId, ...advertised }
    if (version < 4) return { ...found, coordinators: [] }
    return { coordinators: coordinatorKeys.map(each => ({ key: each, ...found })) }
  },
)

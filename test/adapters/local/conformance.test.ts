import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLocalStore } from '../../../src/adapters/local/local-store.ts'
import { describeClassicGroupStore } from '../../conformance/classic-group-store.ts'
import { describeDecidedAppends } from '../../conformance/decided-appends.ts'
import { describeGroupStore } from '../../conformance/group-store.ts'
import { describeLogIndex } from '../../conformance/log-index.ts'
import { describeObjectStore } from '../../conformance/object-store.ts'
import { describeOutboxStore } from '../../conformance/outbox-store.ts'
import { describePendingOffsets } from '../../conformance/pending-offsets.ts'
import { describeSettledLog } from '../../conformance/settled-log.ts'
import { describeTopicStore } from '../../conformance/topic-store.ts'
import { describeTransactionEffects } from '../../conformance/transaction-effects.ts'
import { describeTransactionStore } from '../../conformance/transaction-store.ts'
import { describeTriggerStore } from '../../conformance/trigger-store.ts'
import { describeUpkeepStore } from '../../conformance/upkeep-store.ts'

async function openFresh() {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-conformance-'))
  const store = await openLocalStore(directory)
  const close = async () => {
    await store.close()
    await rm(directory, { recursive: true })
  }
  return { ...store, close }
}

describeLogIndex('local', openFresh)
describeObjectStore('local', openFresh)
describeTopicStore('local', openFresh)
describeGroupStore('local', openFresh)
describeClassicGroupStore('local', openFresh)
describeTriggerStore('local', openFresh)
describeSettledLog('local', openFresh, 15)
describeUpkeepStore('local', openFresh)
describeDecidedAppends('local', openFresh)
describePendingOffsets('local', openFresh)
describeTransactionStore('local', openFresh)
describeTransactionEffects('local', openFresh)
describeOutboxStore('local', openFresh)

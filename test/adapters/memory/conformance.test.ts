import { openMemoryStore } from '../../../src/adapters/memory/memory-store.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { describeClassicGroupStore } from '../../conformance/classic-group-store.ts'
import { describeDecidedAppends } from '../../conformance/decided-appends.ts'
import { describeGroupStore } from '../../conformance/group-store.ts'
import { describeListenerStore } from '../../conformance/listener-store.ts'
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

const open = async () => ({ ...openMemoryStore(new VirtualClock(0)), close: async () => {} })
const openWithEffects = async () => ({
  ...openMemoryStore(new VirtualClock(0), {}, true),
  close: async () => {},
})

describeLogIndex('memory', open)
describeObjectStore('memory', open)
describeTopicStore('memory', open)
describeGroupStore('memory', open)
describeClassicGroupStore('memory', open)
describeTriggerStore('memory', open)
describeSettledLog('memory', open)
describeUpkeepStore('memory', open)
describeListenerStore('memory', open)
describeDecidedAppends('memory', open)
describePendingOffsets('memory', open)
describeTransactionStore('memory', open)
describeTransactionEffects('memory', openWithEffects)
describeOutboxStore('memory', open)

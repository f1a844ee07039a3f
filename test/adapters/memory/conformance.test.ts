import { MemoryGroupStore } from '../../../src/adapters/memory/memory-group-store.ts'
import { MemoryLogIndex } from '../../../src/adapters/memory/memory-log-index.ts'
import { MemoryObjectStore } from '../../../src/adapters/memory/memory-object-store.ts'
import { MemoryTopicStore } from '../../../src/adapters/memory/memory-topic-store.ts'
import { MemoryTriggerStore } from '../../../src/adapters/memory/memory-trigger-store.ts'
import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts'
import { describeGroupStore } from '../../conformance/group-store.ts'
import { describeLogIndex } from '../../conformance/log-index.ts'
import { describeObjectStore } from '../../conformance/object-store.ts'
import { describeTopicStore } from '../../conformance/topic-store.ts'
import { describeTriggerStore } from '../../conformance/trigger-store.ts'

const close = async () => {}

describeLogIndex('memory', async () => ({ index: new MemoryLogIndex(), close }))
describeObjectStore('memory', async () => ({ objects: new MemoryObjectStore(new VirtualClock(0)), close }))
describeTopicStore('memory', async () => ({ topics: new MemoryTopicStore(), close }))
describeGroupStore('memory', async () => ({ groups: new MemoryGroupStore(), close }))
describeTriggerStore('memory', async () => ({ triggers: new MemoryTriggerStore(), close }))

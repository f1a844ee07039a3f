import { clientSuite } from './suite.ts'

clientSuite('kafkajs')

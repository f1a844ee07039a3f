import { clientSuite } from './suite.ts'

clientSuite('confluent-kafka')

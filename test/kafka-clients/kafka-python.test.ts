import { clientSuite } from './suite.ts'

clientSuite('kafka-python')

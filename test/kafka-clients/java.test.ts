import { clientSuite } from './suite.ts'

clientSuite('java')
